# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the jobs of a site find in their environment: where its caches and proxies are. Pure; private to this collection."""

from __future__ import annotations

import typing as t


def job_environment(hostvars: t.Mapping[str, t.Mapping[str, t.Any]], groups: t.Mapping[str, list[str]], endpoints: list[str] | None = None) -> dict[str, str]:
    """The variables, by name; those without a value are left out.

    hostvars: of all hosts. groups: host names by group. endpoints: URLs of the caches in the order in which jobs are to try them;
    None: the public instances of the group xrootd_cache.
    """
    if endpoints is None:
        caches = [(host, one) for host in groups.get("xrootd_cache", []) for one in hostvars[host].get("xrootd_cache_instances", [])]
        endpoints = [f"root://{host}:{one['port']}" for host, one in caches if not one.get("auth")]
    proxies = [f"{host}:{hostvars[host].get('squid_port', 3128)}" for host in groups.get("squid", [])]
    found = {"SITE_CACHE_ENDPOINTS": ",".join(endpoints)}
    if proxies:
        # A proxy is for what is far away: hosts of the site are asked directly.
        here = sorted({"." + host.partition(".")[2] for host in groups.get("squid", []) if "." in host})
        found |= {"OSG_SQUID_LOCATION": proxies[0], "http_proxy": f"http://{proxies[0]}", "no_proxy": ",".join(["localhost", *here])}
    return {name: value for name, value in found.items() if value}
