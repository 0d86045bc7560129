# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""How objects in a cloud are known to be ours, and how those that a user names are found. Pure; private to this collection.

Ownership is set in the call that creates the object, so that nothing of ours is ever without it: metadata on servers and
volumes, the description of Neutron objects, the exact name of key pairs and server groups, which have neither.
"""

from __future__ import annotations

import difflib
import re
import typing as t

SITE = "elastigrid_site"
POOL = "elastigrid_pool"
SLOT = "elastigrid_slot"
GROUPS = "elastigrid_groups"
BASTION = "elastigrid_bastion"
VOLUME = "elastigrid_volume"
ON_TEARDOWN = "elastigrid_on_teardown"
MOUNT = "elastigrid_mount"
FSTYPE = "elastigrid_fstype"

SITE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}")


def site_errors(site: str) -> list[str]:
    """What is wrong with the name of a site."""
    if SITE_NAME.fullmatch(site):
        return []
    return [f"site is {site!r}, must be at most 41 letters, digits, dots, _ and -, beginning with a letter or digit"]


class LookupFailure(Exception):
    """What a user named is not there, or is there more than once."""


def metadata(site: str, **marks: t.Any) -> dict[str, str]:
    """The metadata of a server or volume of ours; marks are given without their prefix, as in pool='worker'."""
    return {SITE: site, **{f"elastigrid_{key}": str(value) for key, value in marks.items() if value is not None}}


def description(site: str, **marks: t.Any) -> str:
    """The same as the description of a Neutron object, which is one line of text."""
    return " ".join(f"{key}={value}" for key, value in metadata(site, **marks).items())


def marks(thing: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The marks of ours that an object of the API carries; none if it is not ours."""
    own = thing.get("metadata")
    if own is None:
        own = dict(word.split("=", 1) for word in (thing.get("description") or "").split() if "=" in word)
    return {key: value for key, value in own.items() if key.startswith("elastigrid_")} if SITE in own else {}


def belongs(thing: t.Mapping[str, t.Any], site: str) -> bool:
    """Whether an object of the API carries our mark."""
    return marks(thing).get(SITE) == site


def keypair_name(site: str) -> str:
    """The key pair of a site."""
    return f"elastigrid-{site}"


def server_group_name(site: str, pool: str) -> str:
    """The server group of a node pool. A slash is in no name of a site, so that two sites never mean the same group."""
    return f"elastigrid-{site}/{pool}"


def known_hosts(site: str, home: str) -> str:
    """Where the host keys of a site's servers are kept, each under the id of its server, unless the user says otherwise."""
    return f"{home}/.ssh/known_hosts.elastigrid-{site}"


def choose(kind: str, wanted: str, things: t.Iterable[t.Mapping[str, t.Any]], option: str = "") -> t.Mapping[str, t.Any]:
    """The one object with this id or exact name; else LookupFailure with the closest names, or with the ids to choose from.

    `option` is what the message calls the user's setting.
    """
    things = list(things)
    found = [thing for thing in things if thing["id"] == wanted] or [thing for thing in things if thing.get("name") == wanted]
    if len(found) == 1:
        return found[0]
    where = f"{option} is {wanted!r}, but " if option else ""
    if found:
        ids = ", ".join(sorted(thing["id"] for thing in found))
        raise LookupFailure(f"{where}{len(found)} {kind}s have the name {wanted!r}: give an id instead ({ids})")
    names = sorted({thing["name"] for thing in things if thing.get("name")})
    raise LookupFailure(f"{where}there is no {kind} {wanted!r} in this cloud; {closest(wanted, names)}")


def closest(wanted: str, names: t.Sequence[str]) -> str:
    """Words for an error message: what the user may have meant, else what there is."""
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    if near:
        return "the closest: " + ", ".join(near)
    return "there are: " + ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") if names else "there is none at all"
