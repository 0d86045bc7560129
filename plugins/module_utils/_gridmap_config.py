# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The options of the module gridmap, which are also the configuration of its program. Pure; private to this collection."""

from __future__ import annotations

import contextlib
import difflib
import json
import posixpath
import re
import typing as t
import urllib.parse

from ansible_collections.elastigrid.site.plugins.module_utils import _dn, _gridmap

TLS: dict[str, dict[str, t.Any]] = {"ca_dir": {"type": "path"}, "cert": {"type": "path"}, "key": {"type": "path", "no_log": False}}
# The schemes of each type of source; None where the option url is not for it.
SCHEMES = {
    "iam": ("https", "http"),
    "voms_admin": ("https", "http"),
    "voms_soap": ("https", "http"),
    "ldap": ("ldaps", "ldap"),
    "cvmfs": ("https", "http"),
    "gridmap": ("https", "http"),
}
SOURCE: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "required": True, "choices": list(SCHEMES)},
    "url": {"type": "str"},
    "path": {"type": "path"},
    "group": {"type": "str"},
    "base": {"type": "list", "elements": "str", "default": []},
    "filter": {"type": "str"},
    "attribute": {"type": "str", "default": "gridX509subject"},
    "bind_dn": {"type": "str"},
    "password_file": {"type": "path", "no_log": False},
    "token_file": {"type": "path", "no_log": False},
    "client_id": {"type": "str"},
    "client_secret_file": {"type": "path", "no_log": False},
    "allow_empty": {"type": "bool", "default": False},
    **TLS,
}
# Which options are for which types of source only.
ONLY_FOR = {
    "path": ("gridmap",),
    "group": ("iam", "voms_soap"),
    "base": ("ldap",),
    "filter": ("ldap",),
    "bind_dn": ("ldap",),
    "password_file": ("ldap",),
    "client_id": ("iam",),
    "client_secret_file": ("iam",),
    "token_file": ("iam", "voms_admin", "gridmap"),
}
SECRETS = ("token_file", "client_secret_file", "password_file")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOGETHER = (("bind_dn", "password_file"), ("client_id", "client_secret_file"))
VO: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "members": {"type": "list", "elements": "str", "default": []},
    "sources": {"type": "list", "elements": "dict", "default": [], "options": SOURCE},
    "account": {"type": "str"},
    "roles": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"fqan": {"type": "str", "required": True}, "account": {"type": "str", "required": True}},
    },
    "allow": {"type": "list", "elements": "str", "default": []},
    "deny": {"type": "list", "elements": "str", "default": []},
    "bans": {"type": "list", "elements": "str", "default": []},
    "issuers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "url": {"type": "str", "required": True},
            "audience": {"type": "list", "elements": "str", "default": []},
            "scopes": {"type": "list", "elements": "str", "default": []},
            "account": {"type": "str"},
            "subjects": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"subject": {"type": "str", "required": True}, "account": {"type": "str", "required": True}},
            },
        },
    },
    "voms": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "host": {"type": "str", "required": True},
            "port": {"type": "int"},
            "dn": {"type": "str", "required": True},
            "ca": {"type": "str", "required": True},
        },
    },
    "areas": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"path": {"type": "path", "required": True}, "write": {"type": "bool", "default": False}, "fqan": {"type": "str"}},
    },
}
OUTPUTS = ["grid_mapfile", "voms_mapfile", "arc_authgroup", "arc_banned", "gridmapdir", "xrootd_authfile", "scitokens_mapfile", "condor_mapfile", "json"]
OUTPUT: dict[str, dict[str, t.Any]] = {
    "type": {"type": "str", "required": True, "choices": OUTPUTS},
    "path": {"type": "path", "required": True},
    "vos": {"type": "list", "elements": "str"},
    "by_role": {"type": "bool", "default": False},
    "all_accounts": {"type": "bool", "default": False},
    "fqan": {"type": "str"},
    "issuer": {"type": "str"},
    "pool": {"type": "list", "elements": "str", "default": []},
    "gridmapdir": {"type": "path"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str", "default": "0644"},
    "backup": {"type": "bool", "default": False},
}
SPEC: dict[str, dict[str, t.Any]] = {
    "vos": {"type": "list", "elements": "dict", "required": True, "options": VO},
    "bans": {"type": "list", "elements": "str", "default": []},
    "ban_sources": {"type": "list", "elements": "dict", "default": [], "options": SOURCE},
    "entries": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"dn": {"type": "str", "required": True}, "account": {"type": "str", "required": True}},
    },
    "outputs": {"type": "list", "elements": "dict", "required": True, "options": OUTPUT},
    "state_dir": {"type": "path", "default": "/var/lib/elastigrid/gridmap"},
    "metrics": {"type": "path"},
    "max_age": {"type": "int", "default": 7 * 86400},
    "max_shrink": {"type": "int", "default": 20},
    "expire_stale": {"type": "bool", "default": False},
    "timeout": {"type": "int", "default": 300},
    "max_size": {"type": "int", "default": 64},
    **TLS,
}
TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "path": (str,), "int": (int,), "bool": (bool,), "list": (list,), "dict": (dict,)}


