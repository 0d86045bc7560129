# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The site-wide variables: the one table of them, and what must hold between them. Private to this collection."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.elastigrid.site.plugins.module_utils import _fleet, _gridmap_config, _site_network
from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, show, twice

SPEC: dict[str, dict[str, t.Any]] = {
    "site_name": {"type": "str"},
    "site_domain": {"type": "str"},
    "site_address": {"type": "str"},
    "site_strict_variables": {"type": "bool", "default": False},
    "site_shared_storage": {"type": "dict", "options": {"path": {"type": "path", "required": True}}},
    "site_accounts": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "uid": {"type": "int", "required": True},
            "gid": {"type": "int", "required": True},
            "home": {"type": "path"},
        },
    },
    "site_cache_endpoints": {"type": "list", "elements": "str"},
    # What the inventory plugin says of each host.
    "site_volumes": {
        "type": "list",
        "elements": "dict",
        "options": {
            "id": {"type": "str", "required": True},
            "serial": {"type": "str"},
            "name": {"type": "str"},
            "size": {"type": "int"},
            "mount": {"type": "path"},
            "fstype": {"type": "str", "choices": ["ext4", "xfs"]},
        },
    },
    "site_vos": {
        "type": "list",
        "elements": "dict",
        "options": _gridmap_config.VO,
    },
    "site_trust": {
        "type": "dict",
        "options": {
            "ca_dir": {"type": "path"},
            "host_cert": {"type": "path"},
            "host_key": {"type": "path"},
            "sandbox_ca": {"type": "bool"},
        },
    },
    # What provision.yml makes in OpenStack.
    "site_cloud": {"type": "str"},
    "site_image": {"type": "str"},
    "site_flavor": {"type": "str"},
    "site_public_key": {"type": "str"},
    "site_workers": {"type": "int"},
    "site_subnet": {"type": "str"},
    "site_ssh_from": {"type": "list", "elements": "str"},
    "site_network": {"type": "dict", "options": _site_network.OPTIONS},
    "site_pools": {"type": "dict"},
}

ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the site-wide variables of a host."""
    errors = []
    domain = variables.get("site_domain")
    if domain is not None and not DOMAIN.fullmatch(domain):
        errors.append(f"site_domain is {show(domain)}, must be a DNS domain such as grid.example.org")

    known = variables.get("site_accounts")
    errors += accounts("site_accounts", known or [])
    errors += vos("site_vos", variables.get("site_vos", []), known)

    trust = variables.get("site_trust")
    if trust is not None:
        files = [key for key in ("ca_dir", "host_cert", "host_key") if key in trust]
        if len(files) != (0 if trust.get("sandbox_ca") else 3):
            errors.append(f"site_trust has {', '.join(trust) or 'nothing'}, must have either ca_dir, host_cert and host_key, or sandbox_ca: true")
    return errors + cloud(variables)


def cloud(variables: dict[str, t.Any]) -> list[str]:
    """What is wrong between the variables that say what a site has in OpenStack, in the words of the modules that make it."""
    errors = at_least(0, variables, "site_workers")
    subnets = [("site_subnet", variables["site_subnet"])] if "site_subnet" in variables else []
    for path, subnet in [*subnets, *each("site_ssh_from", variables.get("site_ssh_from", []))]:
        try:
            ipaddress.ip_network(subnet)
        except ValueError as error:
            errors.append(f"{path} is {show(subnet)}, must be a subnet such as 10.77.0.0/24: {error}")
    if "site_network" in variables:
        network = ArgumentSpecValidator(_site_network.OPTIONS).validate(variables["site_network"]).validated_parameters
        errors += [f"site_network.{error}" for error in _site_network.errors(network["networks"], network["router"], network["security_groups"])]
    # What provision.yml gives all pools is as good as set.
    given = {"flavor": "any", "image": "any", "networks": ["any"]}
    wrong = _fleet.pools_of(variables.get("site_pools", {}), given, True, variables.get("site_name", "site"))[1]
    return errors + [f"site_{error}" for error in wrong]


def accounts(path: str, entries: list[dict[str, t.Any]]) -> list[str]:
    """What is wrong between the entries of a list of accounts."""
    errors = []
    for where, account in each(path, entries):
        if not ACCOUNT.fullmatch(account["name"]):
            errors.append(f"{where}.name is {show(account['name'])}, must be at most 32 of a-z, 0-9, _ and -; beginning with a letter or _")
        for key in ("uid", "gid"):
            if not 0 < account[key] < 2**32 - 1:
                errors.append(f"{where}.{key} is {account[key]}, must be in 1..{2**32 - 2}")
    return errors + twice(path, entries, "name") + twice(path, entries, "uid")


def vos(variable: str, entries: list[dict[str, t.Any]], known_accounts: list[dict[str, t.Any]] | None) -> list[str]:
    """What is wrong between the VOs, and between them and the accounts."""
    errors = []
    # Without site_accounts the accounts come from elsewhere (LDAP), and only the hosts know them.
    names = None if known_accounts is None else [account["name"] for account in known_accounts]
    for path, vo in each(variable, entries):
        for where, entry in mapped(path, vo):
            account = entry.get("account")
            if names is None or account is None or account in names:
                continue
            if not account.startswith("."):
                errors.append(f"{where}.account is {show(account)}, must be in site_accounts ({', '.join(names) or 'empty'})")
            elif not pool(account, names):
                errors.append(f"{where}.account is {show(account)}, must be a pool such as .atlas with accounts such as atlas001 in site_accounts")
    return errors + _gridmap_config.check_vos(variable, entries)


def mapped(path: str, vo: dict[str, t.Any]) -> list[tuple[str, dict[str, t.Any]]]:
    """The entries of a VO that may have an account, each with where it stands."""
    issuers = list(each(f"{path}.issuers", vo.get("issuers", [])))
    subjects = [pair for where, issuer in issuers for pair in each(f"{where}.subjects", issuer.get("subjects", []))]
    return [(path, vo), *each(f"{path}.roles", vo.get("roles", [])), *issuers, *subjects]


def pool(account: str, names: t.Iterable[str]) -> list[str]:
    """The accounts of a pool: those that are called like it, without its dot, and a number."""
    return [name for name in names if re.fullmatch(re.escape(account[1:]) + "[0-9]+", name)]
