# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pathlib

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _slurm, _slurm_drain

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "slurm"
# static1 is a static node, wn1 has jobs, wn2 has a job and was drained "by hand".
NODES = {node["name"]: node for node in _slurm.shape("nodes", (FIXTURES / "nodes.json").read_text())}
JOBS = _slurm.shape("jobs", (FIXTURES / "jobs.json").read_text())
COMPLETING = _slurm.shape("jobs", (FIXTURES / "jobs_completing.json").read_text())
WN1, WN2 = "swn1.grid.test", "swn2.grid.test"


@pytest.mark.parametrize(
    ("names", "state", "error"),
    [
        ([WN1, WN2, "static1"], "drained", None),
        ([WN1], "absent", None),
        (["gone"], "absent", None),
        ([], "drained", None),
        ([WN1, "gone"], "drained", f"Slurm does not know gone; its nodes are: static1, {WN1}, {WN2}"),
        (["gone"], "resumed", f"Slurm does not know gone; its nodes are: static1, {WN1}, {WN2}"),
        ([WN1, "static1"], "absent", "static1 is a static node and cannot be deleted: take its NodeName line out of slurm.conf instead"),
    ],
)
def test_errors(names, state, error):
    assert _slurm_drain.errors(names, state, NODES) == ([error] if error else [])


def test_a_cluster_without_nodes_says_so():
    assert _slurm_drain.errors(["gone"], "drained", {}) == ["Slurm does not know gone; its nodes are: none"]


@pytest.mark.parametrize(
    ("names", "state", "reason", "force", "expected"),
    [
        ([WN1], "drained", "ours", False, ([WN1], [], [], {})),
        ([WN1, WN1], "drained", "ours", False, ([WN1], [], [], {})),
        ([WN2], "drained", "ours", False, ([], [], [], {})),
        ([WN1], "resumed", "ours", False, ([], [], [], {})),
        ([WN1], "resumed", "ours", True, ([], [], [], {})),
        ([WN2], "resumed", "ours", False, ([], [], [], {WN2: "by hand"})),
        ([WN2], "resumed", "ours", True, ([], [WN2], [], {})),
        ([WN2], "resumed", "by hand", False, ([], [WN2], [], {})),
        ([WN1, WN2, "gone"], "absent", "ours", False, ([WN1], [], [WN1, WN2], {})),
        (["gone"], "absent", "ours", False, ([], [], [], {})),
    ],
)
def test_plan(names, state, reason, force, expected):
    assert _slurm_drain.plan(names, state, reason, force, NODES) == _slurm_drain.Plan(*expected)


@pytest.mark.parametrize(
    ("names", "jobs", "ids"),
    [
        ([WN1], JOBS, [1, 2]),
        ([WN2], JOBS, [3]),
        ([WN1, WN2], JOBS, [1, 2, 3]),
        (["static1"], JOBS, []),
        ([], JOBS, []),
        ([WN2], COMPLETING, [10]),
        ([WN2], [{**COMPLETING[0], "state": "CANCELLED"}], []),
    ],
)
def test_the_jobs_on_nodes(names, jobs, ids):
    assert [job["id"] for job in _slurm_drain.jobs_on(names, jobs)] == ids


def test_jobs_are_described():
    assert _slurm_drain.describe(COMPLETING) == f"10 of grid01 (COMPLETING on {WN1} {WN2})"
