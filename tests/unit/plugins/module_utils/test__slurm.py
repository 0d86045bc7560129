# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The fixtures are what Slurm 24.11.5 answered."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _slurm

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "slurm"


def shape(kind, file=None):
    return _slurm.shape(kind, (FIXTURES / f"{file or kind}.json").read_text())


# What `scontrol show hostnames` makes of them.
@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ""),
        ("x", "x"),
        ("wn[01-03,7].grid.test,ctl", "wn01.grid.test wn02.grid.test wn03.grid.test wn7.grid.test ctl"),
        ("a[1-2]b[3-4]", "a1b3 a1b4 a2b3 a2b4"),
        ("n9,n[8-11]", "n9 n8 n9 n10 n11"),
        ("r[1-2]n[01-02,5]", "r1n01 r1n02 r1n5 r2n01 r2n02 r2n5"),
    ],
)
def test_hostlists(text, names):
    assert _slurm.expand_hostlist(text) == names.split()


def test_nodes():
    static, first, second = shape("nodes")
    assert (static["name"], static["states"], static["dynamic"]) == ("static1", ["UNKNOWN", "NOT_RESPONDING"], False)
    assert (first["name"], first["states"], first["dynamic"]) == ("swn1.grid.test", ["ALLOCATED", "DYNAMIC_NORM"], True)
    assert second == {
        "name": "swn2.grid.test",
        "states": ["MIXED", "DRAIN", "DYNAMIC_NORM"],
        "reason": "by hand",
        "features": ["worker", "big"],
        "cpus": 2,
        "real_memory": 2000,
        "alloc_cpus": 1,
        "address": "10.89.91.22",
        "dynamic": True,
    }


def test_jobs():
    jobs = shape("jobs")
    assert jobs[0] == {"id": 1, "user": "root", "partition": "main", "state": "RUNNING", "nodes": ["swn1.grid.test"], "name": "job1"}
    assert [(job["id"], job["state"], job["nodes"]) for job in jobs[2:4]] == [(3, "RUNNING", ["swn2.grid.test"]), (4, "PENDING", [])]


def test_a_cancelled_job_is_completing_until_its_processes_are_gone():
    (job,) = shape("jobs", "jobs_completing")
    assert (job["state"], job["nodes"]) == ("COMPLETING", ["swn1.grid.test", "swn2.grid.test"])


def test_partitions():
    assert shape("partitions") == [
        {
            "name": "main",
            "state": "UP",
            "nodes": ["swn1.grid.test", "swn2.grid.test"],
            "node_sets": ["workers"],
            "cpus": 4,
            "max_time": None,
        },
        {"name": "old", "state": "UP", "nodes": ["static1"], "node_sets": [], "cpus": 1, "max_time": None},
    ]
