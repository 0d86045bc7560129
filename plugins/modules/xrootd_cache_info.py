#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xrootd_cache_info
short_description: Says whether a host can run XRootD caches
version_added: 0.1.0
description:
  - Looks at what caches need of a host, and says what would keep each from running, before anything is changed.
  - The module fails only where it cannot look. What is wrong is in the result.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: Changes nothing. What is not there yet, a name or a file, is a warning in check mode, for another role may make it in a real run.
  diff_mode:
    support: none
  platform:
    platforms: posix
options:
  caches:
    description: The caches.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the instance, which is C(xrootd@name).
        type: str
        required: true
      port:
        description: Its port, which nobody else may have.
        type: int
        required: true
      origin:
        description: Where its files come from, as V(root://host:port). The host must have an address.
        type: str
        required: true
      directory:
        description: Where it lies. Must be missing, empty, or have a file C(.elastigrid-cache).
        type: path
        required: true
      high_watermark:
        description: Fill level at which it removes files; a size must not be beyond that of the file system.
        type: str
        required: true
      proxy:
        description: File of the proxy certificate that it shows its origin. The user xrootd must be able to read it, if there is one already.
        type: path
      token:
        description: File of the token that it shows its origin. As O(caches[].proxy), and it must not have expired.
        type: path
"""

EXAMPLES = r"""
- name: The host is looked at
  elastigrid.site.xrootd_cache_info:
    caches:
      - name: public
        port: 1094
        origin: root://origin.example.org:1094
        directory: /data/cache/public
        high_watermark: "0.95"
  register: __host

- name: It can run the caches
  ansible.builtin.assert:
    that: not __host.faults
"""

RETURN = r"""
faults:
  description: What is wrong, as sentences. Empty if nothing is.
  type: list
  elements: str
  returned: always
  sample: ["The port of cache public is 1094, which haproxy (pid 811) has; must be free, or that of xrootd@public of before"]
"""

import os
import pwd
import socket
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _xrootd_cache

MARKER = ".elastigrid-cache"


def run(module: AnsibleModule, *command: str) -> str:
    return module.run_command([module.get_bin_path(command[0], required=True), *command[1:]], check_rc=True)[1]


def size(directory: str) -> int:
    """Bytes of the file system on which a directory is, or would be made."""
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    found = os.statvfs(directory)
    return found.f_blocks * found.f_frsize


def foreign(directory: str) -> list[str]:
    """A name or two of what is in a directory that no cache has made."""
    if not os.path.isdir(directory) or os.path.exists(os.path.join(directory, MARKER)):
        return []
    return sorted(set(os.listdir(directory)) - {"lost+found"})[:2]


def unresolved(host: str) -> str:
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def has_user(name: str) -> bool:
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


def readable(module: AnsibleModule, path: str) -> bool:
    """Whether xrootd can read a file, which its owner and mode alone do not tell."""
    return module.run_command([module.get_bin_path("runuser", required=True), "-u", "xrootd", "--", "test", "-r", path])[0] == 0


def look(module: AnsibleModule, cache: dict[str, t.Any]) -> _xrootd_cache.Seen:
    token = cache["token"]
    there = [path for path in (cache["proxy"], token) if path and os.path.exists(path)]
    text = None
    if token in there:
        with open(token, encoding="utf-8", errors="replace") as handle:
            text = handle.read()
    return _xrootd_cache.Seen(
        size=size(cache["directory"]),
        foreign=foreign(cache["directory"]),
        listeners=_xrootd_cache.listeners(
            run(module, "ss", "--no-header", "--listening", "--tcp", "--numeric", "--processes", f"sport = :{cache['port']}")
        ),
        pid=int(run(module, "systemctl", "show", "--property=MainPID", "--value", f"xrootd@{cache['name']}")),
        unresolved=unresolved(_xrootd_cache.host(cache["origin"])),
        unreadable=[path for path in there if has_user("xrootd") and not readable(module, path)],
        # That a proxy is there, and is one, is the business of certificate_info.
        missing=[token] if token and token not in there else [],
        token=text,
    )


def main() -> None:
    options: dict[str, t.Any] = {name: {"type": "str", "required": True} for name in ("name", "origin", "high_watermark")}
    options |= {
        "port": {"type": "int", "required": True},
        "directory": {"type": "path", "required": True},
        "proxy": {"type": "path"},
        "token": {"type": "path", "no_log": False},
    }
    module = AnsibleModule(
        argument_spec={"caches": {"type": "list", "elements": "dict", "required": True, "options": options}},
        supports_check_mode=True,
    )
    found: list[str] = []
    for cache in module.params["caches"]:
        seen = look(module, cache)
        found += _xrootd_cache.faults(cache, seen, time.time())
        absent = _xrootd_cache.absent(cache, seen)
        if module.check_mode:
            for one in absent:
                module.warn(one)
        else:
            found += absent
    module.exit_json(changed=False, faults=found)


if __name__ == "__main__":
    main()
