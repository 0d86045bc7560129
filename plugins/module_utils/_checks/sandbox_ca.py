# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role sandbox_ca cannot express. Pure; private to this collection."""

from __future__ import annotations

import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._certificates import is_name
from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import each, show, twice


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a sandbox's CA."""
    return list(_errors(variables, groups))


def _errors(variables: dict[str, t.Any], groups: dict[str, list[str]]) -> t.Iterator[str]:
    host = variables.get("sandbox_ca_host")
    if host is not None and host not in groups.get("all", []):
        yield f"sandbox_ca_host is {show(host)}, must be a host of this inventory"

    issuer = variables.get("sandbox_ca_issuer")
    if issuer and issuer not in groups.get("all", []):
        yield f"sandbox_ca_issuer is {show(issuer)}, must be a host of this inventory"

    base = variables.get("sandbox_ca_base")
    if base is not None and not is_name(base):
        yield f'sandbox_ca_base is {show(base)}, must be like /DC=org/O=Name, with none of / = " \\ in a value'
    users = variables.get("sandbox_ca_users", [])
    for path, user in each("sandbox_ca_users", users):
        if not is_name(f"/CN={user['name']}"):
            yield f'{path}.name is {show(user["name"])}, must be a name with none of / = " \\ in it'
    # What is at one place overwrites each other.
    yield from twice("sandbox_ca_users", [user.get("directory", f"~{user['user']}/.globus") for user in users])

    days, renew_days = variables.get("sandbox_ca_days"), variables.get("sandbox_ca_renew_days")
    if days is not None and not 1 <= days <= 3650:
        yield f"sandbox_ca_days is {days}, must be in 1..3650"
    elif renew_days is not None and days is not None and not 0 <= renew_days < days:
        yield f"sandbox_ca_renew_days is {renew_days}, must be in 0..{days - 1}, less than sandbox_ca_days"
