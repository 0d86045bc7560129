# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The report of caches says what they have served."""

from __future__ import annotations

import json
import time

import pytest
from conftest import CACHE, LOGIN, ORIGIN, STORE

SIZE = 6 * 2**20


@pytest.fixture
def file(site):
    name = f"report-{time.time_ns()}"
    site.ssh(ORIGIN, f"sudo sh -c 'head -c {SIZE} /dev/urandom >{STORE}/{name}; chown xrootd: {STORE}/{name}'")
    yield f"/store/{name}"
    site.ssh(ORIGIN, f"sudo rm -f {STORE}/{name}")


def test_a_file_that_is_read_twice_is_in_the_report(site, file, tmp_path):
    def report() -> dict:
        run = site.play("-e", f"cache_report_directory={tmp_path}", playbook="playbooks/cache_report.yml").succeeded()
        assert run.changed == []
        assert run.hosts == {CACHE}
        return {cache["name"]: cache for cache in json.loads((tmp_path / "caches.json").read_text())["caches"]}

    def row() -> dict:
        return next((row for row in report()["public"]["top"] if row["path"] == file), {"served": 0, "cached": 0})

    read = f"xrdcp --force --silent root://{CACHE}:1094/{file} /dev/null"
    site.ssh(LOGIN, read)
    site.wait("the first reader is on record", lambda: (seen := row())["served"] >= SIZE and seen["cached"] == SIZE, 60)
    first = row()
    assert (first["size"], first["opened"]) == (SIZE, 1)
    site.ssh(LOGIN, read)
    site.wait("the second reader is on record", lambda: row()["opened"] == 2, 60)
    second = row()
    assert second["hit"] - first["hit"] == second["served"] - first["served"] == SIZE
    assert second["miss"] == first["miss"]
    assert f"<code>{file}</code>" in (tmp_path / "caches.html").read_text()
    assert report()["auth"]["unreadable"] == 0
