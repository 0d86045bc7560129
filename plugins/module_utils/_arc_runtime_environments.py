# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which calls of `arcctl rte` lead from what is to what is wanted. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(/[A-Za-z0-9][A-Za-z0-9+._-]*)*")


def names(text: str) -> set[str]:
    """The names in what `arcctl rte list --enabled` or `--default` prints."""
    return {line.split()[0] for line in text.splitlines() if line.strip()}


def parameters(text: str) -> dict[str, str]:
    """The parameters in what `arcctl rte params-get` prints."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def calls(wanted: t.Sequence[t.Mapping[str, t.Any]], enabled: set[str], default: set[str]) -> list[list[str]]:
    """At most one call for each kind of change, in the order in which they are possible."""
    lists = [
        ("undefault", [one["name"] for one in wanted if not one["default"] and one["name"] in default]),
        ("disable", [one["name"] for one in wanted if not one["enabled"] and one["name"] in enabled]),
        ("enable", [one["name"] for one in wanted if one["enabled"] and one["name"] not in enabled]),
        ("default", [one["name"] for one in wanted if one["default"] and one["name"] not in default]),
    ]
    return [[verb, *which] for verb, which in lists if which]


def parameter_calls(name: str, wanted: t.Mapping[str, str], current: t.Mapping[str, str]) -> list[list[str]]:
    """One call for each parameter that has another value."""
    return [["params-set", name, key, value] for key, value in wanted.items() if current.get(key) != value]