def load(text: str) -> _gridmap.Config:
    """The configuration of the program: JSON, with the options of the module. An error is a ValueError that names what is wrong."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    errors: list[str] = []
    config = fill(SPEC, data, "", errors)
    if not errors:
        errors = check(config)
    if errors:
        raise ValueError("; ".join(errors))
    return config


def fill(spec: dict[str, dict[str, t.Any]], data: t.Any, where: str, errors: list[str]) -> dict[str, t.Any]:
    """What Ansible does with a module's arguments: defaults, types, and no option that is unknown."""
    if not isinstance(data, dict):
        errors.append(f"{where or 'the configuration'} must be a mapping")
        return {}
    prefix = f"{where}." if where else ""
    for name in data:
        if name not in spec:
            near = difflib.get_close_matches(str(name), spec, 3)
            errors.append(f"{prefix}{name} is unknown; {'did you mean ' + ' or '.join(near) if near else 'known are ' + ', '.join(spec)}")
    made: dict[str, t.Any] = {}
    for name, option in spec.items():
        path, value = prefix + name, data.get(name)
        made[name] = value
        if value is None:
            if option.get("required"):
                errors.append(f"{path} is required")
            made[name] = option.get("default")
        elif not isinstance(value, TYPES[option["type"]]) or (option["type"] == "int" and isinstance(value, bool)):
            errors.append(f"{path} is {json.dumps(value)[:100]}, must be of type {option['type']}")
        elif option["type"] == "list":
            made[name] = [
                fill(option["options"], item, f"{path}[{number}]", errors) if option["elements"] == "dict" else item for number, item in enumerate(value)
            ]
            errors += [f"{path}[{number}] must be a text" for number, item in enumerate(value) if option["elements"] == "str" and not isinstance(item, str)]
        elif "choices" in option and value not in option["choices"]:
            errors.append(f"{path} is {value}, must be one of {', '.join(option['choices'])}")
    return made


def check(config: _gridmap.Config) -> list[str]:
    """What is wrong with options that have the right types."""
    return list(_errors(config))


def check_vos(where: str, vos: list[dict[str, t.Any]]) -> list[str]:
    """What is wrong with VOs alone, wherever they stand; options may be left out."""
    errors: list[str] = []
    filled = [fill(VO, vo, f"{where}[{number}]", errors) for number, vo in enumerate(vos)]
    return errors or list(_vos(where, filled))


def _errors(config: _gridmap.Config) -> t.Iterator[str]:
    for name, low, high in (("max_age", 1, None), ("max_shrink", 0, 100), ("timeout", 1, None), ("max_size", 1, None)):
        if config[name] < low or high is not None and config[name] > high:
            yield f"{name} is {config[name]}, must be {f'in {low}..{high}' if high else f'at least {low}'}"
    yield from _absolute(config, "", ("state_dir", "metrics", *TLS))
    if config["key"] and not config["cert"]:
        yield "key is given without cert"

    yield from _vos("vos", config["vos"])
    for place, source in enumerate(config["ban_sources"]):
        yield from _source(f"ban_sources[{place}]", source)
    yield from _dns("bans", config["bans"])
    yield from _dns("entries", [entry["dn"] for entry in config["entries"]], ".dn")
    known: dict[str, str] = {}
    for number, entry in enumerate(config["entries"]):
        yield from _account(f"entries[{number}].account", entry["account"])
        with contextlib.suppress(_dn.DnError):
            before = known.setdefault(_dn.slash(entry["dn"]), entry["account"])
            if before != entry["account"]:
                yield f"entries[{number}] maps {entry['dn']} to {entry['account']}, but an entry before maps it to {before}"
    for number, output in enumerate(config["outputs"]):
        yield from _output(f"outputs[{number}]", output, config)
    yield from _twice("sources", "name", _gridmap.source_names(config))
    yield from _twice("outputs", "path", [posixpath.normpath(output["path"]) for output in config["outputs"]])


