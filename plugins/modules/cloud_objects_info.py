#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_objects_info
short_description: All that belongs to a site in OpenStack
version_added: 0.1.0
description:
  - Lists the servers, volumes, networks, subnets, routers, ports, floating IPs and security groups of a project that carry the mark of a site
    (C(elastigrid_site) in their metadata or description), and the key pairs and server groups with a site's name.
  - It asks for each kind once, for all at the same time.
  - What Neutron makes for itself, such as the ports of a router, has no mark; it goes with the object it belongs to.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - elastigrid.site.openstack
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details: It changes nothing.
  platform:
    platforms: posix
options:
  sites:
    description: Names of sites. Without any, what belongs to any site, which finds sites that somebody has forgotten.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: What the project has of the site is known
  elastigrid.site.cloud_objects_info:
    cloud: mycloud
    sites: [demo]
  register: left

- name: Nothing is left
  ansible.builtin.assert:
    that: left.count == 0
    fail_msg: "{{ left.objects }}"
"""

RETURN = r"""
objects:
  description:
    - The objects by kind, C(servers), C(volumes), C(networks), C(subnets), C(routers), C(ports), C(floating_ips), C(security_groups), C(keypairs)
      and C(server_groups), each kind a list, sorted by site and name.
    - C(marks) is what we wrote into the object. A key pair has no time of creation; its id is its name.
  type: dict
  returned: success
  sample:
    volumes:
      - id: 5d7c9ff0-5cb1-4b9a-8d64-f9b8a3b3a3a1
        name: demo-grid
        site: demo
        status: available
        created: "2026-11-21T15:29:00.000000"
        marks: {elastigrid_site: demo, elastigrid_volume: grid, elastigrid_on_teardown: keep}
count:
  description: How many objects there are in all.
  type: int
  returned: success
sites:
  description: The names of the sites that they belong to.
  type: list
  elements: str
  returned: success
requests:
  description: How many requests each service of the cloud has got.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects_info, _openstack


def main() -> None:
    module = AnsibleModule(
        argument_spec=_openstack.argument_spec(sites={"type": "list", "elements": "str", "default": []}),
        supports_check_mode=True,
    )
    cloud = _openstack.connect(module)
    sources = _cloud_objects_info.SOURCES
    try:
        listings = _openstack.together(*(lambda source=source: cloud.listing(*source) for source in sources.values()))
        objects = _cloud_objects_info.select(dict(zip(sources, listings)), module.params["sites"], cloud.project_id)
    except _openstack.CloudError as error:
        module.fail_json(msg=str(error))
    things = [thing for kind in objects.values() for thing in kind]
    module.exit_json(
        changed=False, objects=objects, count=len(things), sites=sorted({thing["site"] for thing in things}), requests=dict(cloud.requests)
    )  # fmt: skip


if __name__ == "__main__":
    main()
