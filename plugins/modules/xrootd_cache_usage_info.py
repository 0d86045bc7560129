#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xrootd_cache_usage_info
short_description: Reads what XRootD caches hold, and what they have served
version_added: 0.1.0
description:
  - Sums up the records (C(.cinfo)) that an XRootD cache keeps beside each of its files, by C(xrdpfc_print), and the file system that it is on.
  - A record that cannot be read is named in the result, and is no failure. A cache whose directory is not there is one.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
notes:
  - Runs as root, or as the user of the cache. Others see nothing of it.
  - A cache counts as hits what it had read ahead, too, so that with prefetching even the first reader of a file has some.
  - What was served is known of the files that are in the cache now. With a file its record is removed.
options:
  caches:
    description: The caches.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance. Its watermarks are read from C(/etc/xrootd/xrootd-name.cfg).
        type: str
        required: true
      directory:
        description: Where it lies. Its names are in C(namespace) below it.
        type: path
        required: true
  hours:
    description: Of how many hours RV(caches[].series) tells, the current one included. From 1 to 744.
    type: int
    default: 24
  top:
    description: How many files are named, those that served most. From 0 to 1000.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: What the caches do is known
  elastigrid.site.xrootd_cache_usage_info:
    caches:
      - name: public
        directory: /var/cache/xrootd/public
    hours: 48
  register: usage
"""

RETURN = r"""
caches:
  description: The caches, in the order given. All sizes are bytes, all times seconds since 1970.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: As given.
      type: str
    directory:
      description: As given.
      type: str
    size:
      description: Size of its file system.
      type: int
    free:
      description: What is free there for others than root.
      type: int
    low_watermark:
      description: Use of the file system down to which files are removed. Nothing if the configuration does not say it.
      type: int
    high_watermark:
      description: Use of the file system that starts it. Nothing if the configuration does not say it.
      type: int
    used:
      description: What its files and their records take on disk.
      type: int
    files:
      description: Number of files that are in it, wholly or in part.
      type: int
    complete:
      description: Number of files that are wholly in it.
      type: int
    cached:
      description: How much of these files is in it, in whole blocks. All of it came from the origin.
      type: int
    opened:
      description: How often these files were opened.
      type: int
    hit:
      description: What was served of what was in the cache.
      type: int
    miss:
      description: What was served as it came from the origin, and stored.
      type: int
    bypass:
      description: What was served as it came from the origin, and not stored.
      type: int
    served:
      description: The sum of these three.
      type: int
    hit_ratio:
      description: RV(caches[].hit) as a part of RV(caches[].served), from 0 to 1. Nothing if nothing was served.
      type: float
    series:
      description:
        - What was served in each hour, oldest first.
        - How fast a file was read while it was open is not known. It counts evenly from the first second to the last, and so do accesses that
          XRootD has merged into one record, since it keeps 20 for a file.
      type: list
      elements: dict
      contains:
        start:
          description: When the hour begins, by the clock.
          type: int
        hit:
          description: As RV(caches[].hit).
          type: int
        miss:
          description: As RV(caches[].miss).
          type: int
        bypass:
          description: As RV(caches[].bypass).
          type: int
    top:
      description: The files that served most, the first of them first.
      type: list
      elements: dict
      contains:
        path:
          description: Its path, as clients name it.
          type: str
        size:
          description: Its size.
          type: int
        cached:
          description: How much of it is in the cache, in whole blocks.
          type: int
        opened:
          description: How often it was opened.
          type: int
        hit:
          description: As RV(caches[].hit).
          type: int
        miss:
          description: As RV(caches[].miss).
          type: int
        bypass:
          description: As RV(caches[].bypass).
          type: int
        served:
          description: As RV(caches[].served).
          type: int
        hit_ratio:
          description: As RV(caches[].hit_ratio).
          type: float
        last:
          description: When it was last read.
          type: int
    unreadable:
      description: Number of records that cannot be read. Their files are in RV(caches[].used), and in nothing else.
      type: int
    unreadable_files:
      description: The first 20 of them, as paths below C(namespace).
      type: list
      elements: str
