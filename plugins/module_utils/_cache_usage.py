# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What an XRootD cache holds and has served, from the .cinfo file that it keeps beside each of its files. Pure; private to this collection.

They are read by xrdpfc_print(1) as JSON, run with TZ=UTC: it prints local time. All sizes are bytes, all times seconds since 1970.
"""

from __future__ import annotations

import calendar
import heapq
import json
import re
import time
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks.xrootd_cache import level

HOUR = 3600
KINDS = ("hit", "miss", "bypass")
# The cache's own statistics, which it keeps as a file of its own.
OWN = "pfc-stats"


class Access(t.NamedTuple):
    """One time that a file was open, or several that XRootD has merged: it keeps 20 records for a file."""

    start: int
    end: int
    hit: int
    miss: int
    bypass: int


class File(t.NamedTuple):
    """A file of the cache."""

    path: str
    """Of its .cinfo file."""
    size: int
    cached: int
    """How much of it is in the cache, in whole blocks."""
    complete: bool
    opened: int
    """How often."""
    accesses: list[Access]


class Place(t.NamedTuple):
    """The file system of a cache, counted as XRootD does it: what only root may write is no free space."""

    size: int
    free: int


def chunks(paths: t.Iterable[str], limit: int) -> t.Iterator[list[str]]:
    """Paths for one command line each, of so many bytes at most."""
    chunk: list[str] = []
    length = 0
    for path in paths:
        # The kernel counts the terminating zero and the pointer.
        more = len(path.encode(errors="surrogateescape")) + 9
        if chunk and length + more > limit:
            yield chunk
            chunk, length = [], 0
        chunk.append(path)
        length += more
    if chunk:
        yield chunk


def parse(text: str) -> list[File]:
    """What `xrdpfc_print -j -u B` prints: an object a line. There is none for a .cinfo file that it cannot read."""
    return [_file(json.loads(line)) for line in text.split("\n") if line.startswith("{")]


def _file(said: dict[str, t.Any]) -> File:
    # null for an empty file, which has no blocks.
    blocks = round(said["n_blocks"] * (said["state_percentage"] or 0) / 100)
    return File(
        path=said["file"],
        size=said["file_size"],
        cached=min(blocks * said["buffer_size"], said["file_size"]),
        complete=said["state_complete"] == "complete",
        opened=said["n_acc_total"],
        accesses=[_access(one) for one in said["accesses"]],
    )


def _access(said: dict[str, t.Any]) -> Access:
    start = _moment(said["attach"])
    # A file that is open, or was when the cache was killed, has no end.
    end = start + _duration(said["duration"]) if said["detach"].startswith("-") else _moment(said["detach"])
    return Access(start, max(start, end), said["B_hit"], said["B_miss"], said["B_bypass"])


def _moment(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%y%m%d:%H%M%S"))


def _duration(text: str) -> int:
    hours, minutes, seconds = map(int, text.split(":"))
    return hours * HOUR + minutes * 60 + seconds


def watermarks(config: str, size: int) -> tuple[int | None, int | None]:
    """Low and high watermark in a configuration of XRootD, on a file system of this size; None if it says nothing that can be told here."""
    found = re.findall(r"^\s*pfc\.diskusage\s+(\S+)\s+(\S+)", config, re.MULTILINE)
    if not found:
        return None, None
    low, high = (_bytes(word, size) for word in found[-1])
    return low, high


def _bytes(word: str, size: int) -> int | None:
    mark = level(word)
    if not mark:
        return None
    return round(mark[1] * size) if mark[0] == "fraction" else round(mark[1])


def sum_up(files: t.Iterable[File], root: str, now: float, hours: int, top: int) -> dict[str, t.Any]:
    """The sums over all files, which are looked at once; the last hours, each an hour of the clock; the files that served most."""
    first = int(now // HOUR - hours + 1) * HOUR
    total = dict.fromkeys(KINDS, 0)
    series = [dict.fromkeys(KINDS, 0.0) for _hour in range(hours)]
    sums = {"files": 0, "complete": 0, "opened": 0, "cached": 0}
    best: list[tuple[int, str, dict[str, t.Any]]] = []
    for file in files:
        sums["files"] += 1
        sums["complete"] += file.complete
        sums["opened"] += file.opened
        sums["cached"] += file.cached
        of_file = {kind: sum(getattr(access, kind) for access in file.accesses) for kind in KINDS}
        for kind in KINDS:
            total[kind] += of_file[kind]
        for access in file.accesses:
            _spread(series, access, first)
        path = file.path[len(root) :].removesuffix(".cinfo")
        row = {"path": path, "size": file.size, "cached": file.cached, "opened": file.opened, **_served(of_file)}
        row["last"] = max((access.end for access in file.accesses), default=None)
        best.append((row["served"], path, row))
        if len(best) >= 4 * top + 1000:
            best = heapq.nlargest(top, best, key=_order)
    return {
        **sums,
        **_served(total),
        "series": [{"start": first + number * HOUR, **{kind: round(hour[kind]) for kind in KINDS}} for number, hour in enumerate(series)],
        "top": [row for served, _path, row in heapq.nlargest(top, best, key=_order) if served],
    }


def _order(one: tuple[int, str, dict[str, t.Any]]) -> tuple[int, str]:
    return one[:2]


def _served(of: dict[str, int]) -> dict[str, t.Any]:
    served = sum(of.values())
    return {**of, "served": served, "hit_ratio": round(of["hit"] / served, 4) if served else None}


def _spread(series: list[dict[str, float]], access: Access, first: int) -> None:
    """All that is known is how much was read while the file was open: as much in each of its seconds."""
    seconds = access.end - access.start + 1
    for number in range(max((access.start - first) // HOUR, 0), min((access.end - first) // HOUR + 1, len(series))):
        begin = first + number * HOUR
        share = (min(access.end + 1, begin + HOUR) - max(access.start, begin)) / seconds
        for kind in KINDS:
            series[number][kind] += getattr(access, kind) * share
