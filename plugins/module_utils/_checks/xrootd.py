# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role xrootd cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import each, port, show, twice

DIRECTIVE = re.compile(r"[a-z]+\.[A-Za-z0-9_]+|if\s+.+|set|setenv")


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a data server or redirector."""
    return list(_errors(variables))


def _errors(variables: dict[str, t.Any]) -> t.Iterator[str]:
    parts = variables.get("xrootd_parts", [])
    if len(parts) > 1:
        yield f"xrootd_parts has {' and '.join(parts)}, must have one: a host is either a data server or a redirector"
    ports = {name: variables[name] for name in ("xrootd_port", "xrootd_cmsd_port") if name in variables}
    for name, value in ports.items():
        yield from port(name, value)
    if len(ports) == 2 and len(set(ports.values())) == 1:
        yield f"xrootd_port and xrootd_cmsd_port are both {show(ports['xrootd_port'])}, must differ"
    exports = variables.get("xrootd_exports", [])
    if exports == [] and "xrootd_exports" in variables:
        yield "xrootd_exports is an empty list, must have at least one path"
    yield from twice("xrootd_exports", exports, "path")
    paths = [(f"{one}.path", entry["path"]) for one, entry in each("xrootd_exports", exports)]
    for where, path in [*paths, ("xrootd_directory", variables.get("xrootd_directory"))]:
        if path is not None:
            yield from plain_path(where, path)
    if variables.get("xrootd_tpc") and not variables.get("xrootd_auth"):
        yield "xrootd_tpc is true, must be false while xrootd_auth is empty: anybody could have this host fetch from anywhere"
    yield from collector("xrootd_report", variables.get("xrootd_report"))
    yield from config("xrootd_config", variables.get("xrootd_config", {}))


def plain_path(where: str, path: str) -> t.Iterator[str]:
    """An error where a path is none that a directive can name."""
    if path == "/" or not re.fullmatch(r"(/[^/\s$]+)+", path) or {".", ".."} & set(path.split("/")):
        yield f"{where} is {show(path)}, must be an absolute path below /, without blanks, $ or a / at its end"


def collector(where: str, value: str | None) -> t.Iterator[str]:
    host, dummy, number = (value or "").rpartition(":")
    if value and (not re.fullmatch(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]", host) or port(where, number)):
        yield f"{where} is {show(value)}, must be like monitor.example.org:9931"


def config(where: str, directives: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """An error for each line that could not be one of a configuration file."""
    for name, value in directives.items():
        if not DIRECTIVE.fullmatch(name):
            yield f"{where} has {show(name)}, must be a directive such as xrd.timeout, or a block such as if exec cmsd"
        if isinstance(value, t.Mapping):
            yield from config(f"{where}.{name}", value)
        else:
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(one, (t.Mapping, list, tuple)) or "\n" in str(one):
                    yield f"{where}.{name} is {show(one)}, must be one line of text, a number, or a list of them"
