#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_network
short_description: Networks, router and security groups of a site in OpenStack
version_added: 0.1.0
description:
  - Makes what a site needs of Neutron, and takes it away again, in one task.
  - What belongs to the site carries C(elastigrid_site=NAME) in its description from the call that makes it. Nothing else is ever changed or deleted,
    whatever its name.
  - All is derived from what the cloud says. After an interruption, the next run does what is left.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - elastigrid.site.openstack
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  site:
    description: Name of the site, up to 41 letters, digits, C(.), C(_) and C(-).
    type: str
    required: true
  networks:
    description:
      - Networks that the servers are on. One that is no longer listed is not deleted but returned in RV(surplus).
      - Not with O(state=absent), which removes all that carries the site's mark.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the network. With O(networks[].existing) also its id.
        type: str
        required: true
      existing:
        description: Whether the network is only looked up. It is never made, changed or deleted.
        type: bool
        default: false
      subnets:
        description: Its subnets. Not of an existing network.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the subnet, by default that of its network. It tells the subnets of a network apart.
            type: str
          cidr:
            description:
              - Its addresses, such as V(10.77.0.0/24). OpenStack cannot change them later.
              - Of IPv6, a C(/64), where servers choose their own (SLAAC).
            type: str
            required: true
          gateway:
            description: Address of the gateway, by default the first one; V(none) for a subnet that is not routed.
            type: str
          allocation_pools:
            description: Ranges that servers get their addresses from. Without them Neutron takes all, and what a subnet has later is left alone.
            type: list
            elements: dict
            suboptions:
              start:
                description: First address.
                type: str
                required: true
              end:
                description: Last address.
                type: str
                required: true
          dns_servers:
            description: Addresses of name servers. Without them servers get those of the cloud.
            type: list
            elements: str
            default: []
          dhcp:
            description: Whether servers get their addresses by DHCP (IPv4) or router advertisement (IPv6).
            type: bool
            default: true
  router:
    description: The way out, and in for floating IPs. Without it there is none. One that is no longer wanted is returned in RV(surplus).
    type: dict
    suboptions:
      name:
        description: Its name, by default that of the site.
        type: str
      external_network:
        description: Name or id of the network outside. By default the only external network of the cloud.
        type: str
      subnets:
        description:
          - Names of the subnets it connects, of those in O(networks). By default all that have a gateway.
          - From another subnet of this site it is taken away.
        type: list
        elements: str
  security_groups:
    description:
      - Security groups with exactly these rules. Any other rule in them is removed, no matter who made it.
      - A group that is no longer listed is not deleted but returned in RV(surplus).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the group. With O(security_groups[].existing) also its id.
        type: str
        required: true
      existing:
        description: Whether the group is only looked up. It is never made, changed or deleted.
        type: bool
        default: false
      rules:
        description:
          - What is allowed. Not of an existing group.
          - As long as no rule has O(security_groups[].rules[].direction=egress), everything may leave, as Neutron has it in every new group;
            with one, only what the rules say.
        type: list
        elements: dict
        default: []
        suboptions:
          direction:
            description: Whether connections come in or go out.
            type: str
            choices: [ingress, egress]
            default: ingress
          protocol:
            description: V(any), V(tcp), V(udp), V(icmp) (of either version), or the number of an IP protocol.
            type: str
            default: any
          ports:
            description: Ports and ranges of ports, such as V(443) or V(9000-9300). By default all. Only for V(tcp) and V(udp).
            type: list
            elements: str
            default: []
          remote:
            description: The other side - subnets such as V(192.0.2.0/24), or security groups by name or id, listed here or not. V(0.0.0.0/0) is anybody.
            type: list
            elements: str
            required: true
  state:
    description:
      - V(absent) removes the interfaces, the router, ports that deleted servers left, subnets, networks and security groups with the site's mark.
      - It removes nothing as long as a server uses one of these networks or security groups, and names the servers.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: The site has a network of its own, and its hosts reach each other
  elastigrid.site.site_network:
    cloud: mycloud
    site: demo
    networks:
      - name: demo
        subnets:
          - cidr: 10.77.0.0/24
    router: {}
    security_groups:
      - name: demo-inside
        rules:
          - remote: demo-inside
      - name: demo-ssh
        rules:
          - {protocol: tcp, ports: 22, remote: [192.0.2.0/24, 198.51.100.0/24]}

