# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""When a control tower may use a database. That a database server answers like this is shown by molecule/act."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import types

import pytest

FILE = pathlib.Path(__file__).resolve().parents[3] / "roles" / "act" / "files" / "act_tower.py"
TABLES = [("arcjobs",), ("clientjobs",), ("jobdescriptions",), ("proxies",)]
DB = types.SimpleNamespace(name="act")


@pytest.fixture
def tower(monkeypatch):
    connector = types.SimpleNamespace(connect=lambda **arguments: arguments, Error=OSError)
    config = types.SimpleNamespace(aCTConfigARC=lambda: types.SimpleNamespace(db=DB))
    for name, module in {
        "act_repairs": types.SimpleNamespace(login=lambda db: {"database": db.name}),
        "mysql": types.SimpleNamespace(connector=connector),
        "mysql.connector": connector,
        "act": config,
        "act.common": config,
        "act.common.aCTConfig": config,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("act_tower", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(tables=None, lock=1, here="ce.example.org", connections=()):
    tables = TABLES if tables is None else tables
    found = {"SHOW TABLES": tables, "SET SESSION": [], "SELECT GET_LOCK": [(lock,)], "SELECT SUBSTRING_INDEX": [(here,)], "SELECT id, host": connections}
    return lambda connection, question: next(answer for start, answer in found.items() if question.startswith(start))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"connections": [(7, "ce.example.org:4711")]},
        {"here": "localhost", "connections": [(7, "localhost")]},
        {"here": "::1", "connections": [(7, "::1:4711")]},
    ],
)
def test_a_database_that_nobody_else_uses_is_taken(tower, monkeypatch, said):
    monkeypatch.setattr(tower, "ask", answers(**said))
    assert tower.claim(DB) == {"database": "act"}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"tables": TABLES[1:]}, "database act lacks the tables arcjobs"),
        ({"tables": []}, "database act lacks the tables arcjobs, jobdescriptions, proxies"),
        ({"lock": 0}, "used by another control tower, here or under another account"),
        ({"lock": 0, "connections": [(7, "b.example.org:4711")]}, "used by another control tower, on b.example.org: one database is for one tower"),
        ({"lock": 1, "connections": [(7, "b.example.org:4711"), (8, "a.example.org:1"), (9, "a.example.org:2")]}, ", on a.example.org, b.example.org:"),
    ],
)
def test_another_is_refused_in_one_line(tower, monkeypatch, capsys, said, reason):
    monkeypatch.setattr(tower, "ask", answers(**said))
    with pytest.raises(SystemExit) as ended:
        tower.main()
    assert ended.value.code.startswith("The control tower does not start: ")
    assert reason in ended.value.code
    assert "\n" not in ended.value.code


def test_a_tower_that_has_lost_its_place_ends(tower, monkeypatch, capsys):
    """Its connection broke, and another tower was quicker."""

    def gone():
        raise OSError("server has gone away")

    signals = []
    monkeypatch.setattr(tower, "ask", answers(lock=0))
    monkeypatch.setattr(tower.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(tower.os, "kill", lambda pid, number: signals.append(number))
    tower.hold(DB, types.SimpleNamespace(ping=gone))
    assert signals == [tower.signal.SIGTERM]
    assert capsys.readouterr().err.startswith("The control tower stops: database act is used by another control tower")
