# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role condor cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import show

DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
PARAMETER = re.compile(r"[A-Za-z_][\w.:$]*")

# Parameters that the role writes itself, and what to set instead.
OWNED = {
    "TRUST_DOMAIN": "condor_trust_domain",
    "UID_DOMAIN": "condor_trust_domain",
    "CONDOR_HOST": "the group condor_manager",
}


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a host of the pool, and with its groups."""
    return [*_hosts(variables, groups), *directives("condor_config", variables.get("condor_config", {}), OWNED), *_values(variables)]


def _hosts(variables: dict[str, t.Any], groups: dict[str, list[str]]) -> t.Iterator[str]:
    managers = groups.get("condor_manager", [])
    parts = variables.get("condor_parts", [])
    if len(managers) > 1:
        yield f"the group condor_manager has {', '.join(managers)}, must have one host: a second manager is not supported"
    if "schedd" in parts and not managers:
        yield "the group condor_manager is empty, must have one host: this host is a submit host of its pool"
    yield from short_names(groups, "condor_manager", "condor_schedd")


def short_names(groups: dict[str, list[str]], *of: str) -> t.Iterator[str]:
    for group in of:
        short = [host for host in groups.get(group, []) if "." not in host]
        if short:
            yield f"the group {group} has {', '.join(short)}, must have full host names: HTCondor's commands know no others"


def directives(path: str, parameters: dict[str, t.Any], owned: dict[str, str]) -> t.Iterator[str]:
    for key, value in parameters.items():
        if not PARAMETER.fullmatch(str(key)):
            yield f"{path}.{key} is no name of a parameter, must be made of letters, digits, _ and ."
        if str(key).upper() in owned:
            yield f"{path}.{key} is the role's business, must not be set: use {owned[str(key).upper()]}"
        if isinstance(value, dict):
            yield f"{path}.{key} is {show(value)}, must be a text, a number, true, false, a list or null"
        if key == "use" and not isinstance(value, (list, type(None))):
            yield f"{path}.use is {show(value)}, must be a list of metaknobs such as FEATURE:GPUs"


def _values(variables: dict[str, t.Any]) -> t.Iterator[str]:
    domain = variables.get("condor_trust_domain")
    if domain is not None and not DOMAIN.fullmatch(domain):
        yield f"condor_trust_domain is {show(domain)}, must be made of letters, digits, - and ."
