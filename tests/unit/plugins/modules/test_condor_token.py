# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The module with stand-ins for HTCondor's commands; the real ones are in molecule/condor."""

from __future__ import annotations

import base64
import json
import os
import stat
import time

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.elastigrid.site.plugins.modules import condor_token

# A collector whose clock is AHEAD seconds fast, and who evaluates a constraint by it.
STATUS = '#!/bin/sh\nnow=$(($(date +%s) + AHEAD)); test $(($(echo "$5" | sed "s/time()/$now/"))) = 1 && echo "My Pool" || true\n'
PING = """#!/bin/sh
cat "$_CONDOR_SEC_TOKEN_SYSTEM_DIRECTORY"/* >"$SEEN"; echo "$@" >>"$SEEN"
test -z "$REFUSE" || { echo FAIL; echo "$@" | grep -q debug && echo "$REFUSE" >&2; exit 1; }
"""
CREATE = '#!/bin/sh\necho "$@" >"$SEEN"; cat "$NEW"\n'


def token(**claims):
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "HS256"}, claims, "s"))


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    for name, script in {"condor_ping": PING, "condor_status": STATUS, "condor_token_create": CREATE}.items():
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    monkeypatch.setenv("NEW", str(tmp_path / "new"))
    monkeypatch.setenv("AHEAD", "0")
    # Not everybody may give files to root.
    monkeypatch.setattr(condor_token.AnsibleModule, "set_fs_attributes_if_different", lambda self, arguments, changed: changed)

    def run_module(check=False, **arguments):
        arguments = {"path": str(tmp_path / "token"), "_ansible_remote_tmp": str(tmp_path), "_ansible_check_mode": check, **arguments}
        with patch_module_args(arguments):
            with pytest.raises(SystemExit):
                condor_token.main()
        return json.loads(capsys.readouterr().out)

    return run_module


NOW = int(time.time())
GIVEN = token(sub="startd@htc.test", iss="htc.test", iat=NOW - 10, exp=NOW + 5000)
ASKED = {"content": GIVEN, "manager": "cm.htc.test", "asks": ["ADVERTISE_STARTD"]}


def test_a_given_token_is_offered_and_then_written(run, tmp_path):
    assert run(check=True, **ASKED)["changed"]
    assert not (tmp_path / "token").exists()
    result = run(**ASKED)
    assert result["changed"]
    assert result["expires"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + 5000))
    assert (tmp_path / "token").read_text() == GIVEN + "\n"
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert (tmp_path / "seen").read_text() == GIVEN + "\n-pool cm.htc.test -type collector -table ADVERTISE_STARTD\n"
    assert not run(**ASKED)["changed"]


@pytest.mark.parametrize("check", [False, True])
def test_a_token_that_is_refused_is_not_written_and_not_shown(run, tmp_path, monkeypatch, check):
    (tmp_path / "token").write_text("old\n")
    monkeypatch.setenv("REFUSE", "Ignoring token as it is from trust domain htc.test (server trust domain is far.test). Key: 1234")
    result = run(check=check, **ASKED)
    assert result["failed"]
    assert "was not written: cm.htc.test does not grant ADVERTISE_STARTD to what was offered, a token of startd@htc.test" in result["msg"]
    assert "; the trust domain there is far.test." in result["msg"]
    assert "1234" not in result["msg"]
    assert GIVEN not in json.dumps(result)
    assert (tmp_path / "token").read_text() == "old\n"


def test_others_are_asked_about_a_new_token_only(run, monkeypatch):
    run(**ASKED, asks_again=False)
    monkeypatch.setenv("REFUSE", "1")
    assert not run(**ASKED, asks_again=False).get("failed")
    assert run(**ASKED)["failed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"content": "c2VjcmV0"}, "content is no token"),
        ({"content": token(exp=100)}, "content is expired, a token of nobody"),
        ({"identity": "a@b", "lifetime": 60}, "lifetime is 60, but must be at least 3600 seconds"),
        ({}, "one of the following is required: identity, content"),
    ],
)
def test_wrong_input(run, tmp_path, arguments, message):
    result = run(**arguments)
    assert result["failed"]
    assert message in result["msg"]
    assert not (tmp_path / "token").exists()


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (0, ""),
        (50, ""),
        (-50, ""),
        (90, "the clock of cm.htc.test is 60 s or more ahead of that of this host, where it is 20"),
        (-700, "the clock of cm.htc.test is 480 s or more behind that of this host, where it is 20"),
        (-(10**9), "behind"),
    ],
)
@pytest.mark.parametrize("refused", [False, True])
def test_clocks_that_differ_are_named_and_nothing_is_written(run, tmp_path, monkeypatch, ahead, says, refused):
    monkeypatch.setenv("AHEAD", str(ahead))
    if refused:
        monkeypatch.setenv("REFUSE", "1")
    result = run(**ASKED)
    assert result.get("failed", False) == bool(says or refused)
    assert says in result.get("msg", "")
    assert ("the clock of" in result.get("msg", "")) == bool(says)
    assert (tmp_path / "token").exists() == (not says and not refused)


def test_a_manager_that_cannot_be_reached_is_named(run, tmp_path):
    (tmp_path / "bin" / "condor_ping").write_text('#!/bin/sh\necho "ERROR: failed to make connection to <10.0.0.1:9618>" >&2; exit 1\n')
    assert "the collector of cm.htc.test cannot be reached. Right manager and port (9618)?" in run(**ASKED)["msg"]


def test_a_token_is_made_once_and_again_in_time(run, tmp_path):
    wanted = {"identity": "startd@htc.test", "rights": ["READ"], "lifetime": 7200, "key": str(tmp_path / "POOL")}
    new = {"sub": "startd@htc.test", "scope": "condor:/READ", "iat": NOW}
    (tmp_path / "new").write_text(token(**new, exp=NOW + 7200) + "\n")
    assert run(**wanted)["changed"]
    assert (tmp_path / "seen").read_text() == "-identity startd@htc.test -lifetime 7200 -key POOL -authz READ\n"
    assert not run(**wanted)["changed"]
    # Half of its life is over, or what it was signed with is another one.
    (tmp_path / "token").write_text(token(**new, exp=NOW + 3000) + "\n")
    assert run(**wanted)["changed"]
    assert not run(**wanted)["changed"]
    (tmp_path / "POOL").touch()
    os.utime(tmp_path / "POOL", (NOW + 100, NOW + 100))
    assert run(check=True, **wanted)["changed"]
