# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which machines of an HTCondor pool have to be drained, given back or stopped. Pure; private to this collection."""

from __future__ import annotations

import typing as t

Node = dict[str, t.Any]


class Plan(t.NamedTuple):
    drain: list[str]
    resume: list[str]
    stop: list[str]
    kept: dict[str, str]
    """Machines that are not given back because somebody else drained them, with the reason given."""


def errors(names: list[str], state: str, nodes: dict[str, Node], retirement: int) -> list[str]:
    """What forbids the wish as a whole."""
    found = []
    unknown = [name for name in names if name not in nodes]
    if unknown and state != "absent":
        found.append(f"HTCondor does not know {', '.join(unknown)}; its machines, by their full names, are: {', '.join(sorted(nodes)) or 'none'}")
    # absent does not care for names that are gone, but a short name is not the name of a machine that is gone.
    for name in unknown if state == "absent" else []:
        meant = [full for full in nodes if full.split(".")[0] == name]
        found += [f"{name} is the short name of {full}, and HTCondor knows machines by their full names" for full in meant]
    if state != "resumed":
        for name in dict.fromkeys(names):
            node = nodes.get(name)
            if node and not is_drained(node) and node["jobs"] and (node["retirement_time"] or 0) < retirement:
                found.append(
                    f"{name} would end its jobs {', '.join(node['jobs'])} after {node['retirement_time'] or 0} s: "
                    f"set MAXJOBRETIREMENTTIME there to {retirement} at least"
                )
    return found


def is_drained(node: Node) -> bool:
    return node["draining"] or "Drained" in node["states"]


def plan(names: list[str], state: str, reason: str, force: bool, nodes: dict[str, Node]) -> Plan:
    there = [nodes[name] for name in dict.fromkeys(names) if name in nodes]
    if state == "resumed":
        drained = [node for node in there if is_drained(node)]
        kept = {node["name"]: node["reason"] for node in drained if node["reason"] != reason and not force}
        return Plan([], [node["name"] for node in drained if node["name"] not in kept], [], kept)
    drain = [node["name"] for node in there if not is_drained(node)]
    return Plan(drain, [], [node["name"] for node in there] if state == "absent" else [], {})


def unsettled(plan: Plan, nodes: dict[str, Node]) -> list[str]:
    """The machines of which the pool does not yet say what was done to them."""
    wanted = {**dict.fromkeys(plan.drain, True), **dict.fromkeys(plan.resume, False)}
    return [name for name, drained in wanted.items() if name in nodes and is_drained(nodes[name]) != drained]


def left(names: list[str], nodes: dict[str, Node]) -> dict[str, list[str]]:
    """The machines that are not yet drained to the end, with their jobs. What is not in the pool any more has none."""
    return {name: nodes[name]["jobs"] for name in dict.fromkeys(names) if name in nodes and not nodes[name]["drained"]}


def describe(busy: dict[str, list[str]]) -> str:
    return ", ".join(f"{name} ({', '.join(jobs) or 'no job, but not yet drained'})" for name, jobs in busy.items())
