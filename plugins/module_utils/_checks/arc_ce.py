# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role arc_ce cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks import site
from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import each, port, show, twice

# These names become those of blocks in arc.conf and of files.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_IN_WORDS = "must be made of letters, digits, _, - and .; not beginning with - or ."
# The groups of hosts of each, and those that have its commands.
BATCH_SYSTEMS = {
    "slurm": (["slurm_controller", "slurm_submit", "slurm_worker"], ["slurm_submit", "slurm_controller", "slurm_worker"]),
    "condor": (["condor_manager", "condor_schedd", "condor_startd"], ["condor_schedd"]),
}
WORD = re.compile(r"[^\s\"'*]+")
RUNTIME_ENVIRONMENT = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*(/[A-Za-z0-9_+-][A-Za-z0-9_.+-]*)*")
URL = re.compile(r"https://[^/:\s]+(:(?P<port>[^/]+))?(/\S*)?")
# Some take words after the path (`/cache link`), sessiondir may be * (the user's home).
PATHS = {"controldir", "sessiondir", "runtimedir", "cachedir", "tmpdir", "x509_host_cert", "x509_host_key", "x509_cert_dir", "slurm_bin_path"}


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a computing element, and with its groups."""
    return [
        *_batch_system(variables, groups, group_names),
        *_interfaces(variables),
        *_vos(variables),
        *_names(variables),
        *_config("arc_ce_config", variables.get("arc_ce_config", {}), variables.get("arc_ce_user", "root")),
        *_config("arc_ce_internal_config", variables.get("arc_ce_internal_config", {}), "root"),
    ]


def _batch_system(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> t.Iterator[str]:
    lrms = variables.get("arc_ce_lrms")
    if lrms not in BATCH_SYSTEMS or f"{lrms}_bin_path" in ((variables.get("arc_ce_config") or {}).get("lrms") or {}):
        return
    all_groups, with_commands = BATCH_SYSTEMS[lrms]
    # One that is not in the inventory is installed by other means, and so are its commands.
    ours = any(groups.get(group) for group in all_groups)
    if ours and not set(with_commands) & set(group_names):
        yield f"the groups of this host are {', '.join(group_names)}, must have {with_commands[0]} among them: arc_ce_lrms is {lrms} and needs its commands"


def _interfaces(variables: dict[str, t.Any]) -> t.Iterator[str]:
    rest, internal = variables.get("arc_ce_rest", True), variables.get("arc_ce_internal", False)
    user = variables.get("arc_ce_internal_user")
    if not rest and not internal:
        yield "arc_ce_rest and arc_ce_internal are both false, one must be true"
    if internal and user is None:
        yield "arc_ce_internal_user is not set, must be an account while arc_ce_internal is true"
    if internal and user == "root":
        yield 'arc_ce_internal_user is "root", must be an unprivileged account'
    if internal and rest and user is not None:
        mapped = {"arc_ce_user": variables.get("arc_ce_user")}
        for path, vo in each("arc_ce_vos", variables.get("arc_ce_vos", [])):
            mapped.update({f"{where}.account": entry.get("account") for where, entry in site.mapped(path, vo)})
        same = [path for path, account in mapped.items() if account and (account == user or account.startswith(".") and site.pool(account, [user]))]
        if same and user != "root":
            yield f"arc_ce_internal_user is {show(user)} as is {' and '.join(same)}, must be an account that no user of the REST interface is mapped to"


def _vos(variables: dict[str, t.Any]) -> t.Iterator[str]:
    vos = variables.get("arc_ce_vos", [])
    # By default they are those of the site, which have been looked at as such.
    if vos != variables.get("site_vos"):
        yield from site.vos("arc_ce_vos", vos, None)
    for path, vo in each("arc_ce_vos", vos):
        if not NAME.fullmatch(vo["name"]):
            yield f"{path}.name is {show(vo['name'])}, {NAME_IN_WORDS}"
        for where, issuer in each(f"{path}.issuers", vo.get("issuers", [])):
            yield from _words(where, issuer)


def _words(path: str, issuer: dict[str, t.Any]) -> t.Iterator[str]:
    """A rule for tokens is words between blanks."""
    lists = [*each(f"{path}.audience", issuer.get("audience", [])), *each(f"{path}.scopes", issuer.get("scopes", []))]
    subjects = [(f"{where}.subject", one["subject"]) for where, one in each(f"{path}.subjects", issuer.get("subjects", []))]
    for where, word in [(f"{path}.url", issuer["url"]), *lists, *subjects]:
        if not WORD.fullmatch(word):
            yield f"{where} is {show(word)}, must have no blanks, quotes or *, which arc.conf could not hold"


def _names(variables: dict[str, t.Any]) -> t.Iterator[str]:
    hostname = variables.get("arc_ce_hostname")
    if hostname is not None and not site.DOMAIN.fullmatch(hostname):
        yield f"arc_ce_hostname is {show(hostname)}, must be a DNS name such as ce.grid.example.org"
    queues = variables.get("arc_ce_queues")
    if queues == []:
        yield "arc_ce_queues is an empty list, must have at least one queue"
    for path, queue in each("arc_ce_queues", queues or []):
        if not NAME.fullmatch(queue["name"]):
            yield f"{path}.name is {show(queue['name'])}, {NAME_IN_WORDS}"
    yield from twice("arc_ce_queues", queues or [], "name")

    environments = variables.get("arc_ce_runtime_environments", [])
    for path, environment in each("arc_ce_runtime_environments", environments):
        if not RUNTIME_ENVIRONMENT.fullmatch(environment["name"]):
            yield f"{path}.name is {show(environment['name'])}, must be a name such as APPS/HEP/TOOL-1.0"
        if "content" in environment and "src" in environment:
            yield f"{path} has both content and src, must have one at most"
    yield from twice("arc_ce_runtime_environments", environments, "name")


def _config(path: str, config: dict[str, t.Any], user: str) -> t.Iterator[str]:
    for block, options in config.items():
        where = f"{path}.{block}"
        if options is None:
            continue
        if not isinstance(options, t.Mapping):
            yield f"{where} is {show(options)}, must be a dictionary of the options of that block, or null"
            continue
        if block.startswith("queue:"):
            yield f"{where} is the role's business, must not be set: use arc_ce_queues"
        for option, value in options.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            if option in PATHS:
                for one in values:
                    if one is not None and not str(one).startswith(("/", "*")):
                        yield f"{where}.{option} is {show(one)}, must be an absolute path"
        if block == "arex/ws" and options.get("wsurl") is not None:
            yield from _wsurl(f"{where}.wsurl", str(options["wsurl"]), user)


def _wsurl(path: str, wsurl: str, user: str) -> t.Iterator[str]:
    url = URL.fullmatch(wsurl)
    if not url:
        yield f"{path} is {show(wsurl)}, must be like https://ce.example.org:443/arex"
        return
    number = url["port"] or "443"
    if port(path, number):
        yield f"{path} is {show(wsurl)}, must have a port in 1..65535"
    elif user != "root" and int(number) < 1024:
        yield f"{path} is {show(wsurl)}, must have a port above 1023 while arc_ce_user is {user}"
