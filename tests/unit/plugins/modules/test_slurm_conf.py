# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The module on real files; only the running slurmctld is put in its place."""

from __future__ import annotations

import json
import os
import stat
import time

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.elastigrid.site.plugins.modules import slurm_conf

CONF = "ClusterName=grid\nSlurmctldHost=ctl\nSlurmctldPort=6817\nPartitionName=main Nodes=ALL MaxTime=60\n"
NO_PARAMETERS = {"reconfigure": [], "restart_controller": [], "restart_workers": []}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "slurm.conf"


@pytest.fixture
def run(capsys, monkeypatch, path):
    def run_module(content, started=None, **arguments):
        monkeypatch.setattr(slurm_conf, "controller_start", lambda module: started)
        # The machine that runs the tests may have a Slurm of its own.
        monkeypatch.setenv("PATH", "/nonexistent")
        with patch_module_args({"path": str(path), "content": content, "_ansible_remote_tmp": str(path.parent), **arguments}):
            with pytest.raises(SystemExit):
                slurm_conf.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def outcome(result):
    return result["changed"], result["action"], result["pending"]


def later():
    return time.time() + 60


def test_the_first_start(run, path):
    checked = run(CONF, _ansible_check_mode=True)
    assert not path.exists()
    result = run(CONF)
    assert outcome(result) == outcome(checked) == (True, "restart", False)
    assert result["parameters"] == NO_PARAMETERS
    assert path.read_text() == CONF
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_an_empty_file_is_a_first_start_too(run, path):
    path.touch()
    assert outcome(run(CONF, started=later())) == (True, "restart", False)


def test_nothing_to_do(run, path):
    path.write_text(CONF)
    assert outcome(run(CONF, started=later())) == (False, "none", False)
    assert outcome(run(CONF, started=None)) == (False, "none", False)


def test_a_reconfigure(run, path):
    path.write_text(CONF)
    result = run(CONF.replace("=60", "=70"), started=later(), _ansible_diff=True)
    assert outcome(result) == (True, "reconfigure", False)
    assert result["parameters"] == {**NO_PARAMETERS, "reconfigure": ["PartitionName=main/MaxTime"]}
    assert (result["diff"]["before"], result["diff"]["after"]) == (CONF, path.read_text())


def test_a_controller_that_does_not_run_is_started_not_reconfigured(run, path):
    path.write_text(CONF)
    assert outcome(run(CONF.replace("=60", "=70"))) == (True, "restart", False)


def test_a_run_that_was_cut_off_is_made_good(run, path):
    path.write_text(CONF)
    before = os.stat(path).st_mtime - 10
    assert outcome(run(CONF, started=before)) == (False, "restart", True)
    assert outcome(run(CONF.replace("=60", "=70"), started=before)) == (True, "restart", True)


def test_restarts_of_workers_have_to_be_asked_for(run, path):
    path.write_text(CONF)
    new = CONF.replace("6817", "6819").replace("=60", "=70")
    for check_mode in (True, False):
        result = run(new, started=later(), _ansible_check_mode=check_mode)
        assert result["failed"]
        assert "SlurmctldPort: 6817 -> 6819. To allow it: -e slurm_restart_workers=true" in result["msg"]
        assert path.read_text() == CONF
    result = run(new, started=later(), restart_workers=True)
    assert outcome(result) == (True, "restart", False)
    assert result["parameters"]["restart_workers"] == ["SlurmctldPort"]
    assert path.read_text() == new


def test_a_faulty_file_is_not_written(run, path):
    path.write_text(CONF)
    result = run(CONF + "PartitionName=main\n")
    assert result["failed"]
    assert "line 5: PartitionName=main is described a second time" in result["msg"]
    assert path.read_text() == CONF


def test_the_start_of_a_real_process(monkeypatch):
    """This very process, as systemd would name it."""

    class Module:
        def get_bin_path(self, name):
            return name

        def run_command(self, command):
            return 0, f"{os.getpid()}\n", ""

    assert 0 < time.time() - slurm_conf.controller_start(Module()) < 24 * 3600