"""

import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _cache_usage

# Bytes of a command line. The kernel takes at least 2 MiB, environment included.
COMMAND = 500_000
NAMED = 20


class Reader:
    """Reads a cache, once, and keeps what cannot be read."""

    def __init__(self, module: AnsibleModule, program: str, directory: str) -> None:
        self.module = module
        self.program = program
        self.root = os.path.join(directory, "namespace")
        self.used = 0
        self.unreadable: list[str] = []

    def records(self) -> t.Iterator[str]:
        """Paths of the records. What is removed meanwhile does not count."""
        for directory, below, names in os.walk(self.root):
            if directory == self.root and _cache_usage.OWN in below:
                below.remove(_cache_usage.OWN)
            for name in names:
                path = os.path.join(directory, name)
                try:
                    self.used += os.stat(path).st_blocks * 512
                except OSError:
                    pass
                if name.endswith(".cinfo"):
                    yield path

    def files(self) -> t.Iterator[_cache_usage.File]:
        for chunk in _cache_usage.chunks(self.records(), COMMAND):
            yield from self.read(chunk)

    def read(self, paths: list[str]) -> list[_cache_usage.File]:
        rc, out, _err = self.module.run_command([self.program, "-j", "-u", "B", *paths], environ_update={"TZ": "UTC"})
        try:
            found = _cache_usage.parse(out) if rc == 0 else None
        except ValueError:
            found = None
        if found is None and len(paths) > 1:
            # One of them has killed it, such as one whose name is no UTF-8.
            half = len(paths) // 2
            return self.read(paths[:half]) + self.read(paths[half:])
        read = {file.path for file in found or []}
        self.unreadable += [path for path in paths if path not in read and os.path.lexists(path)]
        return found or []


def text(path: str) -> str:
    """A name as it can be told: a file may have one that is no UTF-8."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def look(module: AnsibleModule, program: str, cache: dict[str, t.Any], now: float) -> dict[str, t.Any]:
    reader = Reader(module, program, cache["directory"])
    system = os.statvfs(cache["directory"])
    place = _cache_usage.Place(system.f_blocks * system.f_frsize, system.f_bavail * system.f_frsize)
    try:
        with open(f"/etc/xrootd/xrootd-{cache['name']}.cfg", encoding="utf-8", errors="replace") as handle:
            low, high = _cache_usage.watermarks(handle.read(), place.size)
    except FileNotFoundError:
        low, high = None, None
    sums = _cache_usage.sum_up(reader.files(), reader.root, now, module.params["hours"], module.params["top"])
    return {
        **cache,
        **place._asdict(),
        "low_watermark": low,
        "high_watermark": high,
        "used": reader.used,
        **sums,
        "unreadable": len(reader.unreadable),
        "unreadable_files": [text(path[len(reader.root) :]) for path in sorted(reader.unreadable)[:NAMED]],
    }


def main() -> None:
    caches = {"name": {"type": "str", "required": True}, "directory": {"type": "path", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "caches": {"type": "list", "elements": "dict", "required": True, "options": caches},
            "hours": {"type": "int", "default": 24},
            "top": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    for option, low, high in (("hours", 1, 744), ("top", 0, 1000)):
        if not low <= module.params[option] <= high:
            module.fail_json(msg=f"{option} is {module.params[option]}, must be from {low} to {high}")
    missing = [f"{one['name']}: {one['directory']}" for one in module.params["caches"] if not os.path.isdir(os.path.join(one["directory"], "namespace"))]
    if missing:
        module.fail_json(msg=f"caches has {', '.join(missing)}: there is no directory namespace in it; must be where a cache lies")
    program = module.get_bin_path("xrdpfc_print")
    if not program:
        module.fail_json(msg="xrdpfc_print is not there; it comes with XRootD's server, which the role xrootd_cache installs")
    module.exit_json(changed=False, caches=[look(module, program, cache, time.time()) for cache in module.params["caches"]])


if __name__ == "__main__":
    main()
