# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pathlib

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _condor, _condor_drain

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "condor"
NAT, WN = "nat.htc.test", "wn.htc.test"
OURS = "elastigrid.site: removal"


def nodes(name):
    return {node["name"]: node for node in _condor.nodes((FIXTURES / f"nodes_{name}.json").read_text())}


# One job on each; then nat is draining, then drained.
BUSY, DRAINING, DRAINED = nodes("busy"), nodes("draining"), nodes("drained")


def test_machines_with_a_job_each():
    node = BUSY[NAT]
    assert {key: node[key] for key in ("states", "draining", "drained", "reason", "ready", "cpus", "real_memory", "alloc_cpus", "jobs")} == {
        "states": ["Claimed", "Unclaimed"], "draining": False, "drained": False, "reason": "", "ready": True,
        "cpus": 2, "real_memory": 1000, "alloc_cpus": 1, "jobs": ["3.0"],
    }  # fmt: skip
    assert node["retirement_time"] >= 86400
    assert BUSY[WN]["jobs"] == ["3.1"]


def test_a_drain():
    assert (DRAINING[NAT]["draining"], DRAINING[NAT]["drained"], DRAINING[NAT]["reason"], DRAINING[NAT]["jobs"]) == (True, False, OURS, ["3.0"])
    assert (DRAINED[NAT]["drained"], DRAINED[NAT]["jobs"], DRAINED[NAT]["retirement_time"]) == (True, [], None)


@pytest.mark.parametrize("text", ["", "\n", "[\n]\n"])
def test_an_empty_pool(text):
    assert _condor.nodes(text) == _condor.jobs(text) == []


def test_jobs_of_several_schedds():
    text = (FIXTURES / "jobs.json").read_text()
    jobs = _condor.jobs(text)
    assert [(job["id"], job["user"], job["state"], job["cpus"], job["memory"]) for job in jobs] == [
        ("3.0", "alice", "RUNNING", 1, 100), ("3.1", "alice", "RUNNING", 1, 100),
    ]  # fmt: skip
    assert sorted(job["nodes"] for job in jobs) == [[NAT], [WN]]
    assert len(_condor.jobs(text + text)) == 4


@pytest.mark.parametrize(
    ("names", "state", "pool", "error"),
    [
        ([NAT, WN], "drained", BUSY, None),
        (["gone.htc.test"], "absent", BUSY, None),
        (["wn"], "drained", BUSY, f"HTCondor does not know wn; its machines, by their full names, are: {NAT}, {WN}"),
        (["wn"], "resumed", {}, "HTCondor does not know wn; its machines, by their full names, are: none"),
        (["wn"], "absent", BUSY, f"wn is the short name of {WN}, and HTCondor knows machines by their full names"),
        ([WN], "drained", {WN: {**BUSY[WN], "retirement_time": 0}}, f"{WN} would end its jobs 3.1 after 0 s: set MAXJOBRETIREMENTTIME there to 86400 at least"),
        ([WN], "resumed", {WN: {**BUSY[WN], "retirement_time": 0}}, None),
    ],
)
def test_errors(names, state, pool, error):
    assert _condor_drain.errors(names, state, pool, 86400) == ([error] if error else [])


@pytest.mark.parametrize(
    ("state", "reason", "force", "pool", "expected"),
    [
        ("drained", OURS, False, BUSY, ([NAT], [], [], {})),
        ("drained", OURS, False, DRAINING, ([], [], [], {})),
        ("drained", OURS, False, DRAINED, ([], [], [], {})),
        ("resumed", OURS, False, BUSY, ([], [], [], {})),
        ("resumed", OURS, False, DRAINING, ([], [NAT], [], {})),
        ("resumed", "other", False, DRAINED, ([], [], [], {NAT: OURS})),
        ("resumed", "other", True, DRAINED, ([], [NAT], [], {})),
        ("absent", OURS, False, BUSY, ([NAT], [], [NAT], {})),
        ("absent", OURS, False, {}, ([], [], [], {})),
    ],
)
def test_plan(state, reason, force, pool, expected):
    assert _condor_drain.plan([NAT, NAT], state, reason, force, pool) == _condor_drain.Plan(*expected)


def test_what_is_left():
    assert _condor_drain.left([NAT, "gone"], DRAINING) == {NAT: ["3.0"]}
    assert _condor_drain.left([NAT], DRAINED) == {}
    assert _condor_drain.describe({NAT: ["3.0"], WN: []}) == f"{NAT} (3.0), {WN} (no job, but not yet drained)"


def test_what_the_pool_does_not_say_yet():
    drain, resume = _condor_drain.Plan([NAT], [], [], {}), _condor_drain.Plan([], [NAT], [], {})
    assert [_condor_drain.unsettled(drain, pool) for pool in (BUSY, DRAINING, DRAINED, {})] == [[NAT], [], [], []]
    assert [_condor_drain.unsettled(resume, pool) for pool in (BUSY, DRAINING, DRAINED, {})] == [[], [NAT], [NAT], []]