- name: A network that the department has made, and a group for the CE
  elastigrid.site.site_network:
    cloud: mycloud
    site: demo
    networks:
      - {name: department, existing: true}
    security_groups:
      - name: demo-arc
        rules:
          - {protocol: tcp, ports: 443, remote: 0.0.0.0/0}

- name: Nothing is left of the networks of the site
  elastigrid.site.site_network:
    cloud: mycloud
    site: demo
    state: absent
"""

RETURN = r"""
networks:
  description: The networks of O(networks), in that order. What is not made yet, in check mode, has no C(id).
  type: list
  elements: dict
  returned: O(state=present)
  sample:
    - {name: demo, id: 6d0de808-ce55-48bd-8cb4-a4c7c0a39249, existing: false}
security_groups:
  description: The security groups of O(security_groups), in that order. What is not made yet, in check mode, has no C(id).
  type: list
  elements: dict
  returned: O(state=present)
  sample:
    - {name: demo-inside, id: ea37c222-b8bf-4fcd-a3ed-6ec996c7495f, existing: false}
external_network:
  description: The network outside that the router is connected to, with its C(id) and C(name). Null without O(router).
  type: dict
  returned: O(state=present)
  sample: {id: 92b7598b-5bbc-4b95-9c04-af1e1060b299, name: public}
steps:
  description: What was done, or would be in check mode, one sentence a change. After a failure, what was done before.
  type: list
  elements: str
  returned: always
  sample: [create network demo, create subnet demo/demo, create router demo]
surplus:
  description: What carries the site's mark but is not listed. O(state=absent) would remove it.
  type: list
  elements: dict
  returned: always
  sample:
    - {kind: security_groups, name: demo-old, id: 5d7c9ff0-5cb1-4b9a-8d64-f9b8a3b3a3a1}
requests:
  description: How many requests each service of the cloud has got.
  type: dict
  returned: always
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _openstack, _site_network
from ansible_collections.elastigrid.site.plugins.module_utils._site_network import Found, Plan, Ref, Step


def look(cloud: _openstack.Cloud, with_ports: bool) -> Found:
    """One request for each kind. Of the ports only those of routers, unless all are asked for."""

    def listing(kind: str, **query: t.Any) -> t.Callable[[], list[dict[str, t.Any]]]:
        return lambda: cloud.listing("network", path(kind), kind, **query)

    owners = {} if with_ports else {"device_owner": list(_site_network.INTERFACE_OWNERS)}
    lists = _openstack.together(listing("networks"), listing("subnets"), listing("routers"), listing("ports", **owners), listing("security_groups"))
    return Found(cloud.project_id, *lists)


def path(kind: str) -> str:
    return f"/{kind.replace('_', '-')}"


class Worker:
    """Does the steps of a plan."""

    def __init__(self, cloud: _openstack.Cloud, site: str, found: Found, plan: Plan) -> None:
        self.cloud, self.site, self.found = cloud, site, found
        self.ids: dict[Ref, str] = dict(plan.ids)
        self.new: dict[Ref, dict[str, t.Any]] = {}
        self.asked = 1
        """How many objects the last step has asked for."""

    def do(self, step: Step) -> None:
        self.asked = 1
        if step.verb == "create":
            self.create(step)
        elif step.verb == "update":
            self.cloud.put("network", f"{path(step.target.kind)}/{step.id}", {step.target.kind[:-1]: step.body})
        elif step.verb == "rules":
            self.set_rules(step)
        elif step.verb == "delete":
            self.cloud.delete("network", f"{path(step.target.kind)}/{step.id}")
        else:
            self.set_interface(step)

    def create(self, step: Step) -> None:
        kind = step.target.kind
        body = _site_network.resolve(step.body, self.ids)

        def find() -> dict[str, t.Any] | None:
            same = {key: body[key] for key in ("name", "network_id") if key in body}
            ours = [thing for thing in self.cloud.listing("network", path(kind), kind, **same) if _cloud_objects.belongs(thing, self.site)]
            return {kind[:-1]: ours[0]} if ours else None

        thing = self.cloud.create("network", path(kind), {kind[:-1]: body}, find)[kind[:-1]]
        self.ids[step.target], self.new[step.target] = thing["id"], thing

    def set_rules(self, step: Step) -> None:
        wanted = {rule._replace(group=_site_network.resolve(rule.group, self.ids)) for rule in step.body}
        current = self.new.get(step.target) or next(group for group in self.found.security_groups if group["id"] == step.id)
        missing, unwanted = _site_network.rule_changes(wanted, current)
        bodies = [_site_network.rule_body(rule, current["id"], self.site) for rule in missing]

        def find() -> dict[str, t.Any] | None:
            """All or nothing: Neutron makes the rules of one request in one transaction."""
            now = self.cloud.get("network", f"/security-groups/{current['id']}")["security_group"]
            return None if any(rule in missing for rule in _site_network.rule_changes(wanted, now)[0]) else now

        if bodies:
            self.asked = len(bodies)
            self.cloud.create("network", "/security-group-rules", {"security_group_rules": bodies}, find)
        for rule_id in unwanted:
            self.cloud.delete("network", f"/security-group-rules/{rule_id}")

    def set_interface(self, step: Step) -> None:
        body = _site_network.resolve(step.body, self.ids)
        router = body.pop("router")
        wanted = step.verb == "attach"
        try:
            self.cloud.put("network", f"/routers/{router}/{'add' if wanted else 'remove'}_router_interface", body)
        except _openstack.ApiError as error:
            # A request whose answer was lost was asked again, and is refused as done already (400, 404 or 409).
            if error.is_quota or wanted != self.has_interface(router, **body):
                raise

    def has_interface(self, router: str, subnet_id: str | None = None, port_id: str | None = None) -> bool:
        ports = self.cloud.listing("network", "/ports", "ports", device_id=router)
        return any(port["id"] == port_id or any(address["subnet_id"] == subnet_id for address in port["fixed_ips"]) for port in ports)


