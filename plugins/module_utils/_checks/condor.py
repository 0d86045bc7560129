# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role condor cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _condor_token
from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, show, twice

DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
PARAMETER = re.compile(r"[A-Za-z_][\w.:$]*")

# Parameters that the role writes itself, and what to set instead.
OWNED = {
    "TRUST_DOMAIN": "condor_trust_domain",
    "UID_DOMAIN": "condor_trust_domain",
    "CONDOR_HOST": "condor_manager",
    "FLOCK_TO": "condor_flock_to",
    "SEC_TOKEN_REVOCATION_EXPR": "condor_revoke_before",
    "JOB_ROUTER_ROUTE_NAMES": "condor_routes",
}
# Who gets a token of the role's own.
IDENTITIES = ("condor", "join", "schedd", "startd")


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a host of the pool, and with its groups."""
    return [
        *_hosts(variables, groups),
        *directives("condor_config", variables.get("condor_config", {}), OWNED),
        *_values(variables),
        *_other_pools(variables, groups),
    ]


def _hosts(variables: dict[str, t.Any], groups: dict[str, list[str]]) -> t.Iterator[str]:
    if "schedd" in variables.get("condor_parts", []) and not groups.get("condor_manager"):
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
    yield from at_least(3600, variables, "condor_token_lifetime")
    if variables.get("condor_revoke_before", 0) > time.time():
        yield f"condor_revoke_before is {variables['condor_revoke_before']}, must be in the past: new tokens would be worthless too"


def _other_pools(variables: dict[str, t.Any], groups: dict[str, list[str]]) -> t.Iterator[str]:
    for path, name in each("condor_flock_from", variables.get("condor_flock_from", [])):
        if not DOMAIN.fullmatch(name) or name in IDENTITIES:
            yield f"{path} is {show(name)}, must be made of letters, digits, - and ., and be none of {', '.join(IDENTITIES)}"
    pools = variables.get("condor_flock_to", [])
    yield from twice("condor_flock_to", pools, "manager")
    for path, pool in each("condor_flock_to", pools):
        if "." not in pool["manager"]:
            yield f"{path}.manager is {show(pool['manager'])}, must be a full host name such as cm.example.org"
        if pool.get("token") is not None:
            yield from token(f"{path}.token", pool["token"], ["ADVERTISE_SCHEDD"], time.time())
        elif pool["manager"] not in groups.get("condor_manager", []):
            yield f"{path} has no token: must have one, since {pool['manager']} is not in the group condor_manager, where it could be read"
    for name, route in variables.get("condor_routes", {}).items():
        if not re.fullmatch(r"\w+", str(name)) or not isinstance(route, str):
            yield f"condor_routes.{name} is {show(route)}, must be a text, and its name made of letters, digits and _"


def token(path: str, text: str, needs: list[str], now: float) -> t.Iterator[str]:
    """What is wrong with a token, as far as one can tell without its key. Never says what is in it but names and times."""
    secret = f"{path} is set to a value that is not shown"
    try:
        said = _condor_token.claims(text)
    except ValueError as error:
        yield f"{secret}, must be a token: this is {error}"
        return
    if _condor_token.expired(said, now):
        yield f"{secret}, and expired at {_condor_token.moment(said['exp'])}: must be valid, see condor_token_create -lifetime"
    # A token without limits has all rights of its identity.
    rights = _condor_token.rights(said)
    missing = [right for right in needs if rights and right not in rights]
    if missing:
        yield f"{secret}, and has the rights {', '.join(rights)}: must have {' and '.join(missing)}, see condor_token_create -authz"
