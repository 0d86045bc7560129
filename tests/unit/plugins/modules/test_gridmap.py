# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The module on real files, with local files as sources."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap_config
from ansible_collections.elastigrid.site.plugins.modules import gridmap

JANE, JOE = "/DC=org/CN=Jane", "/DC=org/CN=Joe"


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    (tmp_path / "members").write_text(f'"{JANE}"\n')

    warnings = []
    # Where Ansible itself runs, as here, a warning goes to the terminal.
    monkeypatch.setattr(gridmap.AnsibleModule, "warn", lambda module, text: warnings.append(text))

    def run_module(**arguments):
        warnings.clear()
        options = {
            "vos": [{"name": "grid", "account": "grid", "sources": [{"name": "local", "type": "gridmap", "path": str(tmp_path / "members")}]}],
            "outputs": [{"type": "grid_mapfile", "path": str(tmp_path / "grid-mapfile")}],
            "state_dir": str(tmp_path / "state"),
            "_ansible_remote_tmp": str(tmp_path),
        }
        with patch_module_args({**options, **arguments}):
            with pytest.raises(SystemExit):
                gridmap.main()
        return {**json.loads(capsys.readouterr().out), "warnings": list(warnings)}

    return run_module


def test_a_run(run, tmp_path):
    checked = run(_ansible_check_mode=True, _ansible_diff=True)
    assert not (tmp_path / "grid-mapfile").exists() and not (tmp_path / "state").exists()
    result = run(_ansible_diff=True)
    keys = ("changed", "diff", "outputs", "sources", "vos")
    assert {key: result[key] for key in keys} == {key: checked[key] for key in keys}
    assert result["changed"]
    path = str(tmp_path / "grid-mapfile")
    assert result["diff"] == [{"before_header": path, "after_header": path, "before": "", "after": f'"{JANE}" grid\n'}]
    assert result["sources"]["local"]["status"] == "fresh"
    assert result["vos"] == {"grid": {"members": 1, "out": {}}}
    assert result["outputs"] == [
        {"path": path, "type": "grid_mapfile", "changed": True, "entries": 1, "came": 1, "went": 0, "skipped": {}, "problem": None}
    ]
    result = run()
    assert not result["changed"] and result["outputs"][0]["entries"] == 1


def test_wrong_options(run, tmp_path):
    result = run(bans=["x"], max_age=0)
    assert result["failed"] and result["msg"].startswith("Nothing was done: max_age is 0, must be at least 1; bans[0] is ")
    result = run(force=["x"])
    assert result["failed"] and result["msg"] == "No output was written: force has x, must be names of sources (local)"
    assert [path.name for path in tmp_path.iterdir()] == ["members"]


def test_a_source_that_fails(run, tmp_path):
    run()
    (tmp_path / "members").unlink()
    result = run()
    assert not result.get("failed") and not result["changed"]
    assert "source local cannot be read" in result["warnings"][0] and result["sources"]["local"]["status"] == "kept"
    state = tmp_path / "state" / "state.json"
    data = json.loads(state.read_text())
    data["sources"]["local"]["accepted"] -= 8 * 86400
    state.write_text(json.dumps(data))
    result = run()
    assert result["failed"] and "more than max_age (7 days). What could be done was done." in result["msg"]
    assert result["sources"]["local"]["status"] == "stale"
    assert JANE in (tmp_path / "grid-mapfile").read_text()


def test_a_state_dir_that_cannot_be(run, tmp_path):
    (tmp_path / "state").write_text("")
    result = run()
    assert result["failed"] and "state_dir" in result["msg"]


def test_the_program(run, tmp_path):
    program = {"path": str(tmp_path / "program"), "config": str(tmp_path / "config.json")}
    assert run(program=program, _ansible_check_mode=True)["changed"]
    assert not (tmp_path / "program").exists()
    assert run(program=program)["changed"]
    assert [stat.S_IMODE(os.stat(program[key]).st_mode) for key in ("path", "config")] == [0o755, 0o644]
    assert not run(program=program)["changed"]
    _gridmap_config.load((tmp_path / "config.json").read_text())
    (tmp_path / "members").write_text(f'"{JANE}"\n"{JOE}"\n')
    done = subprocess.run([sys.executable, program["path"], program["config"]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f'"{JOE}" grid' in (tmp_path / "grid-mapfile").read_text()
    # The module and the program have one state.
    assert not run(program=program)["changed"]
    (tmp_path / "program").chmod(0o644)
    assert run(program=program)["changed"]
    result = run(program=program, max_age=5)
    assert result["changed"] and [diff["before_header"] for diff in result["diff"]] == [program["config"]]


def test_the_documentation_is_about_these_options():
    """That sanity compares the two is only known where it runs."""

    def names(options):
        return {name: names(option.get("options") or option.get("suboptions") or {}) for name, option in options.items()}

    documented = yaml.safe_load(gridmap.DOCUMENTATION)["options"]
    assert names(documented) == names({**_gridmap_config.SPEC, "force": {}, "program": {"options": {"path": {}, "config": {}}}})


def test_the_examples_are_right():
    for task in yaml.safe_load(gridmap.EXAMPLES):
        _gridmap_config.load(json.dumps(task["elastigrid.site.gridmap"]))
