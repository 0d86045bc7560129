# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: no promise to anybody else.
"""What the argument spec of the role nfs cannot say. Wrong types are the spec's business and skipped here."""

from __future__ import annotations

import ipaddress
import posixpath
import re
import typing as t

# What the template of ganesha.conf can say. The kernel's exportfs judges its own options.
GANESHA_OPTIONS = ("rw", "ro", "root_squash", "no_root_squash", "all_squash")


def check(
    variables: t.Mapping[str, t.Any], groups: t.Mapping[str, t.Sequence[str]], group_names: t.Sequence[str]
) -> list[str]:
    """Sentences about everything that is wrong; each names the variable, the value and what is allowed."""
    parts = _list(variables.get("nfs_parts")) or [part for part in ("server", "client") if f"nfs_{part}" in group_names]
    exports = _named_dicts("nfs_exports", variables)
    mounts = _named_dicts("nfs_mounts", variables)
    errors = []
    if "server" in parts:
        errors += _exports(exports, ganesha=variables.get("nfs_server_implementation") == "ganesha")
        errors += _directories(_named_dicts("nfs_directories", variables), [export.get("path") for _name, export in exports])
        if variables.get("nfs_server_implementation") == "ganesha" and variables.get("nfs_v3") is True:
            errors.append("nfs_v3 is true, must be false where nfs_server_implementation is ganesha")
    if "client" in parts:
        errors += _mounts(mounts, bool(groups.get("nfs_server")), variables.get("nfs_v3") is True)
    if "server" in parts and "client" in parts:
        exported = {export.get("path") for _name, export in exports}
        errors += [
            f"{name}.path is {mount['path']}, which this host exports itself: mount it elsewhere"
            for name, mount in mounts
            if mount.get("path") in exported
        ]
    return errors


def _exports(exports: list[tuple[str, dict]], ganesha: bool) -> t.Iterator[str]:
    if not exports:
        yield "nfs_exports is empty, must have at least one export on a host in nfs_server"
    yield from _paths(exports, "path")
    yield from _duplicates(exports)
    for name, export in exports:
        clients = _list(export.get("clients"))
        if not clients:
            yield f"{name}.clients is empty, must have at least one address or subnet"
        for i, client in enumerate(clients):
            try:
                ipaddress.ip_network(client)
            except ValueError as error:
                yield f"{name}.clients[{i}] is {client}, must be an address or a subnet such as 10.1.0.0/16 ({error})"
        if ganesha:
            for i, option in enumerate(_list(export.get("options"))):
                if option not in GANESHA_OPTIONS:
                    yield f"{name}.options[{i}] is {option}, must be one of (with ganesha): {', '.join(GANESHA_OPTIONS)}"


def _directories(directories: list[tuple[str, dict]], exported: list[t.Any]) -> t.Iterator[str]:
    yield from _paths(directories, "path")
    yield from _duplicates(directories)
    for name, directory in directories:
        path = directory.get("path")
        if isinstance(path, str) and not any(path == root or path.startswith(f"{root}/") for root in exported):
            yield f"{name}.path is {path}, must be in one of the exports: {', '.join(map(str, exported))}"


def _mounts(mounts: list[tuple[str, dict]], has_server: bool, v3: bool) -> t.Iterator[str]:
    if not mounts:
        yield "nfs_mounts is empty, must have at least one mount on a host in nfs_client"
    yield from _paths(mounts, "path")
    yield from _paths(mounts, "export", root="/")
    yield from _duplicates(mounts)
    for name, mount in mounts:
        if not mount.get("server") and not has_server:
            yield f"{name}.server is not set and the group nfs_server is empty, must be a host name or address"
        for i, option in enumerate(_list(mount.get("options"))):
            if re.fullmatch(r"(nfs)?vers=3(\..*)?", str(option)) and not v3:
                yield f"{name}.options[{i}] is {option}, must be 4 or later unless nfs_v3 is true"


def _paths(items: list[tuple[str, dict]], key: str, root: str | None = None) -> t.Iterator[str]:
    """Paths stand in files where blanks and some signs have a meaning, and are compared letter by letter."""
    for name, item in items:
        path = item.get(key)
        if not isinstance(path, str) or path == root:
            continue
        plain = path.startswith("/") and not path.startswith("//") and posixpath.normpath(path) == path != "/"
        if not plain or re.search(r"[\s\"'#\\,()]", path):
            yield (
                f"{name}.{key} is {path}, must be an absolute path below / without a final slash, '..', blanks, "
                "quotes, commas, '#', '\\' or parentheses"
            )


def _duplicates(items: list[tuple[str, dict]]) -> t.Iterator[str]:
    first: dict[str, str] = {}
    for name, item in items:
        path = item.get("path")
        if isinstance(path, str) and first.setdefault(path, name) != name:
            yield f"{name}.path is {path} as is {first[path]}.path, must be there once"


def _named_dicts(variable: str, variables: t.Mapping[str, t.Any]) -> list[tuple[str, dict]]:
    """The items of a list variable that are dictionaries, each with its name in messages."""
    return [(f"{variable}[{i}]", item) for i, item in enumerate(_list(variables.get(variable))) if isinstance(item, t.Mapping)]


def _list(value: t.Any) -> list:
    return list(value) if isinstance(value, (list, tuple)) else []
