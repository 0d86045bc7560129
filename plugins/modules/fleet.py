#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet
short_description: Ensures the servers of a site in OpenStack
version_added: 0.1.0
description:
  - Makes, replaces and deletes the servers of a site, by pools of equal ones, with their key pair, server groups and floating IPs.
  - Which server is which stands in its metadata, written by the request that makes it. There is no other memory. A run that was interrupted is
    finished by the next one. Servers without the mark of the site are never touched, whatever their names.
  - A server that may have run something is deleted only if it is named in O(retirable), or with O(force), and only for a reason,
    which is that the pool has one too many, that it is in C(ERROR), or that its image or flavor is not the wanted one. Otherwise it is only told.
  - A server that never was C(ACTIVE) is replaced if it is in C(ERROR), or in C(BUILD) for longer than O(build_timeout).
    A server in any other status, such as C(SHUTOFF), is told and left alone.
  - Servers of a pool are numbered. New ones take the lowest free numbers. If there are more than wanted, those that may be deleted are,
    the highest number first.
  - Groups, metadata and the bastion mark of servers are kept as the pool says. All else is for new servers only.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - elastigrid.site.openstack
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: What the cloud would refuse, such as a quota, is not foreseen.
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  site:
    description: Name of the site, up to 41 letters, digits, dots, underscores and hyphens. Servers are called C(SITE-POOL-NUMBER).
    type: str
    required: true
  pools:
    description:
      - The wanted pools by name. Each is a dictionary of the options that O(defaults) has.
      - Names of pools are up to 32 letters, digits and hyphens. Servers of pools that are not named here are surplus.
      - Required, and read, only with O(state=present).
    type: dict
  defaults:
    description: What pools have in common.
    type: dict
    suboptions:
      count:
        description: How many servers. V(0) if not given.
        type: int
      flavor:
        description: Name or id of the flavor. Required for a server.
        type: str
      image:
        description: Name or id of the image. Required for a server.
        type: str
      networks:
        description: Names or ids of networks, the first of which carries the floating IP. Required for a server.
        type: list
        elements: str
      security_groups:
        description: Names or ids of security groups. C(default) if not given.
        type: list
        elements: str
      keypair:
        description: Name of a key pair that is there already, instead of that of O(public_key).
        type: str
      user_data:
        description: What cloud-init gets, at most 65535 bytes after base64. Every process on the server can read it, so that no secret belongs here.
        type: str
      config_drive:
        description: Whether servers get their metadata on a disk, for clouds without a metadata service.
        type: bool
      boot_volume:
        description: Size in GiB of a volume to boot from, which is deleted with its server, for flavors without a disk.
        type: int
      availability_zone:
        description: Name of the availability zone.
        type: str
      anti_affinity:
        description: Whether servers of the pool are to be on different hypervisors as far as possible, by a server group.
        type: bool
      groups:
        description: Inventory groups of the servers.
        type: list
        elements: str
      bastion:
        description: Whether the inventory reaches the other servers of the site through this one.
        type: bool
      floating_ip:
        description: Name or id of the external network on which each server gets a floating IP. It is kept when the server is replaced.
        type: str
      metadata:
        description: More metadata, at most 255 characters for each key and value. What is taken out here stays on existing servers.
        type: dict
      volumes:
        description: Volumes of each server. They are not made here, but returned as RV(volumes).
        type: list
        elements: dict
        suboptions:
          name:
            description: Name, which follows that of the server.
            type: str
            required: true
          size:
            description: Size in GiB.
            type: int
            required: true
          type:
            description: Volume type.
            type: str
          mount:
            description: Mount point.
            type: path
          fstype:
            description: File system.
            type: str
            choices: [ext4, xfs]
          on_teardown:
            description: What becomes of the volume when the site is torn down.
            type: str
            choices: [keep, delete]
            default: keep
  public_key:
    description:
      - An OpenSSH public key for the servers. It makes the key pair C(elastigrid-SITE).
      - If it changes, the key pair is replaced. Servers keep the key that they were made with.
      - Nova keeps key pairs by user, so that each user of a project who runs this has one.
    type: str
  retirable:
    description: Names or ids of servers that the batch system has proved to be empty, so that they may be deleted. This alone is no reason to do it.
    type: list
    elements: str
    default: []
  force:
    description: Whether servers may be deleted although they may be busy.
    type: bool
    default: false
  known_hosts:
    description: The file that loses the host keys of deleted servers. By default that of the inventory plugin, C(~/.ssh/known_hosts.elastigrid-SITE).
    type: path
  build_timeout:
    description: How many seconds a server may be in C(BUILD).
    type: int
    default: 900
  delete_timeout:
    description: How many seconds the deletion of servers may take.
    type: int
    default: 300
  concurrency:
    description: How many requests are made at a time.
    type: int
    default: 10
  state:
    description:
      - V(present), the pools are as wished.
      - V(absent), the site has no server, floating IP, key pair and server group. Servers that may not be deleted are an error.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: The site has a bastion, a controller and ten workers
  elastigrid.site.fleet:
    cloud: mycloud
    site: demo
    public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    defaults:
      image: debian-13
      networks: [private]
    pools:
      bastion: {count: 1, flavor: m1.tiny, bastion: true, floating_ip: public, security_groups: [ssh]}
      controller:
        count: 1
        flavor: m1.medium
        groups: [slurm_controller]
        volumes:
          - {name: state, size: 20, mount: /srv/slurm, fstype: xfs}
      worker: {count: 10, flavor: m1.large, groups: [slurm_worker], anti_affinity: true}

