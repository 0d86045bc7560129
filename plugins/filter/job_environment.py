# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What roles of batch systems give to all jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: job_environment
short_description: Environment that tells jobs where the caches and proxies of a site are
version_added: 0.1.0
author: the elastigrid.site authors
description:
  - Makes the environment of all jobs of a site from its inventory.
  - C(SITE_CACHE_ENDPOINTS) has the URLs of the XRootD caches, joined by commas, in the order in which jobs are to try them.
  - C(http_proxy) and C(OSG_SQUID_LOCATION) have the first host of group C(squid), and C(no_proxy) the domain of that group, whose hosts jobs ask
    directly.
positional: _input, groups, endpoints
options:
  _input:
    description: The variables of all hosts, C(hostvars). Asked for are C(xrootd_cache_instances) and C(squid_port) of the hosts of these groups.
    type: dict
    required: true
  groups:
    description: The hosts of each group, C(groups).
    type: dict
    required: true
  endpoints:
    description: >-
      URLs of the caches. By default the instances without C(auth) of the hosts of group C(xrootd_cache), in the order of the inventory.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: What jobs find in their environment
  ansible.builtin.debug:
    msg: "{{ hostvars | elastigrid.site.job_environment(groups, site_cache_endpoints | default(none)) }}"
"""

RETURN = r"""
_value:
  description: The variables, by name. What a site does not have is left out.
  type: dict
  sample:
    SITE_CACHE_ENDPOINTS: root://cache.example.org:1094
    OSG_SQUID_LOCATION: squid.example.org:3128
    http_proxy: http://squid.example.org:3128
    no_proxy: localhost,.example.org
"""

from ansible_collections.elastigrid.site.plugins.module_utils._job_environment import job_environment


class FilterModule:
    """The filter."""

    def filters(self) -> dict:
        return {"job_environment": job_environment}