def why(cloud: _openstack.Cloud, step: Step, asked: int, error: _openstack.CloudError) -> str:
    """What the user needs to know of a step that failed."""
    if isinstance(error, _openstack.ApiError) and error.is_quota:
        kind = {"attach": "port", "rules": "security_group_rule"}.get(step.verb, step.target.kind[:-1])
        try:
            quota = cloud.get("network", f"/quotas/{cloud.project_id}/details.json")["quota"][kind]
            return f"{step}: the quota of the project does not allow it: {kind}: asked for {asked}, {quota['used']} used, limit {quota['limit']}"
        except (_openstack.CloudError, KeyError):
            return f"{step}: the quota of the project does not allow it: {error}"
    return f"{step}: {error}"


def main() -> None:
    module = AnsibleModule(
        argument_spec=_openstack.argument_spec(
            site={"type": "str", "required": True},
            **_site_network.OPTIONS,
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        ),
        supports_check_mode=True,
    )
    site, networks, router, groups = (module.params[key] for key in ("site", "networks", "router", "security_groups"))
    absent = module.params["state"] == "absent"
    errors = _cloud_objects.site_errors(site) + ([] if absent else _site_network.errors(networks, router, groups))
    if absent and (networks or router is not None or groups):
        errors.append("state is absent, which removes all that carries the site's mark: leave networks, router and security_groups out")
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")

    cloud = _openstack.connect(module)
    try:
        found = look(cloud, with_ports=absent)
        if absent:
            # Who uses a network is asked only where there is one.
            ours = any(found.own(kind, site) for kind in ("networks", "security_groups"))
            servers = {server["id"]: server["name"] for server in cloud.listing("compute", "/servers", "servers")} if ours else {}
            plan = _site_network.removal(site, found, servers)
        else:
            plan = _site_network.plan(site, networks, router, groups, found)
    except (_openstack.CloudError, _site_network.Refused) as error:
        module.fail_json(msg=f"Nothing was done: {error}")

    worker = Worker(cloud, site, found, plan)
    done: list[str] = []

    def result() -> dict[str, t.Any]:
        told: dict[str, t.Any] = {"steps": done, "surplus": plan.surplus, "requests": dict(cloud.requests)}
        if not absent:
            told["external_network"] = plan.external_network
            for kind in ("networks", "security_groups"):
                told[kind] = [{"name": one["name"], "id": worker.ids.get(Ref(kind, one["name"])), "existing": one["existing"]} for one in module.params[kind]]
        return told

    for step in plan.steps:
        try:
            if not module.check_mode:
                worker.do(step)
        except _openstack.CloudError as error:
            reason = why(cloud, step, worker.asked, error)
            module.fail_json(msg=f"{reason}; what was done before stands, and the next run goes on", changed=bool(done), **result())
        done.append(str(step))
    module.exit_json(changed=bool(done), diff={"before": plan.before, "after": plan.after}, **result())


if __name__ == "__main__":
    main()
