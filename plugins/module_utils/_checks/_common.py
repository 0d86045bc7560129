# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Small questions that several checks ask. Private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._validate import show

__all__ = ["at_least", "each", "port", "show", "twice"]


def each(path: str, entries: t.Iterable[t.Any]) -> t.Iterator[tuple[str, t.Any]]:
    """The entries of a list variable, each with the name that messages call it by."""
    for i, entry in enumerate(entries):
        yield f"{path}[{i}]", entry


def twice(path: str, entries: t.Iterable[t.Any], key: str = "") -> list[str]:
    """An error for each value (of `key`, where entries are dictionaries) that more than one entry of a list has."""
    places: dict[t.Any, list[str]] = {}
    for where, entry in each(path, entries):
        if not key or key in entry:
            places.setdefault(entry[key] if key else entry, []).append(where + (f".{key}" if key else ""))
    return [
        f"{' and '.join(where)} are {'both' if len(where) == 2 else 'all'} {show(value)}, must differ"
        for value, where in places.items()
        if len(where) > 1
    ]


def port(path: str, value: t.Any, ranges: bool = False) -> list[str]:
    """An error where a value is no TCP port (or, where they are allowed, no range of ports such as 6817-6820)."""
    ends = str(value).split("-") if ranges else [str(value)]
    if 1 <= len(ends) <= 2 and all(end.isdigit() and 1 <= int(end) <= 65535 for end in ends):
        return []
    return [f"{path} is {show(value)}, must be a port in 1..65535"]


def at_least(least: int, variables: t.Mapping[str, t.Any], *names: str) -> list[str]:
    """An error for each of the variables that is set to less."""
    return [f"{name} is {variables[name]}, must be at least {least}" for name in names if variables.get(name, least) < least]
