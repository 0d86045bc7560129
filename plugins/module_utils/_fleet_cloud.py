# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Makes the servers of a site as `_fleet.plan` says. Private to this collection.

Look, plan, act, and look again until nothing is left to do. All that is remembered is how often a slot was tried in this run, so that
a run which was killed is finished by the next one.
"""

from __future__ import annotations

import collections
import concurrent.futures
import time
import typing as t
import uuid

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _fleet
from ansible_collections.elastigrid.site.plugins.module_utils._fleet import Plan, Server, Slot
from ansible_collections.elastigrid.site.plugins.module_utils._openstack import ApiError, Cloud, CloudError

# How many ids are put into the address of one request.
IDS_AT_ONCE = 40


class Options(t.NamedTuple):
    public_key: str | None
    is_teardown: bool
    concurrency: int
    build_timeout: int
    delete_timeout: int


class Fleet:
    """The servers of one site, and what comes with them."""

    def __init__(self, cloud: Cloud, wish: _fleet.Wish, options: Options) -> None:
        self.cloud = cloud
        self.wish = wish
        self.options = options
        self.servers: list[Server] = []
        self.floating_ips: list[dict[str, t.Any]] = []
        self.key: str | None = None
        self.server_groups: dict[str, str] = {}
        """Ids by name, once they are listed."""
        self.images: dict[str, str] = {}
        """Ids by the user's names."""
        self.flavors: dict[str, str] = {}
        """Names by the user's names, which may be ids."""
        self.flavor_sizes: dict[str, dict[str, t.Any]] = {}
        self.ids: dict[tuple[str, str], str] = {}
        """Ids by kind and the user's name."""
        self.image_names: dict[str, str] = {}
        self.before: list[Server] = []
        self.lines_before: list[str] = []
        self.gone: set[str] = set()
        """Ids of servers that vanished in this run."""
        self.changes: list[str] = []
        """What was changed beside the existence of servers."""
        self.errors: list[str] = []
        self._made: dict[str, float] = {}
        self._tries: collections.Counter[Slot] = collections.Counter()
        self._faults: dict[Slot, str] = {}
        self._given_up: set[Slot] = set()
        self._undeletable: set[str] = set()
        self.updated: set[str] = set()

    # What is there

    def look(self) -> None:
        """All that has to be known if nothing is to be done: at most two requests to each service."""
        asked = [self.observe, self.list_floating_ips, self.find_images, *([self.read_key] if self.options.public_key or self.options.is_teardown else [])]
        self.each(lambda ask: ask(), asked)
        self.before = self.servers
        plan = self.plan()
        floating = _fleet.floating_plan(self.wish, plan, self.servers, self.floating_ips)
        if plan.create or plan.outdated or floating.create or floating.attach:
            self.resolve()
        self.lines_before = self.lines()

    def observe(self) -> None:
        listed = self.cloud.listing("compute", "/servers/detail", "servers")
        # A server that moves from the API's database to that of its cell is in no list for a moment.
        for server in self._made.keys() - {server["id"] for server in listed} - self.gone:
            try:
                listed.append(self.cloud.get("compute", f"/servers/{server}")["server"])
            except ApiError as error:
                if error.status != 404:
                    raise
                self.gone.add(server)
        hidden = [server["id"] for server in listed if "metadata" not in server]
        if hidden:
            # Nova tells nothing but the ids of servers in a cell that is down.
            raise CloudError(f"cloud {self.cloud.name}: a part of Nova does not answer, so that it is unknown whose these servers are: {', '.join(hidden)}")
        self.servers = _fleet.ours(self.wish.site, listed)

    def list_floating_ips(self) -> None:
        self.floating_ips = self.cloud.listing("network", "/floatingips", "floatingips", project_id=self.cloud.project_id)

    def read_key(self) -> None:
        try:
            self.key = self.cloud.get("compute", f"/os-keypairs/{_cloud_objects.keypair_name(self.wish.site)}")["keypair"]["public_key"]
        except ApiError as error:
            if error.status != 404:
                raise
            self.key = None

    def list_server_groups(self) -> None:
        groups = self.cloud.listing("compute", "/os-server-groups", "server_groups")
        own = _cloud_objects.server_group_name(self.wish.site, "")
        self.server_groups = {group["name"]: group["id"] for group in groups if group["name"].startswith(own)}

    def stuck(self) -> set[str]:
        """The servers in BUILD for longer than allowed. The clocks of the cloud and of this host need not agree for those of this run."""
        now, steady = time.time(), time.monotonic()
        ages = {server.id: steady - self._made[server.id] if server.id in self._made else now - server.created for server in self.servers}
        return {server for server, age in ages.items() if age > self.options.build_timeout}

    def plan(self) -> Plan:
        tried = {slot for slot, times in self._tries.items() if times >= _fleet.ATTEMPTS}
        plan = _fleet.plan(self.wish, self.servers, self.images, self.flavors, self.stuck(), self._given_up | tried)
        return plan._replace(
            delete=[server for server in plan.delete if server.id not in self._undeletable],
            leaving=[server for server in plan.leaving if server.id not in self._undeletable],
        )

    # What the user named

    def find_images(self) -> None:
        """The ids of the images, by one request for all names. What is an id already is looked up only if it is needed."""
        wanted = _fleet.named(self.wish.pools)["image"]
        self.images = {image: image for image in wanted if is_uuid(image)}
        names = {image: options for image, options in wanted.items() if image not in self.images}
        if not names:
            return
        found = self.cloud.listing("image", "/images", "images", name=any_of(names))
        if {image["name"] for image in found} < set(names):
            found = self.cloud.listing("image", "/images", "images")
        for name, options in names.items():
            if image := self.choose("image", name, found, options):
                self.images[name] = image["id"]
                self.image_names[image["id"]] = image["name"]
                if image["status"] != "active":
                    self.errors.append(f"{options} is {name!r}, but the status of this image is {image['status']}")

    def resolve(self) -> None:
        """The ids of all that a new server needs. All that cannot be found is told at once."""
        named = _fleet.named(self.wish.pools)
        self.ids.update({("image", name): image for name, image in self.images.items()})
        unknown = {*self.images.values(), *(server.image for server in self.servers if server.image)} - self.image_names.keys()
        if unknown:
            found = self.cloud.listing("image", "/images", "images", id=any_of(unknown))
            self.image_names.update({image["id"]: image["name"] for image in found})
        for image in named["image"].keys() & unknown - self.image_names.keys():
            # One that is shared by its id only is in no list.
            try:
                self.image_names[image] = self.cloud.get("image", f"/images/{image}")["name"]
            except ApiError as error:
                self.errors.append(f"{named['image'][image]} is {image!r}: {error.message}")
        listings: dict[str, t.Callable[[], list[dict[str, t.Any]]]] = {
            "flavor": lambda: self.cloud.listing("compute", "/flavors/detail", "flavors"),
            "network": self.networks,
            "external network": lambda: [network for network in self.networks() if network["router:external"]],
            "security group": lambda: self.cloud.listing(
                "network", "/security-groups", "security_groups", fields=["id", "name"], project_id=self.cloud.project_id
            ),
            "key pair": lambda: by_name(pair["keypair"]["name"] for pair in self.cloud.get("compute", "/os-keypairs")["keypairs"]),
            "availability zone": lambda: by_name(
                zone["zoneName"] for zone in self.cloud.get("compute", "/os-availability-zone")["availabilityZoneInfo"] if zone["zoneState"]["available"]
            ),
        }
        if self.options.public_key:
            named["key pair"].pop(_cloud_objects.keypair_name(self.wish.site), None)
        for kind in (kind for kind in listings if named[kind]):
            things = listings[kind]()
            for name, options in named[kind].items():
                thing = self.choose(kind, name, things, options)
                if kind == "flavor" and thing:
                    self.flavors[name] = thing["name"]
                    self.flavor_sizes[name] = thing

    def networks(self) -> list[dict[str, t.Any]]:
        return self.cloud.listing("network", "/networks", "networks", fields=["id", "name", "router:external"])

    def choose(self, kind: str, wanted: str, things: list[dict[str, t.Any]], option: str) -> t.Mapping[str, t.Any] | None:
        try:
            thing = _cloud_objects.choose(kind, wanted, things, option)
        except _cloud_objects.LookupFailure as error:
            self.errors.append(str(error))
            return None
        self.ids[kind, wanted] = thing["id"]
        return thing

    # What is done

    def ensure(self) -> None:
        """Everything as wished, as far as the cloud lets us; `errors` has what it did not."""
        self.ensure_key()
        while True:
            plan = self.plan()
            if plan.delete or plan.leaving:
                self.delete_servers(plan)
            elif plan.create:
                self.create_servers(plan.create)
                # At once, while it builds: a request of a run that was killed may have been obeyed only now.
                self.observe()
            elif plan.update and not plan.update.keys() <= self.updated:
                self.update_metadata(plan.update)
                self.observe()
            elif plan.building:
                self.wait_for_builds(plan.building)
                self.observe()
            else:
                break
        self.ensure_floating_ips(plan)
        if self.options.is_teardown and not self.servers:
            self.remove_key_and_groups()
        self.errors += [*self.shortages(plan), *self.kept(plan)]

    def each(self, act: t.Callable[[t.Any], t.Any], things: t.Iterable[t.Any]) -> list[t.Any]:
        """Act on several things at a time. The first failure is raised after all have ended."""
        with concurrent.futures.ThreadPoolExecutor(self.options.concurrency) as pool:
            futures = [pool.submit(act, thing) for thing in things]
        return [future.result() for future in futures]

    def ensure_key(self) -> None:
        """Servers keep the key that they were made with, so that a changed one is for new servers only."""
        wanted = self.options.public_key
        if not wanted or self.key and _fleet.same_key(self.key, wanted):
            return
        name = _cloud_objects.keypair_name(self.wish.site)
        self.cloud.delete("compute", f"/os-keypairs/{name}")

        def find() -> dict[str, t.Any] | None:
            self.read_key()
            return {"keypair": {"public_key": self.key}} if self.key else None

        self.cloud.create("compute", "/os-keypairs", {"keypair": {"name": name, "type": "ssh", "public_key": wanted.strip()}}, find)
        self.key = wanted.strip()
        self.changes.append(f"key pair {name}")

    def delete_servers(self, plan: Plan) -> None:
        """Delete servers, wait until they are gone, and remove the ports that Nova may have left."""
        for server in plan.delete:
            if server.slot and _fleet.is_hopeless(server, self.stuck()):
                self._faults[server.slot] = self.fault_of(server)
        self.remove_groups_of({server.pool for server in plan.delete} - self.wish.pools.keys() - {server.pool for server in plan.surplus})
        waiting = [*plan.delete, *plan.leaving]
        removed = {server.id for server in waiting}
        refusals: dict[str, str] = {}

        def send(server: Server) -> None:
            try:
                self.cloud.delete("compute", f"/servers/{server.id}")
            except ApiError as error:
                refusals[server.id] = error.message

        deadline = time.monotonic() + self.options.delete_timeout
        pause = 0.5
        while waiting:
            # Again and again: one that is deleted already does not mind, and one whose deletion failed is tried anew.
            self.each(send, [server for server in waiting if not server.is_leaving])
            time.sleep(pause)
            pause = min(5.0, 2 * pause)
            self.observe()
            left = {server.id: server for server in self.servers}
            self.gone |= {server.id for server in waiting} - left.keys()
            waiting = [left[server.id] for server in waiting if server.id in left]
            if time.monotonic() > deadline:
                for server in waiting:
                    why = refusals.get(server.id) or server.fault
                    self.errors.append(
                        f"server {server.name} ({server.id}) is still there {self.options.delete_timeout} s after it was to be deleted, "
                        f"its status is {server.status}{f': {why}' if why else ''}"
                    )
                    self._undeletable.add(server.id)
                    self._given_up |= {server.slot} - {None}
                break
        self.remove_ports_of(sorted(removed & self.gone))

    def fault_of(self, server: Server) -> str:
        """Why a server did not come up. Nova writes the reason a moment after the status."""
        if server.status == "BUILD":
            return f"it was in BUILD for more than {self.options.build_timeout} s"
        fault = server.fault
        if not fault:
            try:
                fault = _fleet.shape(self.cloud.get("compute", f"/servers/{server.id}")["server"]).fault
            except ApiError:
                fault = ""
        return fault.replace(f" {server.id}", "") or f"it was in {server.status}, and Nova gives no reason"

    def remove_ports_of(self, servers: list[str]) -> None:
        for port in self.list_ports(servers):
            self.cloud.delete("network", f"/ports/{port['id']}")

    def list_ports(self, servers: list[str]) -> t.Iterator[dict[str, t.Any]]:
        """The ports of servers, given by their ids."""
        for start in range(0, len(servers), IDS_AT_ONCE):
            ids = servers[start : start + IDS_AT_ONCE]
            yield from self.cloud.listing("network", "/ports", "ports", device_id=ids, fields=["id", "device_id", "network_id"])

    def remove_groups_of(self, pools: t.Collection[str]) -> None:
        """Before the servers of a pool that is no longer wanted, so that a run which is killed in between finds them again."""
        if not pools:
            return
        self.list_server_groups()
        for pool in pools:
            if group := self.server_groups.pop(_cloud_objects.server_group_name(self.wish.site, pool), None):
                self.cloud.delete("compute", f"/os-server-groups/{group}")

    def need_ids(self) -> None:
        """For what was not foreseen at the beginning, such as a server that vanished during the run."""
        if not self.flavors:
            before = len(self.errors)
            self.resolve()
            if self.errors[before:]:
                raise CloudError("; ".join(self.errors))

    def create_servers(self, slots: list[Slot]) -> None:
        """Ask for servers. What one pool is refused for good, it is not asked again for the rest of it."""
        self.need_ids()
        groups = {name: self.ensure_server_group(name) for name in {slot.pool for slot in slots} if self.wish.pools[name].anti_affinity}
        known = {server.id for server in self.servers}
        refused: dict[str, str] = {}
        broken: list[CloudError] = []

        def create(slot: Slot) -> Slot | None:
            if slot.pool in refused or broken:
                return None
            self._tries[slot] += 1
            body = _fleet.server_request(self.wish.site, slot, self.wish.pools[slot.pool], self.ids, groups.get(slot.pool))
            try:
                made = self.cloud.create("compute", "/servers", body, lambda: self.find_server(slot, known))["server"]["id"]
            except ApiError as error:
                # A conflict may pass.
                if error.status != 409 or error.is_quota or self._tries[slot] >= _fleet.ATTEMPTS:
                    refused[slot.pool] = error.message
                return None
            except CloudError as error:
                broken.append(error)
                return None
            self._made[made] = time.monotonic()
            return slot

        made = self.each(create, slots)
        if broken:
            raise broken[0]
        for slot in slots:
            if slot.pool in refused and slot not in made:
                self._faults[slot] = refused[slot.pool]
                self._given_up.add(slot)

    def find_server(self, slot: Slot, known: t.Container[str]) -> dict[str, t.Any] | None:
        """The server that a request without an answer may have made."""
        listed = self.cloud.listing("compute", "/servers/detail", "servers", tags=_fleet.site_tag(self.wish.site))
        found = [server for server in _fleet.ours(self.wish.site, listed) if server.slot == slot and server.id not in known and not server.is_leaving]
        return {"server": {"id": found[0].id}} if found else None

    def ensure_server_group(self, pool: str) -> str:
        name = _cloud_objects.server_group_name(self.wish.site, pool)

        def find() -> dict[str, t.Any] | None:
            self.list_server_groups()
            return {"server_group": {"id": self.server_groups[name]}} if name in self.server_groups else None

        found = find()
        if not found:
            body = {"server_group": {"name": name, "policy": "soft-anti-affinity"}}
            found = self.cloud.create("compute", "/os-server-groups", body, find)
            self.changes.append(f"server group {name}")
        return found["server_group"]["id"]

    def update_metadata(self, updates: dict[str, dict[str, str]]) -> None:
        def update(server: str) -> None:
            try:
                self.cloud.put("compute", f"/servers/{server}/metadata", {"metadata": updates[server]})
            except ApiError as error:
                self.errors.append(f"the metadata of server {server} could not be changed: {error.message}")
            else:
                self.changes.append(f"metadata of server {server}")

        self.each(update, updates)
        self.updated |= updates.keys()

    def wait_for_builds(self, building: list[Server]) -> None:
        """Until none of these is in BUILD, one is stuck there, or a server that is unknown yet turns up, by ids alone."""
        known = {server.id for server in self.servers}
        waiting = {server.id for server in building}
        while waiting and not waiting & self.stuck():
            time.sleep(min(5.0, max(0.5, 0.05 * len(waiting))))
            listed = {server["id"] for server in self.cloud.listing("compute", "/servers", "servers", status="BUILD", tags=_fleet.site_tag(self.wish.site))}
            if listed - known:
                break
            waiting &= listed

    def ensure_floating_ips(self, plan: Plan) -> None:
        if self._made or self.gone:
            self.list_floating_ips()
        wanted = _fleet.floating_plan(self.wish, plan, self.servers, self.floating_ips)
        for floating_ip in wanted.release:
            self.cloud.delete("network", f"/floatingips/{floating_ip}")
        addresses = {floating_ip["id"]: floating_ip["floating_ip_address"] for floating_ip in self.floating_ips}
        self.changes += [f"floating IP {addresses[floating_ip]}" for floating_ip in wanted.release]
        if wanted.attach or wanted.create:
            self.need_ids()
            ports = self.ports_of([server for other, server in [*wanted.attach, *wanted.create]])
            for floating_ip, server in wanted.attach:
                self.attach_floating_ip(server, lambda port, floating_ip=floating_ip: self.cloud.put("network", f"/floatingips/{floating_ip}", port), ports)
            for slot, server in wanted.create:
                self.attach_floating_ip(server, lambda port, slot=slot: self.create_floating_ip(slot, port), ports)
        if wanted.release or wanted.attach or wanted.create:
            self.list_floating_ips()

    def ports_of(self, servers: list[Server]) -> dict[str, str]:
        """The port of each server that a floating IP belongs to: on the first network of its pool."""
        found = {(port["device_id"], port["network_id"]): port["id"] for port in self.list_ports([server.id for server in servers])}
        first = {server.id: self.ids["network", self.wish.pools[server.pool].networks[0]] for server in servers}
        return {server: found[server, network] for server, network in first.items() if (server, network) in found}

    def attach_floating_ip(self, server: Server, ask: t.Callable[[dict[str, t.Any]], t.Any], ports: dict[str, str]) -> None:
        if server.id not in ports:
            self.errors.append(f"server {server.name} gets no floating IP: it has no port on network {self.wish.pools[server.pool].networks[0]}")
            return
        try:
            ask({"floatingip": {"port_id": ports[server.id]}})
        except ApiError as error:
            quota = f" ({self.floating_ip_quota()})" if error.is_quota else ""
            self.errors.append(f"server {server.name} gets no floating IP: {error.message}{quota}")
        else:
            self.changes.append(f"floating IP of {server.name}")

    def create_floating_ip(self, slot: Slot, port: dict[str, t.Any]) -> dict[str, t.Any]:
        mark = _cloud_objects.description(self.wish.site, pool=slot.pool, slot=slot.number)
        network = self.ids["external network", self.wish.pools[slot.pool].floating_ip]
        body = {"floatingip": {**port["floatingip"], "floating_network_id": network, "description": mark}}

        def find() -> dict[str, t.Any] | None:
            found = self.cloud.listing("network", "/floatingips", "floatingips", project_id=self.cloud.project_id, description=mark)
            return {"floatingip": found[0]} if found else None

        return self.cloud.create("network", "/floatingips", body, find)

    def floating_ip_quota(self) -> str:
        try:
            quota = self.cloud.get("network", f"/quotas/{self.cloud.project_id}/details.json")["quota"]["floatingip"]
        except ApiError:
            return "the cloud does not tell the quota"
        return _fleet.quota_sentence("floating IPs", 1, quota["used"], quota["limit"])

    def remove_key_and_groups(self) -> None:
        if self.key and self.cloud.delete("compute", f"/os-keypairs/{_cloud_objects.keypair_name(self.wish.site)}"):
            self.changes.append("key pair")
        self.list_server_groups()
        for name, group in self.server_groups.items():
            self.cloud.delete("compute", f"/os-server-groups/{group}")
            self.changes.append(f"server group {name}")

    # What is told

    def shortages(self, plan: Plan) -> list[str]:
        """What could not be made, and why, in one sentence for each pool and reason."""
        if not plan.missing:
            return []
        reasons: dict[tuple[str, str], list[Slot]] = {}
        for slot in plan.missing:
            reasons.setdefault((slot.pool, self._faults.get(slot, "it vanished again and again")), []).append(slot)
        quota = self.quota(plan.missing)
        sentences = []
        for (pool, reason), slots in reasons.items():
            names = ", ".join(_fleet.server_name(self.wish.site, slot) for slot in slots[:5]) + (" ..." if len(slots) > 5 else "")
            sentences.append(f"pool {pool}: {len(slots)} of {self.wish.pools[pool].count} servers could not be made ({names}): {reason}")
        return sentences + quota

    def kept(self, plan: Plan) -> list[str]:
        """Why the site is not torn down."""
        if not self.options.is_teardown or not plan.surplus:
            return []
        names = ", ".join(server.name for server in plan.surplus[:10]) + (" ..." if len(plan.surplus) > 10 else "")
        return [f"{len(plan.surplus)} servers may be busy, and are deleted only if they are named in retirable, or with force: {names}"]

    def quota(self, slots: list[Slot]) -> list[str]:
        """The limits of Nova that these slots would exceed."""
        sizes = [self.flavor_sizes[self.wish.pools[slot.pool].flavor] for slot in slots if self.wish.pools[slot.pool].flavor in self.flavor_sizes]
        needs = {"instances": len(slots), "cores": sum(size["vcpus"] for size in sizes), "ram": sum(size["ram"] for size in sizes)}
        return _fleet.quota_sentences(needs, self.cloud.get("compute", "/limits")["limits"]["absolute"])

    def lines(self) -> list[str]:
        """What there is, as the text of a diff."""
        return self._lines([_fleet.line(server, self.image_names) for server in self.servers], self.addresses(), self.key)

    def planned_lines(self, plan: Plan, floating: _fleet.FloatingPlan) -> list[str]:
        """What there would be."""
        deleted = {server.id for server in [*plan.delete, *plan.leaving]}
        kept = [server._replace(metadata=plan.update.get(server.id, server.metadata)) for server in self.servers if server.id not in deleted]
        servers = [_fleet.line(server, self.image_names) for server in kept]
        servers += [_fleet.planned_line(self.wish, slot, self.flavors, self.image_names, self.images) for slot in plan.create]
        addresses = {slot: "(new)" for slot in plan.wanted if self.wish.pools[slot.pool].floating_ip} | self.addresses(floating.release)
        return self._lines(servers, addresses, None if self.options.is_teardown and not kept else self.options.public_key or self.key)

    def _lines(self, servers: list[str], addresses: dict[Slot, str], key: str | None) -> list[str]:
        floating_ips = [f"floating IP {address} of {_fleet.server_name(self.wish.site, slot)}" for slot, address in addresses.items()]
        return sorted([*servers, *floating_ips, *([f"key pair {' '.join(key.split()[:2])}"] if key else [])])

    def addresses(self, without: t.Container[str] = ()) -> dict[Slot, str]:
        """The floating IPs of ours, by slot."""
        found = {}
        for floating_ip in self.floating_ips:
            slot = _fleet.slot_of(_cloud_objects.marks(floating_ip)) if _cloud_objects.belongs(floating_ip, self.wish.site) else None
            if slot and floating_ip["id"] not in without:
                found[slot] = floating_ip["floating_ip_address"]
        return found

    def would_change(self, plan: Plan, floating: _fleet.FloatingPlan, planned: list[str]) -> bool:
        return bool(plan.delete or plan.leaving or plan.create or plan.update or any(floating) or planned != self.lines_before)

    def servers_told(self) -> list[dict[str, t.Any]]:
        """All servers of the site, for the user."""
        addresses = {_fleet.device(one): one["floating_ip_address"] for one in self.floating_ips if one["port_id"]}
        return [_fleet.told(server, addresses.get(server.id)) for server in sorted(self.servers, key=lambda server: (server.slot or Slot("", 0), server.id))]

    def replaced_created_deleted(self, plan: Plan | None = None) -> tuple[list[str], list[str], list[str]]:
        """The names of the servers that were replaced, made and deleted in this run, or are to be if there is a plan."""
        old = {server.id for server in self.before}
        if plan:
            deleted, created = [*plan.delete, *plan.leaving], set(plan.create)
        else:
            now = {server.id for server in self.servers}
            deleted = [server for server in self.before if server.id not in now]
            created = {server.slot for server in self.servers if server.id not in old and server.slot}
        again = {server.slot for server in deleted} & created
        return (
            sorted(_fleet.server_name(self.wish.site, slot) for slot in again),
            [_fleet.server_name(self.wish.site, slot) for slot in sorted(created - again)],
            sorted(server.name for server in deleted if server.slot not in again),
        )


def is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def any_of(values: t.Iterable[str]) -> str:
    """A filter of Glance's lists."""
    return "in:" + ",".join(f'"{value}"' for value in sorted(values))


def by_name(names: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """Things that have no id."""
    return [{"id": name, "name": name} for name in names]
