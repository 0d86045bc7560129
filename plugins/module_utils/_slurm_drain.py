# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which nodes have to be drained, resumed or deleted. Pure; private to this collection."""

from __future__ import annotations

import typing as t

Node = dict[str, t.Any]

# squeue(1), JOB STATE CODES: in these a job has no node, or its node is free again.
_WITHOUT_NODE = frozenset(
    "PENDING BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED REVOKED TIMEOUT".split()
)


class Plan(t.NamedTuple):
    drain: list[str]
    resume: list[str]
    delete: list[str]
    kept: dict[str, str]
    """Nodes that are not resumed because somebody else drained them, with the reason given."""


def is_drained(node: Node) -> bool:
    return "DRAIN" in node["states"]


def errors(names: list[str], state: str, nodes: dict[str, Node]) -> list[str]:
    """What forbids the wish as a whole."""
    unknown = [name for name in names if name not in nodes]
    if state != "absent":
        known = ", ".join(sorted(nodes)) or "none"
        return [f"Slurm does not know {', '.join(unknown)}; its nodes are: {known}"] if unknown else []
    static = [name for name in names if name in nodes and not nodes[name]["dynamic"]]
    return [f"{name} is a static node and cannot be deleted: take its NodeName line out of slurm.conf instead" for name in static]


def plan(names: list[str], state: str, reason: str, force: bool, nodes: dict[str, Node]) -> Plan:
    there = [nodes[name] for name in dict.fromkeys(names) if name in nodes]
    if state == "resumed":
        drained = [node for node in there if is_drained(node)]
        kept = {node["name"]: node["reason"] for node in drained if node["reason"] != reason and not force}
        return Plan([], [node["name"] for node in drained if node["name"] not in kept], [], kept)
    drain = [node["name"] for node in there if not is_drained(node)]
    return Plan(drain, [], [node["name"] for node in there] if state == "absent" else [], {})


def jobs_on(names: list[str], jobs: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The jobs that hold one of the nodes, were it only for their epilog."""
    wanted = set(names)
    return [job for job in jobs if job["state"] not in _WITHOUT_NODE and wanted.intersection(job["nodes"])]


def describe(jobs: list[dict[str, t.Any]]) -> str:
    return ", ".join(f"{job['id']} of {job['user']} ({job['state']} on {' '.join(job['nodes'])})" for job in jobs)
