# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role act cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, port, show, twice

COMMIT = re.compile(r"[0-9a-f]{40}")
PINNED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
ENDPOINT = re.compile(r"https://[A-Za-z0-9.-]+(:(?P<port>[^/]+))?/([A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]+")
ARCHIVE = (".tar", ".tar.gz", ".tgz", ".tar.xz")
# What the role itself sees to.
OURS = ("actlocation", "sites")


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a control tower."""
    return [*_source(variables), *_database(variables), *_sites(variables), *_proxy(variables)]


def _source(variables: dict[str, t.Any]) -> t.Iterator[str]:
    version = variables.get("act_version", "")
    if not str(variables.get("act_source", "")).endswith(ARCHIVE) and not COMMIT.fullmatch(version):
        yield f"act_version is {show(version)}, must be a commit, all 40 digits of it: a branch or tag may be another version tomorrow"
    requirements = variables.get("act_requirements", [])
    for path, requirement in each("act_requirements", requirements):
        if not PINNED.fullmatch(requirement):
            yield f"{path} is {show(requirement)}, must be like mysql-connector-python==8.4.0"
        elif requirement.startswith("mysql-connector-python==") and not requirement.startswith("mysql-connector-python==8."):
            yield f"{path} is {show(requirement)}, must be version 8: aCT accepts no other"


def _database(variables: dict[str, t.Any]) -> t.Iterator[str]:
    config = variables.get("act_config") or {}
    db = config.get("db") or {}
    if variables.get("act_database") == "external":
        missing = [key for key in ("host", "port", "user", "password", "name") if not db.get(key)]
        if missing:
            yield f"act_config.db lacks {', '.join(missing)}, must have all of them while act_database is external"
        if db.get("port"):
            yield from port("act_config.db.port", db["port"])
        if bool(db.get("ssl_ca")) == bool(db.get("ssl_disabled")):
            yield (
                f"act_config.db has {'both' if db.get('ssl_ca') else 'neither'} of ssl_ca and ssl_disabled, must have one: the CA of the database "
                "server's certificate, or true in a network that nobody listens to"
            )
    elif db:
        yield "act_config.db is set, must not be while act_database is mariadb: the role makes it"
    for key in OURS:
        if key in config:
            yield f"act_config.{key} is the role's business, must not be set" + (": use act_sites" if key == "sites" else "")
    monitor = (config.get("monitor") or {}).get("prometheusport")
    if monitor is not None:
        yield from port("act_config.monitor.prometheusport", monitor)


def _sites(variables: dict[str, t.Any]) -> t.Iterator[str]:
    sites = variables.get("act_sites", [])
    if not sites:
        yield "act_sites is an empty list, must have at least one site; it has those of the group arc_ce by default"
    for path, site in each("act_sites", sites):
        if not NAME.fullmatch(site["name"]) or site["name"] == "default":
            yield f"{path}.name is {show(site['name'])}, must be made of letters, digits, _, - and ., and not be default, the name of all together"
        endpoint = ENDPOINT.fullmatch(site["endpoint"])
        if not endpoint:
            yield f"{path}.endpoint is {show(site['endpoint'])}, must be like https://ce.example.org:443/queue: aCT speaks REST alone, over https"
        elif endpoint["port"] is not None:
            yield from port(f"{path}.endpoint has a port that", endpoint["port"])
        yield from at_least(1, {f"{path}.{key}": site[key] for key in ("maxjobs", "submitters") if key in site}, f"{path}.maxjobs", f"{path}.submitters")
    yield from twice("act_sites", sites, "name")
    yield from twice("act_sites", sites, "endpoint")


def _proxy(variables: dict[str, t.Any]) -> t.Iterator[str]:
    cert, key = variables.get("act_proxy_cert"), variables.get("act_proxy_key")
    if (cert is None) != (key is None):
        yield "act_proxy_cert and act_proxy_key go together: one of them is not set"
    if variables.get("act_user") == "root":
        yield 'act_user is "root", must be an unprivileged account'
    hours = variables.get("act_proxy_hours", 96)
    if not 2 <= hours <= 96:
        yield f"act_proxy_hours is {hours}, must be in 2..96"
    yield from at_least(1, variables, "act_proxy_warn_days")
