# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role condor_startd cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, show
from ansible_collections.elastigrid.site.plugins.module_utils._checks.condor import directives, short_names, token

NAME = re.compile(r"[A-Za-z_]\w*")
# Parameters that the role writes itself, and what to set instead.
OWNED = {
    "CONDOR_HOST": "condor_startd_manager",
    "START": "condor_startd_start",
    "SITESTART": "condor_startd_start",
    "MAXJOBRETIREMENTTIME": "condor_startd_retirement",
    "PRIVATE_NETWORK_NAME": "condor_startd_private_network",
    "EXECUTE": "condor_startd_scratch",
    "STARTD_NOCLAIM_SHUTDOWN": "condor_startd_idle_shutdown",
}


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a worker, and with its groups."""
    return [
        *_manager(variables, groups),
        *short_names(groups, "condor_startd"),
        *directives("condor_startd_config", variables.get("condor_startd_config", {}), OWNED),
        *_values(variables),
        *_token(variables),
    ]


def _manager(variables: dict[str, t.Any], groups: dict[str, list[str]]) -> t.Iterator[str]:
    manager = variables.get("condor_startd_manager")
    if manager is None:
        return
    if not manager:
        yield "condor_startd_manager is empty, must be the full name of a manager: the group condor_manager is empty too"
    elif "." not in manager:
        yield f"condor_startd_manager is {show(manager)}, must be a full host name such as cm.example.org"
    elif manager not in groups.get("condor_manager", []) and "condor_startd_token" not in variables:
        yield f"condor_startd_token is not set, must be while condor_startd_manager ({manager}) is not in the group condor_manager"


def _values(variables: dict[str, t.Any]) -> t.Iterator[str]:
    yield from at_least(0, variables, "condor_startd_retirement", "condor_startd_idle_shutdown")
    for name in variables.get("condor_startd_attributes", {}):
        if not NAME.fullmatch(str(name)):
            yield f"condor_startd_attributes.{name} is no name of an attribute, must be made of letters, digits and _"
    network = variables.get("condor_startd_private_network", "")
    if network and not re.fullmatch(r"[\w.-]+", network):
        yield f"condor_startd_private_network is {show(network)}, must be made of letters, digits, ., _ and -"
    for path, mount in each("condor_startd_required_mounts", variables.get("condor_startd_required_mounts", [])):
        if not mount.startswith("/"):
            yield f"{path} is {show(mount)}, must be an absolute path"
    if not variables.get("condor_startd_start", "true").strip():
        yield "condor_startd_start is empty, must be an expression of the ClassAd language such as true"


def _token(variables: dict[str, t.Any]) -> t.Iterator[str]:
    if "condor_startd_token" in variables:
        yield from token("condor_startd_token", variables["condor_startd_token"], ["ADVERTISE_STARTD", "ADVERTISE_MASTER"], time.time())
