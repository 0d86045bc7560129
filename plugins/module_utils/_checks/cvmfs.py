# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role cvmfs cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, port, show, twice
from ansible_collections.elastigrid.site.plugins.module_utils._checks.site import DOMAIN
from ansible_collections.elastigrid.site.plugins.module_utils._checks.xrootd import plain_path

HOST = r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]"
PROXY = re.compile(rf"https?://({HOST}):(?P<port>[0-9]+)/?")
URL = re.compile(rf"https?://({HOST})(:[0-9]+)?(/[A-Za-z0-9._~/@+-]*)?")
KEY = re.compile(r"\s*-----BEGIN (RSA )?PUBLIC KEY-----\n[A-Za-z0-9+/=\s]+-----END (RSA )?PUBLIC KEY-----\s*")


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a client."""
    return list(_errors(variables, group_names))


def _errors(variables: dict[str, t.Any], group_names: list[str]) -> t.Iterator[str]:
    repositories = variables.get("cvmfs_repositories", [])
    if repositories == [] and "cvmfs_repositories" in variables and "cvmfs" in group_names:
        yield "cvmfs_repositories is an empty list, must have at least one repository on a host in cvmfs"
    for path, name in each("cvmfs_repositories", repositories):
        if not DOMAIN.fullmatch(name) or "." not in name:
            yield f"{path} is {show(name)}, must be a full name such as atlas.cern.ch"
    yield from twice("cvmfs_repositories", repositories)
    yield from _proxies(variables, group_names)
    # A number that is much smaller was meant as GB.
    yield from at_least(1000, variables, "cvmfs_quota")
    yield from at_least(1, variables, "cvmfs_probe_timeout")
    yield from twice("cvmfs_domains", variables.get("cvmfs_domains", []), "name")
    for path, domain in each("cvmfs_domains", variables.get("cvmfs_domains", [])):
        yield from _domain(path, domain, repositories)
    yield from _config("cvmfs_config", variables.get("cvmfs_config", {}))
    yield from _source(variables.get("cvmfs_package_source", {}))
    if variables.get("cvmfs_packages") == []:
        yield "cvmfs_packages is an empty list, must have at least one package"
    yield from _places(variables)


def _proxies(variables: dict[str, t.Any], group_names: list[str]) -> t.Iterator[str]:
    """The client has no default: without a proxy it mounts nothing."""
    proxies = variables.get("cvmfs_proxies", [])
    if proxies == [] and "cvmfs_proxies" in variables and "cvmfs" in group_names:
        yield "cvmfs_proxies is an empty list, must have proxies such as http://squid.example.org:3128, or DIRECT, as long as the group squid is empty"
    for path, group in each("cvmfs_proxies", proxies):
        for one in group.split("|"):
            found = PROXY.fullmatch(one)
            if one != "DIRECT" and (not found or port("", found["port"])):
                yield f"{path} has {show(one)}, must be like http://squid.example.org:3128, or DIRECT"


def _domain(path: str, domain: dict[str, t.Any], repositories: list[str]) -> t.Iterator[str]:
    name = domain["name"]
    if not DOMAIN.fullmatch(name):
        yield f"{path}.name is {show(name)}, must be a domain such as example.org"
    members = [one for one in repositories if one.partition(".")[2] == name]
    for where, url in each(f"{path}.servers", domain.get("servers", [])):
        if not URL.fullmatch(url):
            yield f"{where} is {show(url)}, must be a URL such as http://s1.example.org/cvmfs/@fqrn@"
        elif not re.search("@fqrn@|@org@", url) and [url.rstrip("/").rpartition("/")[2]] != members:
            yield f"{where} is {show(url)}, must have @fqrn@ in place of the name of the repository"
    for file, text in domain.get("keys", {}).items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\.pub", str(file)):
            yield f"{path}.keys has {show(file)}, must be names of files that end with .pub"
        if not isinstance(text, str) or not KEY.fullmatch(text):
            yield f"{path}.keys.{file} is no public key, must be one in PEM, which begins with -----BEGIN PUBLIC KEY-----"
    yield from _config(f"{path}.config", domain.get("config", {}))


def _config(path: str, config: dict[str, t.Any]) -> t.Iterator[str]:
    """Each parameter is written on a line of its own, between quotes."""
    for name, value in config.items():
        if not re.fullmatch(r"CVMFS_[A-Z0-9_]+", str(name)):
            yield f"{path} has {show(name)}, must be parameters of the client such as CVMFS_TIMEOUT"
        if isinstance(value, (dict, list)) or re.search(r"['\n]", str(value)):
            yield f"{path}.{name} is {show(value)}, must be one line of text without ', a number, true, false or null"


def _source(source: dict[str, t.Any]) -> t.Iterator[str]:
    url, key = source.get("url"), source.get("key")
    if url and not re.match(r"(https?|file):/", url):
        yield f"cvmfs_package_source.url is {show(url)}, must be a URL"
    if key and not re.match("https://|/", key):
        yield f"cvmfs_package_source.key is {show(key)}, must be an absolute path on the control node or a https URL"


def _places(variables: dict[str, t.Any]) -> t.Iterator[str]:
    for name in ("cvmfs_cache_dir", "cvmfs_exec_dir"):
        if name in variables:
            yield from plain_path(name, variables[name])
    if variables.get("cvmfs_mode") == "cvmfsexec":
        if "cvmfs_exec_dir" not in variables:
            yield "cvmfs_exec_dir is not set, must be the directory of cvmfsexec while cvmfs_mode is cvmfsexec"
        if variables.get("cvmfs_cache_dir", "").startswith(("/etc/", "/cvmfs/")):
            yield f"cvmfs_cache_dir is {show(variables['cvmfs_cache_dir'])}, must not be below /etc or /cvmfs while cvmfs_mode is cvmfsexec"
