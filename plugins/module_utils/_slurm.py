# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What Slurm's commands say in JSON, in small stable shapes (tried with 24.11). Private to this collection."""

from __future__ import annotations

import itertools
import json
import re
import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

COMMANDS = {
    "nodes": ["scontrol", "show", "nodes", "--json"],
    "jobs": ["squeue", "--json"],
    "partitions": ["scontrol", "show", "partitions", "--json"],
}
_PART = re.compile(r"([^\[,]+)|\[([^\]]*)\]")


def expand_hostlist(text: str) -> list[str]:
    """The names in a host list expression, such as wn[01-03,7].grid.test,ctl."""
    names: list[str] = []
    for word in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        parts = [[plain] if plain else list(_expand_ranges(ranges)) for plain, ranges in _PART.findall(word)]
        names += ["".join(name) for name in itertools.product(*parts)]
    return names


def _expand_ranges(ranges: str) -> t.Iterator[str]:
    for span in ranges.split(","):
        first, dash, last = span.partition("-")
        if not dash:
            yield first
            continue
        for number in range(int(first), int(last) + 1):
            yield str(number).zfill(len(first))


def _number(value: t.Any) -> int | None:
    """A number that may be unset or infinite, which is None."""
    if not isinstance(value, dict):
        return value
    return value["number"] if value["set"] and not value["infinite"] else None


def node(raw: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        "name": raw["name"],
        "states": raw["state"],
        "reason": raw["reason"],
        "features": raw["features"],
        "cpus": raw["cpus"],
        "real_memory": raw["real_memory"],
        "alloc_cpus": raw["alloc_cpus"],
        "address": raw["address"],
        # Made by `slurmd -Z` or `scontrol create`, so that it can be deleted.
        "dynamic": "DYNAMIC_NORM" in raw["state"],
    }


def job(raw: dict[str, t.Any]) -> dict[str, t.Any]:
    states = raw["job_state"]
    return {
        "id": raw["job_id"],
        "user": raw["user_name"],
        "partition": raw["partition"],
        # The others are how it ended, and flags.
        "state": "COMPLETING" if "COMPLETING" in states else states[0],
        "nodes": expand_hostlist(raw["nodes"]),
        "name": raw["name"],
    }


def partition(raw: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        "name": raw["name"],
        "state": raw["partition"]["state"][0],
        "nodes": expand_hostlist(raw["nodes"]["configured"]),
        "node_sets": [name for name in raw["node_sets"].split(",") if name],
        "cpus": raw["cpus"]["total"],
        "max_time": _number(raw["maximums"]["time"]),
    }


_SHAPES: dict[str, t.Callable[[dict[str, t.Any]], dict[str, t.Any]]] = {"nodes": node, "jobs": job, "partitions": partition}


def shape(kind: str, text: str) -> list[dict[str, t.Any]]:
    """The output of COMMANDS[kind] in our shape, in a stable order."""
    key = "id" if kind == "jobs" else "name"
    return sorted((_SHAPES[kind](raw) for raw in json.loads(text)[kind]), key=lambda item: item[key])


def gather(module: AnsibleModule, kind: str) -> list[dict[str, t.Any]]:
    """Ask the controller. No answer is an error, never an empty list."""
    rc, out, err = module.run_command(COMMANDS[kind])
    if rc:
        module.fail_json(msg=f"`{' '.join(COMMANDS[kind])}` failed: {(err or out).strip()}")
    return shape(kind, out)
