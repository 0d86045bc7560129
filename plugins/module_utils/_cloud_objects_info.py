# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which of a project's objects belong to which site. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects

# Where each kind is listed: service, path, name of the list in the answer.
SOURCES = {
    "servers": ("compute", "/servers/detail", "servers"),
    "keypairs": ("compute", "/os-keypairs", "keypairs"),
    "server_groups": ("compute", "/os-server-groups", "server_groups"),
    "volumes": ("block-storage", "/volumes/detail", "volumes"),
    "networks": ("network", "/networks", "networks"),
    "subnets": ("network", "/subnets", "subnets"),
    "routers": ("network", "/routers", "routers"),
    "ports": ("network", "/ports", "ports"),
    "floating_ips": ("network", "/floatingips", "floatingips"),
    "security_groups": ("network", "/security-groups", "security_groups"),
}
NAMED = {"keypairs": _cloud_objects.keypair_name("(SITE)"), "server_groups": _cloud_objects.server_group_name("(SITE)", "(POOL)")}


def select(listings: t.Mapping[str, list[dict[str, t.Any]]], sites: t.Collection[str], project: str) -> dict[str, list[dict[str, t.Any]]]:
    """What belongs to these sites (to any site, if none is given), by kind.

    Credentials of an administrator list the Neutron objects of all projects.
    """
    found: dict[str, list[dict[str, t.Any]]] = {}
    for kind, things in listings.items():
        found[kind] = []
        for thing in things:
            thing = thing.get("keypair", thing)
            marks = marks_of(kind, thing)
            if marks and (not sites or marks[_cloud_objects.SITE] in sites) and thing.get("project_id", project) == project:
                found[kind].append(entry(kind, thing, marks))
        found[kind].sort(key=lambda one: (one["site"], one["name"], one["id"]))
    return found


def marks_of(kind: str, thing: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The marks of an object; where it can carry none, what its name says."""
    if kind not in NAMED:
        return _cloud_objects.marks(thing)
    pattern = re.escape(NAMED[kind]).replace(r"\(SITE\)", f"(?P<{_cloud_objects.SITE}>{_cloud_objects.SITE_NAME.pattern})")
    match = re.fullmatch(pattern.replace(r"\(POOL\)", f"(?P<{_cloud_objects.POOL}>.+)"), thing["name"])
    return match.groupdict() if match else {}


def entry(kind: str, thing: t.Mapping[str, t.Any], marks: dict[str, str]) -> dict[str, t.Any]:
    return {
        "site": marks[_cloud_objects.SITE],
        "id": thing["name"] if kind == "keypairs" else thing["id"],
        "name": thing.get("name") or thing.get("floating_ip_address") or "",
        "status": thing.get("status"),
        "created": thing.get("created_at") or thing.get("created"),
        "marks": marks,
    }
