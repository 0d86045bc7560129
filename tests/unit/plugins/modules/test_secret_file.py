# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import base64
import json
import stat

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.elastigrid.site.plugins.modules import secret_file


@pytest.fixture
def run(capsys, tmp_path):
    def run_module(**arguments):
        with patch_module_args({"path": str(tmp_path / "key"), "_ansible_remote_tmp": str(tmp_path), **arguments}):
            with pytest.raises(SystemExit):
                secret_file.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_made_once(run, tmp_path):
    assert run(length=20)["changed"]
    first = (tmp_path / "key").read_bytes()
    assert len(first) == 20
    assert mode_of(tmp_path / "key") == 0o600
    assert not run(length=30)["changed"]
    assert (tmp_path / "key").read_bytes() == first


def test_hexadecimal_digits(run, tmp_path):
    run(length=24, encoding="hex")
    text = (tmp_path / "key").read_text()
    assert len(text) == 48
    assert bytes.fromhex(text)


def test_an_empty_file_counts_as_missing_and_is_closed_to_others(run, tmp_path):
    (tmp_path / "key").touch(mode=0o644)
    assert run()["changed"]
    assert len((tmp_path / "key").read_bytes()) == 128
    assert mode_of(tmp_path / "key") == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_the_secret_is_never_open_to_others_on_its_way(run, tmp_path, monkeypatch, there):
    if there:
        (tmp_path / "key").touch(mode=0o644)
    modes = []
    monkeypatch.setattr(secret_file._files, "set_attributes", lambda *dummy: modes.append(mode_of(tmp_path / "key")))
    run(mode="0640")
    assert modes == [0o600]


def test_given_content_wins_and_is_never_shown(run, tmp_path):
    secret = b"first \0 secret"
    content = base64.b64encode(secret).decode()
    (tmp_path / "key").write_bytes(b"another")
    shown = [run(content=content, _ansible_check_mode=True, _ansible_diff=True), run(content=content, _ansible_diff=True)]
    assert [result["changed"] for result in shown] == [True, True]
    assert (tmp_path / "key").read_bytes() == secret
    assert not run(content=content)["changed"]
    for word in (content, "first", "another"):
        assert word not in json.dumps(shown)


def test_the_mode_is_mended_without_touching_the_secret(run, tmp_path):
    run()
    before = (tmp_path / "key").read_bytes()
    (tmp_path / "key").chmod(0o644)
    assert run(_ansible_check_mode=True)["changed"]
    assert mode_of(tmp_path / "key") == 0o644
    assert run()["changed"]
    assert mode_of(tmp_path / "key") == 0o600
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize("there", [True, False])
def test_check_mode_writes_nothing_and_bears_an_owner_that_does_not_exist_yet(run, tmp_path, there):
    if there:
        (tmp_path / "key").write_bytes(b"x")
    result = run(owner="nosuch-owner", group="nosuch-group", _ansible_check_mode=True)
    assert (result["changed"], result.get("failed")) == (True, None)
    assert (tmp_path / "key").exists() is there


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "key"}, "path is key, but must be absolute"),
        ({"length": 15}, "length is 15, but must be at least 16 bytes"),
        ({"content": "hunter2!"}, "content is not valid base64"),
        ({"content": ""}, "content is empty"),
        ({"path": "/nosuch/key"}, "/nosuch/key cannot be written: the directory /nosuch does not exist"),
        ({"path": "/"}, "/ cannot be read: Is a directory"),
    ],
)
def test_errors(run, arguments, message):
    result = run(**arguments)
    assert (result["failed"], result["msg"]) == (True, message)
