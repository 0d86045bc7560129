# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: openstack
short_description: Servers of OpenStack clouds as hosts
version_added: 0.1.0
description:
  - Hosts are the running servers of the project, in the groups that M(elastigrid.site.fleet) has written into their metadata. Servers from elsewhere are
    hosts as well.
  - It is for files whose name ends with C(openstack.yml) or C(openstack.yaml).
  - Each cloud is asked for all its servers at once, and for its volumes if a server has one. The number of requests does not grow with the number of servers
    but by pages. Clouds are asked side by side.
  - ssh knows each server by its id, in a file of host keys for each site. An address may be given to a new server without harm, and a server whose key has
    changed is refused.
  - Text from the cloud is never a template.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
requirements:
  - openstacksdk >= 1.0.0
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [elastigrid.site.openstack]
  clouds:
    description:
      - Clouds of C(clouds.yaml) by their names, as in all OpenStack tools.
      - Without it E(OS_CLOUD), then the other C(OS_) environment variables, then the only cloud in C(clouds.yaml).
    type: list
    elements: str
    default: []
  region_name:
    description: Region of the clouds, where they have several.
    type: str
  all_projects:
    description: Whether to list the servers of all projects, which a cloud lets only its administrators do.
    type: bool
    default: false
  api_timeout:
    description:
      - How many seconds the API may take to answer one request.
      - A request that is not answered or refused for the moment is repeated for half a minute.
    type: int
    default: 30
  fail_on_errors:
    description:
      - Whether one cloud that cannot be read leaves the whole inventory empty. Otherwise it is a warning, and the others are read, and the cache is not
        written.
      - It is always an error if no cloud can be read.
    type: bool
    default: true
  site:
    description: Only servers that are marked for this site, the O(elastigrid.site.fleet#module:site) of M(elastigrid.site.fleet). Without it, all servers.
    type: str
  statuses:
    description: Only servers with one of these statuses are hosts.
    type: list
    elements: str
    default: [ACTIVE]
  include_filters:
    description:
      - Conditions, of which a server must meet one to be a host. Each is a dictionary of attributes to a value or a list of values; all its attributes must
        have one of the values.
      - Attributes are those of the host variable C(openstack), as in V(flavor) and V(metadata.elastigrid_pool). Values may have wildcards, as in V(m1.*).
    type: list
    elements: dict
    default: []
  exclude_filters:
    description: Conditions like those of O(include_filters), of which a server must meet none.
    type: list
    elements: dict
    default: []
  hostnames:
    description:
      - What names a host, in order of preference. The first that has a value is taken, and the server's id if none has.
      - An attribute of the host variable C(openstack), as in V(name) or V(metadata.fqdn), another host variable, a Jinja expression of those, or a
        dictionary of C(name), C(prefix) and
        C(separator) (V(_) by default), of which the first two are such attributes or expressions.
      - A character that is no letter, digit, V(.), V(_) or V(-) becomes V(_).
      - Of two servers with the same name the older one has it. The other's name ends with part of its id, and there is a warning.
    type: list
    elements: raw
    default: [name]
  domain:
    description: What is put after a host's name, with a dot, unless it is there already.
    type: str
  networks:
    description: Only addresses in these networks, the first one preferred. By name.
    type: list
    elements: str
    default: []
  cidrs:
    description: Only addresses within these, the first one preferred, as in V(10.0.0.0/8).
    type: list
    elements: str
    default: []
  ip_version:
    description: Only addresses of this version. Without it both, IPv4 preferred.
    type: int
    choices: [4, 6]
  bastion:
    description:
      - The server, by name or id, through which ssh reaches the other ones. Its own address is its floating IP, if it has one; the others are reached by
        their fixed addresses.
      - Without it, the servers of a site are reached through the one that O(elastigrid.site.fleet#module:pools) marks as V(bastion). V(none) is for direct
        connections, by floating IPs where there are any.
    type: str
  ssh_user:
    description: The user at all hosts and at the bastion. Without it the user at the bastion is the one at the host, however that is set.
    type: str
  ssh_private_key:
    description: Path of the private key for all hosts and the bastion. Without it those which ssh finds by itself.
    type: path
  known_hosts:
    description:
      - Path of the file with the host keys, each under its server's id.
      - By default C(~/.ssh/known_hosts.elastigrid-)I(site), and C(~/.ssh/known_hosts) for servers of no site. Its directory is made if it is missing.
    type: path
  host_key_source:
    description:
      - How ssh comes to know the key of a server that it sees for the first time. A changed key is refused in any case.
      - V(accept-new), it takes the one that it sees.
      - V(console), the keys are read from the server's console log, where cloud-init prints them at the first boot, with one request for each server that
        O(known_hosts) does not have yet.
        ssh refuses a server whose console shows no keys. The console log of a server shows what its administrators want it to show.
    type: str
    choices: [accept-new, console]
    default: accept-new
  raw:
    description: Whether the host variable C(openstack_server) is to have all that Nova tells about the server. Otherwise there is none, and a host without
      metadata of its own has less than 2 KB of variables.
    type: bool
    default: false
notes:
  - "Host variables: C(ansible_host); C(site_address), the fixed address, for peers; C(ansible_ssh_common_args); C(openstack) with C(id), C(name), C(cloud),
    C(status), C(flavor) (name),
    C(image) (id), C(availability_zone), C(key_name), C(created), C(addresses) (lists by network) and C(metadata); C(site_volumes), a list of C(id),
      C(serial) (as the guest sees it), C(name), C(size) (GiB), C(mount)
    and C(fstype) of the volumes that are attached."
  - C(ansible_ssh_common_args) wins over C(ssh_common_args) of C(ansible.cfg). Arguments of your own go into C(ansible_ssh_extra_args).
  - A server that has no address of those asked for is no host.
  - What ssh says about the bastion, such as a changed key, is shown with C(-vvvv) only, for ssh keeps it to itself when connections are shared.
"""

EXAMPLES = r"""
# openstack.yml: all servers of a site, by the bastion that its fleet has.
plugin: elastigrid.site.openstack
clouds: [mycloud]
site: demo
domain: grid.example.org

---
# Two clouds, of which one may be down, remembered for an hour (--flush-cache asks again).
plugin: elastigrid.site.openstack
clouds: [north, south]
fail_on_errors: false
site: demo
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: .cache/inventory
keyed_groups:
  - key: openstack.cloud
    prefix: cloud

---
# Servers that others have made: those of two flavors, without the old ones, named by their own metadata, reached by IPv6.
plugin: elastigrid.site.openstack
clouds: [mycloud]
include_filters:
  - flavor: [m1.*, c2.large]
exclude_filters:
  - metadata.role: old
hostnames:
  - metadata.fqdn
  - name | lower
domain: example.org
ip_version: 6
bastion: gateway
ssh_user: debian
compose:
  image: openstack.image
groups:
  big: openstack.flavor == 'c2.large'
keyed_groups:
  - key: openstack.metadata.role
    prefix: role
"""

import concurrent.futures
import hashlib
import json
import os
import tempfile
import typing as t

from ansible.errors import AnsibleParserError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _files, _openstack, _openstack_inventory

RETRY_SECONDS = 30
# Nova takes a second for the details of several hundred servers, but not for their ids.
DETAIL_PAGE = 250
REQUESTS_AT_ONCE = 8


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "elastigrid.site.openstack"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(("openstack.yml", "openstack.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        if _openstack.IMPORT_ERROR:
            raise AnsibleParserError(missing_required_lib("openstacksdk"))
        unknown = sorted(set(self._read_config_data(path)) - set(self._options))
        if unknown:
            raise AnsibleParserError(f"{path} has {unknown[0]!r}, which is no option; {_cloud_objects.closest(unknown[0], sorted(self._options))}")
        try:
            self._settings = _openstack_inventory.Settings(
                **{name: self.get_option(name) for name in _openstack_inventory.Settings.__dataclass_fields__}
            )
            _openstack_inventory.check(self._settings)
            plan = _openstack_inventory.plan(self._clouds(path, cache), self._settings, set(inventory.groups), os.path.expanduser("~"), self._evaluate)
        except (_openstack_inventory.InventoryError, _openstack.CloudError) as error:
            # Ansible would append the causes, whose words are all in ours.
            raise AnsibleParserError(str(error)) from None
        for warning in plan.warnings:
            self.display.warning(warning)
        self._add(plan.hosts)
        self._pin(plan.pins)

    def _clouds(self, path: str, cache: bool) -> list[dict[str, t.Any]]:
        """What the clouds tell, or the cache."""
        asked = {name: self.get_option(name) for name in ("clouds", "region_name", "all_projects", "raw")}
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]}"
        if self.get_option("cache") and cache:
            try:
                return self._cache[key]
            except KeyError:
                pass
        clouds, failures = [], []
        names = list(dict.fromkeys(asked["clouds"])) or [None]
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            for answer in [pool.submit(self._read, name) for name in names]:
                try:
                    clouds.append(answer.result())
                except _openstack.CloudError as error:
                    if self.get_option("fail_on_errors"):
                        raise
                    failures.append(str(error))
        if failures and not clouds:
            raise AnsibleParserError("; ".join(failures))
        for failure in failures:
            self.display.warning(f"Its servers are missing: {failure}")
        if self.get_option("cache") and not failures:
            self._cache[key] = clouds
        return clouds

    def _read(self, name: str | None) -> dict[str, t.Any]:
        cloud = self._connect(name)
        query = {"all_tenants": 1} if self.get_option("all_projects") else {}
        servers = [_openstack_inventory.record(cloud.name, server, self.get_option("raw")) for server in all_servers(cloud, query)]
        volumes = cloud.listing("block-storage", "/volumes/detail", "volumes", **query) if any(server["volumes"] for server in servers) else []
        self.display.vvv(f"cloud {cloud.name}: {len(servers)} servers with {cloud.requests.total()} requests")
        return {
            "name": cloud.name,
            "servers": servers,
            "volumes": {volume["id"]: _openstack_inventory.volume_record(volume) for volume in volumes},
        }

    def _connect(self, name: str | None) -> _openstack.Cloud:
        return _openstack.Cloud(name, self.get_option("region_name"), self.get_option("api_timeout"), RETRY_SECONDS)

    def _evaluate(self, expression: str, variables: t.Mapping[str, t.Any]) -> t.Any:
        """The value of a user's expression for a host's name."""
        try:
            return self._compose(expression, variables)
        except Exception as error:
            if self.get_option("strict"):
                raise AnsibleParserError(f"hostnames has {expression!r}, which has no value for server {variables['id']}: {error}") from None
            return None

    def _add(self, hosts: t.Sequence[_openstack_inventory.Host]) -> None:
        strict = self.get_option("strict")
        for host in hosts:
            self.inventory.add_host(host.name)
            for name, value in host.variables.items():
                self.inventory.set_variable(host.name, name, value)
            self._set_composite_vars(self.get_option("compose"), host.variables, host.name, strict=strict)
        # Groups come last: a variable for the host `web` would become one of the group `web` if that were there.
        for host in hosts:
            for group in host.groups:
                self.inventory.add_host(host.name, self.inventory.add_group(group))
            self._add_host_to_composed_groups(self.get_option("groups"), host.variables, host.name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), host.variables, host.name, strict=strict)

    def _pin(self, pins: t.Sequence[_openstack_inventory.Pin]) -> None:
        """Make sure that ssh can keep host keys, and look up those of new servers where it is not to take any."""
        by_file: dict[str, list[_openstack_inventory.Pin]] = {}
        for pin in pins:
            by_file.setdefault(pin.known_hosts, []).append(pin)
        for path, own in by_file.items():
            try:
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                if self._settings.host_key_source == "console" and (new := _openstack_inventory.without_entry(own, read(path))):
                    add(path, self._keys(new))
            except OSError as error:
                raise AnsibleParserError(f"known_hosts is {path}, which cannot be used: {error.strerror}") from None

    def _keys(self, pins: t.Sequence[_openstack_inventory.Pin]) -> list[str]:
        """Lines for a known_hosts file from the consoles of servers."""
        connections = {name: self._connect(name) for name in {pin.cloud for pin in pins}}

        def ask(pin: _openstack_inventory.Pin) -> list[str] | str:
            try:
                answer = connections[pin.cloud].post("compute", f"/servers/{pin.server}/action", {"os-getConsoleOutput": {}})
            except _openstack.CloudError as error:
                return str(error)
            return _openstack_inventory.console_keys(answer["output"] or "") or "its console shows no keys, or several that differ"

        lines = []
        with concurrent.futures.ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for pin, keys in zip(pins, pool.map(ask, pins)):
                if isinstance(keys, str):
                    self.display.warning(f"ssh will refuse server {pin.name} ({pin.server}), for its host keys are unknown: {keys}")
                else:
                    lines += [f"{pin.server} {key}" for key in keys]
        return lines


def all_servers(cloud: _openstack.Cloud, query: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """The servers with their details. The ids tell where pages begin, so that the pages can be asked at once."""

    def page(marker: str | None) -> list[dict[str, t.Any]]:
        return cloud.get("compute", "/servers/detail", limit=DETAIL_PAGE, **query, **({"marker": marker} if marker else {}))["servers"]

    found: dict[str, dict[str, t.Any]] = {}
    with concurrent.futures.ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        # For most sites all that is needed, so that it does not wait for the ids.
        first = pool.submit(page, None)
        ids = [server["id"] for server in cloud.listing("compute", "/servers", "servers", **query)]
        try:
            for servers in (first.result(), *pool.map(page, _openstack_inventory.markers(ids, DETAIL_PAGE))):
                found |= {server["id"]: server for server in servers}
        except _openstack.ApiError as error:
            if error.status != 400:
                raise
            found = {}  # A server at which a page begins has gone.
    # New servers come first and push others over the end of a page.
    return list(found.values()) if found.keys() >= set(ids) else cloud.listing("compute", "/servers/detail", "servers", **query)


def read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def add(path: str, lines: t.Sequence[str]) -> None:
    """Add lines to a known_hosts file, which others may be reading, or adding to in the same way."""
    path = os.path.realpath(path)
    with _files.locked(path):
        before = read(path)
        there = set(before.splitlines())
        missing = [line for line in lines if line not in there]
        if not missing:
            return
        text = before + ("" if not before or before.endswith("\n") else "\n") + "".join(f"{line}\n" for line in missing)
        # Readable by its owner only.
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False) as temporary:
            temporary.write(text)
            temporary.flush()
            os.fsync(temporary.fileno())
        os.replace(temporary.name, path)