- name: Workers that have become empty leave
  elastigrid.site.fleet:
    cloud: mycloud
    site: demo
    defaults: "{{ site_pool_defaults }}"
    pools: "{{ site_pools }}"
    retirable: "{{ empty_workers }}"

- name: The site has no servers, whatever they do
  elastigrid.site.fleet:
    cloud: mycloud
    site: demo
    state: absent
    force: true
"""

RETURN = r"""
created:
  description: Names of new servers.
  type: list
  elements: str
  returned: always
deleted:
  description: Names of deleted servers.
  type: list
  elements: str
  returned: always
replaced:
  description: Names of servers that were deleted and made anew.
  type: list
  elements: str
  returned: always
updated:
  description: Ids of servers whose metadata was changed.
  type: list
  elements: str
  returned: always
surplus:
  description: Servers that are not wanted, but may not be deleted, in the shape of RV(servers).
  type: list
  elements: dict
  returned: always
outdated:
  description: Servers of another image or flavor than wanted, which may not be replaced, in the shape of RV(servers).
  type: list
  elements: dict
  returned: always
unhealthy:
  description: Wanted servers which are not C(ACTIVE) and are left alone, in the shape of RV(servers).
  type: list
  elements: dict
  returned: always
missing:
  description: Names of servers that could not be made.
  type: list
  elements: str
  returned: always
errors:
  description: What could not be done, in sentences. If there are any, the module fails.
  type: list
  elements: str
  returned: always
servers:
  description: All servers of the site.
  type: list
  elements: dict
  returned: always
  contains:
    id: {description: Id., type: str}
    name: {description: Name., type: str}
    pool: {description: Pool., type: str}
    slot: {description: 'Number in the pool, null if its metadata was spoilt.', type: int}
    status: {description: Status as Nova tells it., type: str}
    fault: {description: Why it is in C(ERROR)., type: str}
    flavor: {description: Name of the flavor., type: str}
    image: {description: Id of the image., type: str}
    addresses: {description: Lists of fixed addresses by network., type: dict}
    address: {description: The first of them., type: str}
    floating_ip: {description: 'Its floating IP, or null.', type: str}
volumes:
  description: The volumes that the pools ask for, in the shape that M(elastigrid.site.volume) takes.
  type: list
  elements: dict
  returned: always
requests:
  description: How many requests each service got.
  type: dict
  returned: always