def _vos(where: str, vos: list[dict[str, t.Any]]) -> t.Iterator[str]:
    for number, vo in enumerate(vos):
        yield from _vo(f"{where}[{number}]", vo)
        for place, source in enumerate(vo["sources"]):
            yield from _source(f"{where}[{number}].sources[{place}]", source)
    yield from _twice(where, "name", [vo["name"] for vo in vos])


def _vo(where: str, vo: dict[str, t.Any]) -> t.Iterator[str]:
    if not _gridmap.FQAN.fullmatch(f"/{vo['name']}") or vo["name"].count("/"):
        yield f"{where}.name is {_show(vo['name'])}, must be the name of a VO, without slashes, blanks, quotes and wildcards"
        return
    yield from _dns(f"{where}.members", vo["members"])
    yield from _dns(f"{where}.bans", vo["bans"])
    if vo["account"] is not None:
        yield from _account(f"{where}.account", vo["account"])
    for number, role in enumerate(vo["roles"]):
        yield from _account(f"{where}.roles[{number}].account", role["account"])
        yield from _fqan(f"{where}.roles[{number}].fqan", role["fqan"], vo["name"])
    for number, issuer in enumerate(vo["issuers"]):
        yield from _url(f"{where}.issuers[{number}].url", issuer["url"], ("https",))
        for place, subject in enumerate(issuer["subjects"]):
            yield from _account(f"{where}.issuers[{number}].subjects[{place}].account", subject["account"])
            if not subject["subject"].isprintable() or not subject["subject"].strip():
                yield f"{where}.issuers[{number}].subjects[{place}].subject is {_show(subject['subject'])}, must be a subject of a token"
        if issuer["account"] is not None:
            yield from _account(f"{where}.issuers[{number}].account", issuer["account"])
    for number, server in enumerate(vo["voms"]):
        # Both become names in files, of hosts and of directories.
        if not HOST.fullmatch(server["host"]):
            yield f"{where}.voms[{number}].host is {_show(server['host'])}, must be the DNS name of a VOMS server such as voms.example.org"
        if server["port"] is not None and not 1 <= server["port"] <= 65535:
            yield f"{where}.voms[{number}].port is {server['port']}, must be a port in 1..65535"
        for option in ("dn", "ca"):
            yield from _dns(f"{where}.voms[{number}].{option}", [server[option]], position=False)
    for number, area in enumerate(vo["areas"]):
        path = area["path"]
        if not path.startswith("/") or len(path.split()) != 1 or not path.isprintable():
            yield f"{where}.areas[{number}].path is {_show(path)}, must be an absolute path without blanks"
        if area["fqan"] is not None:
            yield from _fqan(f"{where}.areas[{number}].fqan", area["fqan"], vo["name"])


def _source(where: str, source: dict[str, t.Any]) -> t.Iterator[str]:
    kind = source["type"]
    if not source["name"].isprintable() or not source["name"].strip() or len(source["name"]) > 100:
        yield f"{where}.name is {_show(source['name'])}, must be a name of at most 100 characters"
    for option, kinds in ONLY_FOR.items():
        if source[option] and kind not in kinds:
            yield f"{where}.{option} is only for sources of type {' and '.join(kinds)}, not {kind}"
    if kind == "gridmap" and bool(source["url"]) == bool(source["path"]):
        yield f"{where} must have either url or path"
    elif kind != "gridmap" and not source["url"]:
        yield f"{where}.url is required for type {kind}"
    if source["url"]:
        wrong = list(_url(f"{where}.url", source["url"], SCHEMES[kind]))
        yield from wrong
        parts = None if wrong else urllib.parse.urlsplit(source["url"])
        if parts and parts.scheme == SCHEMES[kind][1] and parts.hostname not in LOOPBACK and any(source[option] for option in SECRETS):
            yield f"{where}.url is {_show(source['url'])}, must begin with {SCHEMES[kind][0]}, or everybody on the way could read the credentials"
    if kind == "ldap" and not (source["base"] and source["filter"]):
        yield f"{where}.base and filter are required for type ldap"
    if kind == "iam" and bool(source["token_file"]) == bool(source["client_id"]):
        yield f"{where} must have either token_file, or client_id and client_secret_file"
    for one, other in TOGETHER:
        if bool(source[one]) != bool(source[other]):
            yield f"{where}.{one if source[one] else other} is given without {other if source[one] else one}"
    if source["key"] and not source["cert"]:
        yield f"{where}.key is given without cert"
    if kind == "voms_soap" and source["group"] and not _gridmap.fqan(source["group"]):
        yield f"{where}.group is {_show(source['group'])}, must be an FQAN such as /atlas/Role=production"
    yield from _absolute(source, f"{where}.", ("path", "password_file", "token_file", "client_secret_file", *TLS))


