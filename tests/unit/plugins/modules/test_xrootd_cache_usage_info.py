# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A cache with records that cannot be read, before a stand-in that treats them as xrdpfc_print does: nothing on stdout, or the end of it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.elastigrid.site.plugins.modules import xrootd_cache_usage_info as module_under_test


class Module:
    """Prints a line for each record that says ok; is killed by a name that is no UTF-8, and prints nothing then."""

    def __init__(self):
        self.calls = 0

    def run_command(self, command, environ_update):
        assert environ_update == {"TZ": "UTC"} and command[1:4] == ["-j", "-u", "B"]
        self.calls += 1
        lines = []
        for path in command[4:]:
            try:
                path.encode()
            except UnicodeEncodeError:
                return -6, "", "terminate called"
            with open(path) as handle:
                if handle.read() == "ok":
                    lines.append(json.dumps({"file": path, "accesses": [], "buffer_size": 1, "file_size": 1, "n_acc_total": 0, "n_blocks": 1,
                                             "state_complete": "complete", "state_percentage": 100.0}))  # fmt: skip
        return 0, "".join(line + "\n" for line in lines), ""


@pytest.fixture
def cache(tmp_path):
    for name, text in (("a", "ok"), ("b", "ok"), ("cut", ""), ("<b>\"'", "ok"), ("bad\udcff", "ok"), ("z", "ok")):
        path = tmp_path / "namespace" / "store" / f"{name}.cinfo"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    own = tmp_path / "namespace" / module_under_test._cache_usage.OWN
    own.mkdir()
    (own / "DirStat.json.cinfo").write_text("ok")
    return tmp_path


def test_what_cannot_be_read_is_named_and_costs_nothing_else(cache):
    reader = module_under_test.Reader(Module(), "xrdpfc_print", str(cache))
    files = list(reader.files())
    assert sorted(file.path.rsplit("/", 1)[1] for file in files) == ["<b>\"'.cinfo", "a.cinfo", "b.cinfo", "z.cinfo"]
    assert sorted(module_under_test.text(path.rsplit("/", 1)[1]) for path in reader.unreadable) == ["bad\ufffd.cinfo", "cut.cinfo"]
    assert reader.used > 0


def test_many_records_are_one_call(cache):
    (cache / "namespace" / "store" / "bad\udcff.cinfo").unlink()
    for number in range(1000):
        (cache / "namespace" / "store" / f"{number}.cinfo").write_text("ok")
    module = Module()
    assert len(list(module_under_test.Reader(module, "xrdpfc_print", str(cache)).files())) == 1004
    assert module.calls == 1


def test_what_is_removed_meanwhile_is_nothing(cache):
    reader = module_under_test.Reader(Module(), "xrdpfc_print", str(cache))
    reader.module.run_command = lambda command, environ_update: (0, "", "warning Read() failed")
    assert reader.read([str(cache / "gone.cinfo")]) == [] and reader.unreadable == []