"""

import pathlib

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _files, _fleet, _fleet_cloud, _openstack


def forget_host_keys(module: AnsibleModule, servers: set[str]) -> bool:
    """Take the host keys of deleted servers out of the file of known hosts."""
    path = module.params["known_hosts"] or _cloud_objects.known_hosts(module.params["site"], str(pathlib.Path.home()))
    if not pathlib.Path(path).exists():
        return False
    with _files.locked(path):
        text = (_files.read(module, path) or b"").decode(errors="surrogateescape")
        without = _fleet.without_hosts(text, servers)
        if without != text:
            _files.write(module, path, without.encode(errors="surrogateescape"))
    return without != text


def result_of(fleet: _fleet_cloud.Fleet, check: bool) -> dict:
    plan = fleet.plan()
    floating = _fleet.floating_plan(fleet.wish, plan, fleet.servers, fleet.floating_ips)
    after = fleet.planned_lines(plan, floating) if check else fleet.lines()
    replaced, created, deleted = fleet.replaced_created_deleted(plan if check else None)
    servers = fleet.servers_told()
    chosen = {key: {server.id for server in getattr(plan, key)} for key in ("surplus", "outdated", "unhealthy")}
    planned = {slot: None for slot in plan.create} if check else {}
    return {
        "changed": fleet.would_change(plan, floating, after) if check else bool(created or deleted or replaced or fleet.changes),
        "created": created,
        "deleted": deleted,
        "replaced": replaced,
        "updated": sorted(plan.update if check else fleet.updated),
        **{key: [server for server in servers if server["id"] in ids] for key, ids in chosen.items()},
        "missing": [_fleet.server_name(fleet.wish.site, slot) for slot in plan.missing],
        "errors": fleet.errors,
        "servers": servers,
        "volumes": _fleet.volumes(fleet.wish, {**plan.members, **planned}),
        "requests": dict(fleet.cloud.requests),
        "diff": {"before": "".join(f"{line}\n" for line in fleet.lines_before), "after": "".join(f"{line}\n" for line in after)},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=_openstack.argument_spec(
            site={"type": "str", "required": True},
            pools={"type": "dict"},
            defaults={"type": "dict", "options": _fleet.POOL_OPTIONS},
            public_key={"type": "str", "no_log": False},
            retirable={"type": "list", "elements": "str", "default": []},
            force={"type": "bool", "default": False},
            known_hosts={"type": "path"},
            build_timeout={"type": "int", "default": 900},
            delete_timeout={"type": "int", "default": 300},
            concurrency={"type": "int", "default": 10},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        ),
        required_if=[("state", "present", ["pools"])],
        supports_check_mode=True,
        # User data may be private, and the system log is no place for it.
        no_log=True,
    )
    params = module.params
    is_teardown = params["state"] == "absent"
    errors = _fleet.errors(params)
    pools, pool_errors = _fleet.pools_of({} if is_teardown else params["pools"], params["defaults"] or {}, bool(params["public_key"]), params["site"])
    if errors or pool_errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors + pool_errors)}")
    wish = _fleet.Wish(params["site"], pools, frozenset(params["retirable"]), params["force"])
    options = _fleet_cloud.Options(
        None if is_teardown else params["public_key"], is_teardown, params["concurrency"], params["build_timeout"], params["delete_timeout"]
    )
    fleet = _fleet_cloud.Fleet(_openstack.connect(module), wish, options)
    try:
        fleet.look()
        if fleet.errors:
            module.fail_json(msg=f"Nothing was done: {'; '.join(fleet.errors)}")
        if module.check_mode:
            fleet.errors += fleet.kept(fleet.plan())
        else:
            fleet.ensure()
    except _openstack.CloudError as error:
        fleet.errors.append(str(error))
    if fleet.gone and forget_host_keys(module, fleet.gone):
        fleet.changes.append("host keys")
    result = result_of(fleet, module.check_mode)
    if fleet.errors:
        module.fail_json(msg="; ".join(fleet.errors), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