def _output(where: str, output: dict[str, t.Any], config: _gridmap.Config) -> t.Iterator[str]:
    kind = output["type"]
    names = [vo["name"] for vo in config["vos"]]
    for name in output["vos"] or []:
        if name not in names:
            yield f"{where}.vos has {name}, must be names in vos ({', '.join(names) or 'empty'})"
    only = {
        "by_role": ("grid_mapfile", "condor_mapfile"),
        "all_accounts": ("grid_mapfile",),
        "fqan": ("arc_authgroup",),
        "issuer": ("scitokens_mapfile",),
        "pool": ("gridmapdir", "xrootd_authfile"),
        "gridmapdir": ("grid_mapfile", "condor_mapfile"),
    }
    for option, kinds in only.items():
        if output[option] and kind not in kinds:
            yield f"{where}.{option} is only for outputs of type {' and '.join(kinds)}, not {kind}"
    if kind == "scitokens_mapfile" and not output["issuer"]:
        yield f"{where}.issuer is required for type {kind}"
    if output["issuer"]:
        issuers = [issuer["url"] for vo in config["vos"] for issuer in vo["issuers"]]
        if output["issuer"] not in issuers:
            yield f"{where}.issuer is {output['issuer']}, must be the url of an issuer of a VO ({', '.join(issuers) or 'there is none'})"
    for name in output["pool"]:
        yield from _account(f"{where}.pool", name)
    directories = [other["path"] for other in config["outputs"] if other["type"] == "gridmapdir"]
    if output["gridmapdir"] and output["gridmapdir"] not in directories:
        yield f"{where}.gridmapdir is {output['gridmapdir']}, must be the path of an output of type gridmapdir ({', '.join(directories) or 'there is none'})"
    # Without quotes, YAML makes another number of it.
    if not re.fullmatch("0[0-7]{3}", output["mode"]):
        yield f"{where}.mode is {_show(output['mode'])}, must be four octal digits in quotes, such as '0644'"
    yield from _absolute(output, f"{where}.", ("path",))


def _show(value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:76] + '..."'


def _absolute(options: dict[str, t.Any], prefix: str, names: t.Iterable[str]) -> t.Iterator[str]:
    for name in names:
        if options[name] is not None and not options[name].startswith("/"):
            yield f"{prefix}{name} is {_show(options[name])}, must be an absolute path"


def _url(where: str, url: str, schemes: tuple[str, ...]) -> t.Iterator[str]:
    """What is wrong with a URL. One with a password in it is not shown."""
    try:
        parts = urllib.parse.urlsplit(url)
        has_password, host, port = "@" in parts.netloc, parts.hostname, parts.port
    except ValueError as error:
        yield f"{where} is no URL: {error}"
        return
    if has_password:
        yield f"{where} holds a user name or password, which would be seen by all: use the options for credentials"
    elif parts.scheme not in schemes or not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        yield f"{where} is {_show(url)}, must be like {schemes[0]}://host.example.org/path"


def _dns(where: str, names: list[str], suffix: str = "", position: bool = True) -> t.Iterator[str]:
    for number, name in enumerate(names):
        try:
            _dn.slash(name)
        except _dn.DnError as error:
            path = f"{where}{f'[{number}]' if position else ''}{suffix}"
            yield f"{path} is {_show(name)}, must be a DN such as /DC=org/DC=example/CN=Jane Doe: {error}"


def _account(where: str, name: str) -> t.Iterator[str]:
    if name == "root" or not _gridmap.ACCOUNT.fullmatch(name):
        yield f"{where} is {_show(name)}, must be an account other than root, or a dot and what the accounts of a pool begin with"


def _fqan(where: str, text: str, vo: str) -> t.Iterator[str]:
    if _gridmap.fqan(text) != text or text.split("/")[1] != vo:
        yield f"{where} is {_show(text)}, must be an FQAN of this VO such as /{vo}/Role=production"


def _twice(where: str, key: str, values: list[str]) -> t.Iterator[str]:
    for value in sorted({value for value in values if values.count(value) > 1}):
        yield f"{where} have the same {key} {_show(value)} more than once, must differ"
