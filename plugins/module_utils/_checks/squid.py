# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role squid cannot express. Pure; private to this collection."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, port, show, twice
from ansible_collections.elastigrid.site.plugins.module_utils._checks.site import DOMAIN
from ansible_collections.elastigrid.site.plugins.module_utils._checks.xrootd import plain_path

# Who writes this means an address.
ADDRESS = re.compile(r"([0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)(/[0-9.]*)?")


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a proxy."""
    return list(_errors(variables, group_names))


def _errors(variables: dict[str, t.Any], group_names: list[str]) -> t.Iterator[str]:
    if variables.get("squid_clients") == [] and "squid" in group_names:
        yield "squid_clients is an empty list, must have the subnets whose hosts may use the proxy, such as 10.1.0.0/16"
    for name in ("squid_clients", "squid_monitors"):
        for path, entry in each(name, variables.get(name, [])):
            yield from _subnet(path, entry)
    for path, entry in each("squid_destinations", variables.get("squid_destinations", [])):
        yield from _destination(path, entry)
    for name in ("squid_clients", "squid_monitors", "squid_destinations", "squid_destination_ports", "squid_tunnel_ports"):
        yield from twice(name, variables.get(name, []))
    if variables.get("squid_destination_ports") == []:
        yield "squid_destination_ports is an empty list, must have at least one port"
    ports = [(name, variables[name]) for name in ("squid_port", "squid_snmp_port") if name in variables]
    for name in ("squid_destination_ports", "squid_tunnel_ports"):
        ports += each(name, variables.get(name, []))
    for path, value in ports:
        yield from port(path, value)
    yield from _sizes(variables)
    yield from _config(variables.get("squid_config", {}))


def _subnet(path: str, entry: str) -> t.Iterator[str]:
    """An open proxy would be found, and used by others, within hours."""
    try:
        subnet = ipaddress.ip_network(entry)
    except ValueError as error:
        yield f"{path} is {show(entry)}, must be a subnet such as 10.1.0.0/16: {error}"
    else:
        if subnet.prefixlen == 0:
            yield f"{path} is {show(entry)}, must not be the whole world"


def _destination(path: str, entry: str) -> t.Iterator[str]:
    if ADDRESS.fullmatch(entry):
        try:
            ipaddress.ip_network(entry)
        except ValueError as error:
            yield f"{path} is {show(entry)}, must be a subnet such as 192.0.2.0/24: {error}"
    elif not DOMAIN.fullmatch(entry.removeprefix(".")):
        yield f"{path} is {show(entry)}, must be a host such as cvmfs.example.org, a domain such as .example.org, or a subnet"


def _sizes(variables: dict[str, t.Any]) -> t.Iterator[str]:
    if "squid_cache_dir" in variables:
        yield from plain_path("squid_cache_dir", variables["squid_cache_dir"])
    yield from at_least(0, variables, "squid_cache_size")
    yield from at_least(1, variables, "squid_workers")
    workers = max(variables.get("squid_workers", 1), 1)
    # Less is too little for one large file, and for what is in use.
    for name, least in (("squid_cache_size", 100), ("squid_memory", 8)):
        value = variables.get(name, least * workers)
        if (value > 0 or name == "squid_memory") and value < least * workers:
            yield f"{name} is {value}, must be at least {least * workers} (MiB), {least} for each of squid_workers"


def _config(config: dict[str, t.Any]) -> t.Iterator[str]:
    """Each directive is written on a line of its own."""
    for name, value in config.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
            yield f"squid_config has {show(name)}, must be names of directives of squid.conf(5)"
        for path, one in each(f"squid_config.{name}", value) if isinstance(value, list) else [(f"squid_config.{name}", value)]:
            if isinstance(one, (dict, list)):
                yield f"{path} is {show(one)}, must be a string, a number, true or false, or a list of them"
            elif "\n" in str(one):
                yield f"{path} is {show(one)}, must be one line"
