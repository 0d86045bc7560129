# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Whose request for a token the manager of an HTCondor pool approves by itself; with the real commands in molecule/condor."""

from __future__ import annotations

import importlib.util
import json
import pathlib

import pytest

FILE = pathlib.Path(__file__).resolve().parents[3] / "roles" / "condor" / "files" / "condor_join_approve.py"
# As condor_token_request_list -json of 23.9 shows it.
RIGHT = {
    "AuthenticatedIdentity": "join@htc.test",
    "ClientId": "wn.htc.test-452",
    "LimitAuthorization": "ADVERTISE_STARTD,ADVERTISE_MASTER,READ",
    "PeerLocation": "10.89.96.21",
    "RequestedIdentity": "startd@htc.test",
    "RequestId": "7746824",
    "TokenLifetime": 3600,
}


@pytest.fixture
def program():
    spec = importlib.util.spec_from_file_location("condor_join_approve", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("differs", "right"),
    [
        ({}, True),
        ({"LimitAuthorization": "READ, ADVERTISE_MASTER, ADVERTISE_STARTD"}, True),
        ({"AuthenticatedIdentity": "startd@htc.test"}, False),
        ({"AuthenticatedIdentity": "join@far.test"}, False),
        ({"AuthenticatedIdentity": None}, False),
        ({"RequestedIdentity": "condor@htc.test"}, False),
        ({"RequestedIdentity": "join@htc.test"}, False),
        ({"LimitAuthorization": "ADVERTISE_STARTD,ADVERTISE_MASTER,READ,ADMINISTRATOR"}, False),
        ({"LimitAuthorization": "READ"}, False),
        ({"LimitAuthorization": ""}, False),
        ({"TokenLifetime": 3601}, False),
        ({"TokenLifetime": -1}, False),
    ],
)
def test_only_what_a_worker_needs_is_approved(program, differs, right):
    assert program.is_right({**RIGHT, **differs}, "htc.test", 3600) is right


@pytest.mark.parametrize("missing", sorted(RIGHT.keys() - {"ClientId", "PeerLocation", "RequestId"}))
def test_a_request_that_leaves_something_out_is_not_approved(program, missing):
    assert not program.is_right({key: value for key, value in RIGHT.items() if key != missing}, "htc.test", 3600)


def test_requests_are_listed_and_approved_by_the_commands_of_htcondor(program, tmp_path, monkeypatch, capsys):
    seen = tmp_path / "seen"
    (tmp_path / "condor_token_request_list").write_text(f"#!/bin/sh\ncat <<END\n{json.dumps([RIGHT])}\nEND\n")
    (tmp_path / "condor_token_request_approve").write_text(f'#!/bin/sh\necho "$@" >{seen}; cat >>{seen}\n')
    for path in tmp_path.glob("condor_*"):
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert program.requests() == [RIGHT]
    program.approve(RIGHT)
    assert seen.read_text() == "-reqid 7746824\nyes\n"
    assert capsys.readouterr().out == "request 7746824 of wn.htc.test-452 at 10.89.96.21: approved\n"
    # A collector that does not answer, and one that has nothing.
    for script in ("#!/bin/sh\nexit 1\n", "#!/bin/sh\n"):
        (tmp_path / "condor_token_request_list").write_text(script)
        assert program.requests() == []
