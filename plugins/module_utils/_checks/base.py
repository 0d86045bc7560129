# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role base cannot express. Pure; private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _data_disk
from ansible_collections.elastigrid.site.plugins.module_utils._checks import site
from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import each, show, twice


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the accounts of a host, and between its data disks."""
    accounts = variables.get("base_accounts", [])
    # By default they are those of the site, which have been looked at as such.
    errors = [] if accounts == variables.get("site_accounts") else site.accounts("base_accounts", accounts)
    group_of: dict[int, tuple[str, str]] = {}
    gid_of: dict[str, tuple[str, int]] = {}
    for path, account in each("base_accounts", accounts):
        gid, group = account["gid"], account.get("group", account["name"])
        first, other = group_of.setdefault(gid, (path, group))
        if other != group:
            errors.append(f"{path}.gid is {gid} with the group {show(group)}, but {first} has it with {show(other)}; must be one group")
        first, gid_before = gid_of.setdefault(group, (path, gid))
        if gid_before != gid:
            errors.append(f"{path}.gid is {gid} with the group {show(group)}, but {first} has {gid_before}; must be one gid")
    return errors + data_disks("base_data_disks", variables.get("base_data_disks", []))


def data_disks(path: str, entries: list[dict[str, t.Any]]) -> list[str]:
    """What is wrong with a list of data disks, as far as it can be said without the host."""
    errors = []
    for where, disk in each(path, entries):
        if ("id" in disk) == ("device" in disk):
            errors.append(f"{where} has {'both id and device' if 'id' in disk else 'neither id nor device'}, must have one of them")
        if disk.get("fstype", "ext4") not in _data_disk.FSTYPES:
            errors.append(f"{where}.fstype is {show(disk['fstype'])}, must be {' or '.join(_data_disk.FSTYPES)}")
        if faults := _data_disk.path_faults(disk["mount"]):
            errors.append(f"{where}.mount {faults[0]}")
    return errors + twice(path, entries, "mount") + twice(path, entries, "id") + twice(path, entries, "device")
