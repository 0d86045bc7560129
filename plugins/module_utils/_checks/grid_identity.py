# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role grid_identity cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap, _gridmap_config
from ansible_collections.elastigrid.site.plugins.module_utils._checks import site
from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, show

PREFIX = "grid_identity_"
CA_DIR = "/etc/grid-security/certificates"
# Options of the module gridmap, and which variable holds each.
OF_GRIDMAP = {
    "vos": "vos",
    "entries": "entries",
    "bans": "bans",
    "ban_sources": "ban_sources",
    "outputs": "outputs",
    "max_age": "max_age",
    "max_shrink": "max_shrink",
    "timeout": "timeout",
    "ca_dir": "source_ca_dir",
    "cert": "source_cert",
    "key": "source_key",
}


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a host that knows VOs."""
    return [*_vos(variables), *_mapping(variables), *_trust(variables), *_host_certificate(variables)]


def _vos(variables: dict[str, t.Any]) -> t.Iterator[str]:
    vos, of_site = variables.get("grid_identity_vos", []), variables.get("site_vos")
    # By default they are those of the site, which have been looked at as such.
    if vos != of_site:
        yield from site.vos("grid_identity_vos", vos, variables.get("site_accounts"))
    # An entry of a pool needs accounts as a VO does.
    names = variables.get("grid_identity_accounts", [])
    for path, entry in each("grid_identity_entries", variables.get("grid_identity_entries", [])):
        if entry["account"].startswith(".") and not site.pool(entry["account"], names):
            yield f"{path}.account is {show(entry['account'])}, must be a pool such as .atlas with accounts such as atlas001 in grid_identity_accounts"


def _mapping(variables: dict[str, t.Any]) -> t.Iterator[str]:
    """What the module would refuse, in the names of variables."""
    given = {option: variables[PREFIX + name] for option, name in OF_GRIDMAP.items() if PREFIX + name in variables}
    errors: list[str] = []
    config = _gridmap_config.fill(_gridmap_config.SPEC, {"vos": [], "outputs": [], **given}, "", errors)
    # VOs alone have been looked at; the names of their sources must still differ from those of bans.
    errors = errors or [error for error in _gridmap_config.check(config) if not error.startswith("vos")]
    for error in errors:
        option = re.match(r"\w+", error)[0]
        if option != "vos":
            yield PREFIX + OF_GRIDMAP[option] + error[len(option) :] if option in OF_GRIDMAP else f"grid_identity_ban_sources and the VOs: {error}"
    names = [] if errors else _gridmap.source_names(config)
    for name in variables.get("grid_identity_force", []):
        if not errors and name not in names:
            yield f"grid_identity_force has {show(name)}, must be names of sources ({', '.join(names) or 'there is none'})"


def _trust(variables: dict[str, t.Any]) -> t.Iterator[str]:
    ca_dir = variables.get("grid_identity_ca_dir", CA_DIR)
    if variables.get("grid_identity_igtf") and ca_dir != CA_DIR:
        yield f"grid_identity_igtf is set, but grid_identity_ca_dir is {show(ca_dir)}, must be {CA_DIR}, where the packages put the CAs"
    yield from at_least(0, variables, "grid_identity_lease_days")
    schedule = variables.get("grid_identity_schedule")
    if schedule is not None and (not schedule.strip() or not schedule.isprintable()):
        yield f"grid_identity_schedule is {show(schedule)}, must be a time as systemd.time(7) has it, such as hourly"


def _host_certificate(variables: dict[str, t.Any]) -> t.Iterator[str]:
    yield from at_least(0, variables, "grid_identity_warn_days")
    yield from at_least(1, variables, "grid_identity_renew_days")
    names = variables.get("grid_identity_host_names")
    if names == []:
        yield "grid_identity_host_names is an empty list, must have the name of the host"
    for path, name in each("grid_identity_host_names", names or []):
        if not site.DOMAIN.fullmatch(name):
            yield f"{path} is {show(name)}, must be a DNS name such as ce.grid.example.org"
    command = variables.get("grid_identity_renew_command") or []
    if command and not command[0].startswith("/"):
        yield f"grid_identity_renew_command[0] is {show(command[0])}, must be an absolute path"
    if command and variables.get("grid_identity_host_certificate") is False:
        yield "grid_identity_renew_command is set while grid_identity_host_certificate is false, one of them must not be"
