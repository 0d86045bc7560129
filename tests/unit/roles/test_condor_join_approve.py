# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Whose request for a token the manager of an HTCondor pool approves by itself; with the real commands in molecule/condor."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import time

import pytest

FILE = pathlib.Path(__file__).resolve().parents[3] / "roles" / "condor" / "files" / "condor_join_approve.py"
# As condor_token_request_list -json of 23.9 shows it.
RIGHT = {
    "AuthenticatedIdentity": "join_a1b2c3@htc.test",
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
        ({"AuthenticatedIdentity": "join_a1b2c3@far.test"}, False),
        ({"AuthenticatedIdentity": "join_a1b2c3@htcxtest"}, False),
        ({"AuthenticatedIdentity": "join@htc.test"}, False),
        ({"AuthenticatedIdentity": "join_../a@htc.test"}, False),
        ({"AuthenticatedIdentity": None}, False),
        ({"RequestedIdentity": "condor@htc.test"}, False),
        ({"RequestedIdentity": "join_a1b2c3@htc.test"}, False),
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


@pytest.fixture
def condor(program, tmp_path, monkeypatch):
    """condor(list, approve): scripts in the place of HTCondor's commands, and an empty directory for the names of used tokens."""

    def write(listed: str, approve: str) -> None:
        for name, script in (("list", listed), ("approve", approve)):
            path = tmp_path / f"condor_token_request_{name}"
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(program, "STATE", tmp_path / "state")
    program.STATE.mkdir()
    return write


def test_requests_are_listed_and_approved_by_the_commands_of_htcondor(program, condor, tmp_path, capsys):
    seen = tmp_path / "seen"
    condor(f"cat <<END\n{json.dumps([RIGHT])}\nEND", f'echo "$@" >{seen}; cat >>{seen}')
    assert program.requests() == [RIGHT]
    assert program.answer(RIGHT)
    assert seen.read_text() == "-reqid 7746824\nyes\n"
    assert capsys.readouterr().out == "request 7746824 of wn.htc.test-452 at 10.89.96.21: approved\n"
    # A collector that does not answer, and one that has nothing.
    for script in ("exit 1", ""):
        condor(script, "")
        assert program.requests() == []


def test_a_token_is_good_for_one_approval(program, condor, tmp_path, capsys):
    seen = tmp_path / "seen"
    condor("", f'echo "$2" >>{seen}')
    other = {**RIGHT, "AuthenticatedIdentity": "join_other@htc.test"}
    for identifier, request in (("1", RIGHT), ("2", RIGHT), ("3", other)):
        assert program.answer({**request, "RequestId": identifier})
    assert seen.read_text() == "1\n3\n"
    assert "request 2 of wn.htc.test-452 at 10.89.96.21: not approved: its token was used before\n" in capsys.readouterr().out


def test_an_approval_that_failed_can_be_tried_again(program, condor, capsys):
    condor("", "echo nobody answers >&2; exit 1")
    assert not program.answer(RIGHT)
    assert "not approved: nobody answers" in capsys.readouterr().out
    condor("", "")
    assert program.answer(RIGHT)


def test_names_of_tokens_that_are_long_expired_are_forgotten(program, condor):
    condor("", "")
    for name, age in (("join_old@htc.test", 2 * 3600 + 60), ("join_new@htc.test", 3600)):
        (program.STATE / name).touch()
        os.utime(program.STATE / name, (time.time() - age,) * 2)
    program.answer(RIGHT)
    assert sorted(path.name for path in program.STATE.iterdir()) == [RIGHT["AuthenticatedIdentity"], "join_new@htc.test"]


def test_each_request_is_answered_once(program, condor, tmp_path, monkeypatch):
    """What was approved or refused stays in the list for a while; what failed is tried again."""
    answers = iter([False, True])
    asked = []
    monkeypatch.setattr(program, "requests", lambda: [RIGHT])
    monkeypatch.setattr(program, "answer", lambda request: asked.append(request["RequestId"]) or next(answers))
    rounds = iter(range(3))

    def sleep(_seconds):
        if next(rounds) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(program.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        program.main("htc.test", "3600")
    assert asked == ["7746824", "7746824"]
