# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What keeps an XRootD cache from running on its host. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _condor_token
from ansible_collections.elastigrid.site.plugins.module_utils._checks.xrootd_cache import ORIGIN, level


class Listener(t.NamedTuple):
    """A process that has a port; pid 0: the kernel."""

    process: str
    pid: int


class Seen(t.NamedTuple):
    """What the host knows of a cache."""

    size: int
    """Bytes of the file system on which its directory is, or will be."""
    foreign: list[str] = []
    """Names of what is in its directory, if no cache has made that."""
    listeners: list[Listener] = []
    pid: int = 0
    """Its own process, 0 if it does not run."""
    unresolved: str = ""
    """Why the name of its origin has no address, empty if it has one."""
    unreadable: list[str] = []
    """Its files that xrootd cannot read."""
    missing: list[str] = []
    """Its files that are not there."""
    token: str | None = None


def host(origin: str) -> str:
    """The host in an origin."""
    found = ORIGIN.fullmatch(origin)
    return found["host"] if found else ""


def listeners(text: str) -> list[Listener]:
    """What `ss --no-header --listening --tcp --numeric --processes` prints, see ss(8)."""
    found: dict[Listener, None] = {}
    for line in text.splitlines():
        for process, pid in re.findall(r'\("([^"]*)",pid=([0-9]+)', line) or [("the kernel", 0)]:
            found[Listener(process, int(pid))] = None
    return list(found)


def faults(cache: dict[str, t.Any], seen: Seen, now: float) -> list[str]:
    """What is wrong, as sentences."""
    return list(_faults(cache, seen, now))


def _faults(cache: dict[str, t.Any], seen: Seen, now: float) -> t.Iterator[str]:
    name, directory = cache["name"], cache["directory"]
    if seen.foreign:
        yield (
            f"The directory of cache {name} is {directory}, which holds {', '.join(seen.foreign)} and was not made by this role; "
            "must be empty, missing, or a cache of before. A cache removes files when it is full"
        )
    mark = level(cache["high_watermark"])
    if mark and mark[0] == "size" and mark[1] > seen.size:
        yield (
            f"The high_watermark of cache {name} is {cache['high_watermark']}, must be at most the size of the file system of {directory}, "
            f"{seen.size / (1 << 30):.1f} GiB"
        )
    for one in seen.listeners:
        if one.pid == 0 or one.pid != seen.pid:
            who = f"{one.process} (pid {one.pid})" if one.pid else one.process
            yield f"The port of cache {name} is {cache['port']}, which {who} has; must be free, or that of xrootd@{name} of before"
    for path in seen.unreadable:
        yield f"Cache {name} has {path}, which xrootd cannot read; must be readable by it, and by nobody else"
    if seen.token is not None and (why := token_fault(seen.token, now)):
        yield f"The token of cache {name} is {cache['token']}, which {why}"


def absent(cache: dict[str, t.Any], seen: Seen) -> list[str]:
    """What is wrong because it is not there, as sentences. In check mode another role may be about to make it."""
    found = [f"The token of cache {cache['name']} is {path}, which does not exist" for path in seen.missing]
    if seen.unresolved:
        found.append(f"The origin of cache {cache['name']} is {cache['origin']}, which does not resolve: {seen.unresolved}")
    return found


def token_fault(text: str, now: float) -> str:
    """Why an origin would not take a token, as the end of a sentence; empty if nothing is known against it. Never what is in it."""
    if not text.strip():
        return "is empty"
    try:
        said = _condor_token.claims(text)
    except ValueError:
        # A macaroon, or another one that only its maker can read.
        return ""
    return f"expired on {_condor_token.moment(said['exp'])}" if _condor_token.expired(said, now) else ""
