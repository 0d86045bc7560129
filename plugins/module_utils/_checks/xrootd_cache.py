# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role xrootd_cache cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import each, port, show, twice
from ansible_collections.elastigrid.site.plugins.module_utils._checks.xrootd import collector, config, plain_path

ORIGIN = re.compile(r"(?P<scheme>[a-z]+)://(?P<host>[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:(?P<port>[0-9]+))?/?")
SCHEMES = ("root", "xroot", "http", "https")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
# Names of directives whose options have names of their own here.
PFC_RAM = (1, 256)
BLOCK_SIZE = (4 << 10, 512 << 20)


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong with the caches of a host."""
    return list(_errors(variables, group_names))


def size(text: str) -> int | None:
    """Bytes, from a number with a unit as XRootD writes it."""
    found = re.fullmatch(r"([0-9]+)([kmgt]?)", text.lower())
    return int(found[1]) * UNITS[found[2]] if found else None


def level(text: str) -> tuple[str, float] | None:
    """A watermark: whether it is a fraction or a size, and its value."""
    if re.fullmatch(r"[01]?\.[0-9]+", text):
        return ("fraction", float(text)) if 0 < float(text) < 1 else None
    found = size(text) if re.search("[kmgtKMGT]$", text) else None
    return ("size", found) if found else None


def _errors(variables: dict[str, t.Any], group_names: list[str]) -> t.Iterator[str]:
    instances = variables.get("xrootd_cache_instances", [])
    if not instances and "xrootd_cache_instances" in variables and "xrootd_cache" in group_names:
        yield "xrootd_cache_instances is an empty list, must have at least one cache on a host in xrootd_cache"
    for key in ("name", "port", "directory"):
        yield from twice("xrootd_cache_instances", instances, key)
    directories = [(path, one.get("directory", f"/var/cache/xrootd/{one['name']}")) for path, one in each("xrootd_cache_instances", instances)]
    for path, directory in directories:
        for other, above in directories:
            if path != other and directory.startswith(above + "/"):
                yield f"{path}.directory is {directory}, must not lie in that of {other}, {above}"
    areas = [area["path"] for vo in variables.get("xrootd_cache_vos", []) for area in vo.get("areas", [])]
    for path, one in each("xrootd_cache_instances", instances):
        yield from _instance(path, one, areas)
    for name in ("xrootd_cache_report", "xrootd_cache_monitor"):
        yield from collector(name, variables.get(name))


def _instance(path: str, one: dict[str, t.Any], areas: list[str]) -> t.Iterator[str]:
    if not NAME.fullmatch(one["name"]) or one["name"] in ("origin", "redirector"):
        yield f"{path}.name is {show(one['name'])}, must be made of a-z, 0-9, _ and -, and not be origin or redirector"
    yield from port(f"{path}.port", one["port"])
    origin = ORIGIN.fullmatch(one["origin"])
    if not origin or origin["scheme"] not in SCHEMES or (origin["port"] and port("", origin["port"])):
        yield f"{path}.origin is {show(one['origin'])}, must be like root://origin.example.org:1094, with one of {', '.join(SCHEMES)}"
    if not one["exports"]:
        yield f"{path}.exports is an empty list, must have at least one path"
    yield from twice(f"{path}.exports", one["exports"])
    paths = [(f"{path}.{key}", one[key]) for key in ("directory", "proxy", "token") if key in one]
    paths += [(f"{path}.proxy_from.{key}", value) for key, value in one.get("proxy_from", {}).items()]
    for where, value in [*each(f"{path}.exports", one["exports"]), *paths]:
        yield from plain_path(where, value)
    credentials = [key for key in ("proxy", "proxy_from", "token") if key in one]
    if "proxy" in one and "proxy_from" in one:
        yield f"{path} has proxy and proxy_from, must have one: a proxy is either made here or comes from elsewhere"
    if not one.get("auth") and credentials:
        for export in one["exports"]:
            for area in areas:
                if f"{area}/".startswith(f"{export}/") or f"{export}/".startswith(f"{area}/"):
                    why = "must not while auth is empty and the cache shows the origin a credential"
                    yield f"{path}.exports has {export}, where a VO has the area {area}; {why}"
    yield from _sizes(path, one)
    yield from config(f"{path}.config", one.get("config", {}))


def _sizes(path: str, one: dict[str, t.Any]) -> t.Iterator[str]:
    ram = one.get("ram", 1)
    if not PFC_RAM[0] <= ram <= PFC_RAM[1]:
        yield f"{path}.ram is {ram}, must be in {PFC_RAM[0]}..{PFC_RAM[1]} (GiB)"
    prefetch = one.get("prefetch", 0)
    if not 0 <= prefetch <= 128:
        yield f"{path}.prefetch is {prefetch}, must be in 0..128"
    block = size(one.get("block_size", "1m"))
    if block is None or not BLOCK_SIZE[0] <= block <= BLOCK_SIZE[1] or block % 4096:
        yield f"{path}.block_size is {show(one['block_size'])}, must be a multiple of 4k in 4k..512m"
    marks = {key: one.get(key, default) for key, default in (("low_watermark", "0.90"), ("high_watermark", "0.95"))}
    levels = {key: level(value) for key, value in marks.items()}
    for key, value in marks.items():
        if levels[key] is None:
            yield f"{path}.{key} is {show(value)}, must be a fraction such as 0.90 or a size such as 900g"
    low, high = levels.values()
    if low and high and low[0] != high[0]:
        yield f"{path}.low_watermark is {marks['low_watermark']} and high_watermark is {marks['high_watermark']}, must both be fractions or both be sizes"
    elif low and high and low[1] >= high[1]:
        yield f"{path}.low_watermark is {marks['low_watermark']}, must be less than high_watermark, {marks['high_watermark']}"
