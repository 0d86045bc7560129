# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The repairs of aCT, each on the least that shows the fault. That they fit the real one is shown by molecule/act."""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import sys
import types

import pytest

FILE = pathlib.Path(__file__).resolve().parents[3] / "roles" / "act" / "files" / "act_repairs.py"


@pytest.fixture
def repairs():
    finders = list(sys.meta_path)
    spec = importlib.util.spec_from_file_location("act_repairs", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.meta_path[:] = finders
    return module


def test_static_methods_have_their_old_names(repairs):
    arc = types.SimpleNamespace(
        Logger=types.SimpleNamespace(getRootLogger=lambda: "root"), JobDescription=types.SimpleNamespace(Parse=lambda text: text)
    )
    repairs.arc(arc)
    assert (arc.Logger_getRootLogger(), arc.JobDescription_Parse("x")) == ("root", "x")


def test_a_job_has_each_column_once(repairs):
    class Table:
        def __init__(self, log):
            self.jobattrs = {"LogDir": str, "LOGDIR": str}

    module = types.SimpleNamespace(aCTDBArc=Table)
    repairs.jobs(module)
    assert Table("log").jobattrs == {"LogDir": str}


def test_a_collector_that_raises_stop_iteration_ends_and_another_error_is_seen(repairs):
    registered = []
    module = types.SimpleNamespace(REGISTRY=types.SimpleNamespace(register=registered.append))
    repairs.prometheus(module)

    class Collector:
        def __init__(self, error):
            self.error = error

        def collect(self):
            yield "metric"
            raise self.error

    module.REGISTRY.register(Collector(StopIteration()))
    module.REGISTRY.register(Collector(RuntimeError("other")))
    assert list(registered[0].collect()) == ["metric"]
    with pytest.raises(RuntimeError, match="other"):
        list(registered[1].collect())


class Section(dict):
    """As aCT reads its configuration: what is not there is false."""

    def __getattr__(self, name):
        return self.get(name, {})


HERE = {"user": "act", "password": "secret", "name": "act"}
THERE = HERE | {"host": "db.example.org", "port": 3306}
LOGIN = {"user": "act", "password": "secret", "database": "act"}


@pytest.mark.parametrize(
    ("db", "arguments"),
    [
        (HERE, {}),
        (THERE | {"ssl_disabled": True}, {"host": "db.example.org", "port": 3306, "ssl_disabled": True}),
        (
            THERE | {"ssl_ca": "/ca.pem"},
            {"host": "db.example.org", "port": 3306, "ssl_ca": "/ca.pem", "ssl_verify_cert": True, "ssl_verify_identity": True},
        ),
    ],
)
def test_a_database_elsewhere_shows_a_certificate_for_its_name(repairs, monkeypatch, db, arguments):
    assert repairs.login(Section(db)) == LOGIN | arguments
    config = types.SimpleNamespace(aCTConfigARC=lambda: types.SimpleNamespace(db=Section(db)))
    for name in ("act", "act.common", "act.common.aCTConfig"):
        monkeypatch.setitem(sys.modules, name, config)

    class Database:
        pass

    # aCT gives no name where it is about to make the database.
    repairs.database(types.SimpleNamespace(aCTDBMySQL=Database, mysql=types.SimpleNamespace(connect=lambda **given: given)))
    database = Database()
    database._connect("act")
    assert database.conn == LOGIN | arguments
    database._connect()
    assert database.conn == LOGIN | arguments | {"database": None}


def test_a_repair_is_called_when_its_module_is_loaded(tmp_path):
    (tmp_path / "arc.py").write_text("class Logger:\n    getRootLogger = staticmethod(lambda: 'root')\n\n\nclass JobDescription:\n    Parse = None\n")
    (tmp_path / "act_repairs.py").write_text(FILE.read_text())
    code = "import act_repairs, arc, json; print(arc.Logger_getRootLogger())"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "root\n"
