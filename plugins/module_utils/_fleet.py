# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which servers and floating IPs a site lacks, has too many of, or must replace. Pure; private to this collection.

Everything follows from what the cloud says now: which pool and slot a server fills stands in its metadata.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import re
import types
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects

POOL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
VOLUME_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
GROUP_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PUBLIC_KEY = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+ [A-Za-z0-9+/]+=*( .*)?")
# RFC 1035, for a server's name is its host name.
HOST_NAME = 63
# Nova's limit of a key or value of metadata, and of user data after base64.
METADATA = 255
USER_DATA = 65535
# In these, Nova lets metadata be changed.
CHANGEABLE = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
# How often one slot is tried in a run.
ATTEMPTS = 2
# A server booted from a volume does not tell its image: then this mark does.
IMAGE = "elastigrid_image"

POOL_OPTIONS: dict[str, dict[str, t.Any]] = {
    "count": {"type": "int"},
    "flavor": {"type": "str"},
    "image": {"type": "str"},
    "networks": {"type": "list", "elements": "str"},
    "security_groups": {"type": "list", "elements": "str"},
    "keypair": {"type": "str", "no_log": False},
    "user_data": {"type": "str"},
    "config_drive": {"type": "bool"},
    "boot_volume": {"type": "int"},
    "availability_zone": {"type": "str"},
    "anti_affinity": {"type": "bool"},
    "groups": {"type": "list", "elements": "str"},
    "bastion": {"type": "bool"},
    "floating_ip": {"type": "str"},
    "metadata": {"type": "dict"},
    "volumes": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "size": {"type": "int", "required": True},
            "type": {"type": "str"},
            "mount": {"type": "path"},
            "fstype": {"type": "str", "choices": ["ext4", "xfs"]},
            "on_teardown": {"type": "str", "choices": ["keep", "delete"], "default": "keep"},
        },
    },
}


class Pool(t.NamedTuple):
    """What is wanted of one node pool. Names are as the user wrote them; count 0 needs none of the others."""

    count: int = 0
    flavor: str = ""
    image: str = ""
    networks: t.Sequence[str] = ()
    security_groups: t.Sequence[str] = ()
    keypair: str = ""
    user_data: str = ""
    config_drive: bool = False
    boot_volume: int = 0
    availability_zone: str = ""
    anti_affinity: bool = False
    groups: t.Sequence[str] = ()
    bastion: bool = False
    floating_ip: str = ""
    metadata: t.Mapping[str, t.Any] = types.MappingProxyType({})
    volumes: t.Sequence[dict[str, t.Any]] = ()


class Slot(t.NamedTuple):
    """The place of one server in its pool."""

    pool: str
    number: int


class Server(t.NamedTuple):
    """What matters of a server of ours."""

    id: str
    name: str
    slot: Slot | None
    """None if its marks were spoilt."""
    status: str
    is_leaving: bool
    """Nova deletes it already."""
    has_run: bool
    """Whether it was ever ACTIVE, so that somebody may miss it."""
    created: float
    image: str
    """An id, or nothing if unknown."""
    flavor: str
    metadata: dict[str, str]
    addresses: dict[str, list[str]]
    """The fixed addresses by network."""
    fault: str

    @property
    def pool(self) -> str:
        return self.metadata.get(_cloud_objects.POOL, "")


class Wish(t.NamedTuple):
    """What the user asks for."""

    site: str
    pools: dict[str, Pool]
    retirable: frozenset[str] = frozenset()
    force: bool = False


class Plan(t.NamedTuple):
    """What to do, and what is only to be told."""

    delete: list[Server]
    create: list[Slot]
    update: dict[str, dict[str, str]]
    """The whole metadata that a server is to have, by its id."""
    building: list[Server]
    leaving: list[Server]
    missing: list[Slot]
    """Wanted, but given up in this run."""
    surplus: list[Server]
    outdated: list[Server]
    unhealthy: list[Server]
    members: dict[Slot, Server]
    """The servers that stay and are wanted."""

    @property
    def wanted(self) -> set[Slot]:
        return {*self.members, *self.create, *self.missing}


class FloatingPlan(t.NamedTuple):
    release: list[str]
    """Ids of floating IPs."""
    attach: list[tuple[str, Server]]
    create: list[tuple[Slot, Server]]


def pools_of(raw: t.Mapping[str, t.Any], defaults: t.Mapping[str, t.Any], has_public_key: bool, site: str) -> tuple[dict[str, Pool], list[str]]:
    """The pools with their defaults, and what is wrong with them."""
    pools, errors = {}, []
    for name, options in raw.items():
        where = f"pools.{name}"
        if not POOL_NAME.fullmatch(str(name)):
            errors.append(f"{where}: the name becomes part of host names; allowed are up to 32 letters, digits and inner hyphens")
            continue
        if not isinstance(options, dict):
            errors.append(f"{where} is {options!r}, but must be a dictionary with count, flavor, image, networks ...")
            continue
        unknown = [key for key in options if key not in POOL_OPTIONS]
        errors += [f"{where} has no option {key!r}; {_cloud_objects.closest(str(key), sorted(POOL_OPTIONS))}" for key in unknown]
        merged = {**given(defaults), **given(options)}
        result = ArgumentSpecValidator(POOL_OPTIONS).validate({key: value for key, value in merged.items() if key not in unknown})
        if result.error_messages:
            errors += [f"{where}: {message}" for message in result.error_messages]
            continue
        pool = Pool(**given(result.validated_parameters))
        if has_public_key and not pool.keypair:
            pool = pool._replace(keypair=_cloud_objects.keypair_name(site))
        pools[name] = pool
        errors += [f"{where}.{error}" for error in pool_errors(site, name, pool)]
    return pools, errors


def named(pools: t.Mapping[str, Pool]) -> dict[str, dict[str, str]]:
    """What the pools name in the cloud: for each kind the names, and for each of these the options that have it, as a message calls them."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind, option in (
        ("image", "image"),
        ("flavor", "flavor"),
        ("network", "networks"),
        ("external network", "floating_ip"),
        ("security group", "security_groups"),
        ("key pair", "keypair"),
        ("availability zone", "availability_zone"),
    ):
        names = found.setdefault(kind, {})
        for pool in (name for name in pools if pools[name].count):
            value = getattr(pools[pool], option)
            for name in [value] if isinstance(value, str) else value:
                if name:
                    names.setdefault(name, []).append(f"pools.{pool}.{option}")
    return {kind: {name: ", ".join(options) for name, options in names.items()} for kind, names in found.items()}


def given(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in options.items() if value is not None}


def pool_errors(site: str, name: str, pool: Pool) -> list[str]:
    """What is wrong with a pool, as far as it can be told without the cloud. Each begins with the option."""
    errors = []
    if pool.count < 0:
        errors.append(f"count is {pool.count}, but must be 0 or more")
    if pool.count > 0:
        errors += [f"{option} is missing" for option in ("flavor", "image", "networks") if not getattr(pool, option)]
        longest = server_name(site, Slot(name, pool.count))
        if len(longest) > HOST_NAME:
            errors.append(f"count: the server {longest!r} would have a name of {len(longest)} characters, but a host name has at most {HOST_NAME}")
    if pool.boot_volume < 0:
        errors.append(f"boot_volume is {pool.boot_volume}, but must be a size in GiB")
    errors += [
        f"groups has {group!r}, which is no name of an inventory group (letters, digits, underscores)"
        for group in pool.groups
        if not GROUP_NAME.fullmatch(group)
    ]
    if len(",".join(pool.groups)) > METADATA:
        errors.append(f"groups are {len(','.join(pool.groups))} characters with their commas, but metadata holds {METADATA}")
    for key, value in pool.metadata.items():
        if str(key).startswith("elastigrid_"):
            errors.append(f"metadata.{key} is one of our own marks, which cannot be set")
        elif not 0 < len(str(key)) <= METADATA or len(str(value)) > METADATA:
            errors.append(f"metadata.{str(key)[:40]} has {len(str(value))} characters, but key and value may have {METADATA} each")
    size = len(encoded(pool.user_data))
    if size > USER_DATA:
        errors.append(f"user_data is {size} bytes in base64, but may be {USER_DATA}")
    names = [volume["name"] for volume in pool.volumes]
    for index, volume in enumerate(pool.volumes):
        if not VOLUME_NAME.fullmatch(volume["name"]) or names.index(volume["name"]) != index:
            errors.append(f"volumes has the name {volume['name']!r}: each needs one of its own, of letters, digits, dots, underscores and hyphens")
        if volume["size"] < 1:
            errors.append(f"volumes.{volume['name']}.size is {volume['size']}, but must be 1 GiB or more")
    return errors


def errors(params: t.Mapping[str, t.Any]) -> list[str]:
    """What is wrong with the other options."""
    found = _cloud_objects.site_errors(params["site"])
    # A key is never repeated: it may be the private one.
    if params["public_key"] and not PUBLIC_KEY.fullmatch(params["public_key"].strip()):
        found.append("public_key is not one line as in an OpenSSH .pub file (type, key, comment)")
    for option in ("build_timeout", "delete_timeout", "concurrency"):
        if params[option] < 1:
            found.append(f"{option} is {params[option]}, but must be 1 or more")
    return found


def server_name(site: str, slot: Slot) -> str:
    return f"{site}-{slot.pool}-{slot.number}"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def same_key(one: str, other: str) -> bool:
    """Whether two public keys are equal but for their comments."""
    return one.split()[:2] == other.split()[:2]


def slot_of(marks: t.Mapping[str, str]) -> Slot | None:
    """The slot that an object's marks name."""
    pool, number = marks.get(_cloud_objects.POOL), marks.get(_cloud_objects.SLOT, "")
    return Slot(pool, int(number)) if pool and re.fullmatch("[1-9][0-9]{0,8}", number) else None


def shape(raw: t.Mapping[str, t.Any]) -> Server:
    """A server as Nova tells it."""
    metadata = raw["metadata"]
    return Server(
        id=raw["id"],
        name=raw["name"],
        slot=slot_of(metadata),
        status=raw["status"],
        is_leaving=raw.get("OS-EXT-STS:task_state") == "deleting" or raw["status"] in ("DELETED", "SOFT_DELETED"),
        # An answer without the field does not say that it never ran.
        has_run=raw.get("OS-SRV-USG:launched_at", "unknown") is not None,
        created=datetime.datetime.fromisoformat(raw["created"].replace("Z", "+00:00")).timestamp(),
        image=(raw.get("image") or {}).get("id") or metadata.get(IMAGE, ""),
        flavor=raw["flavor"].get("original_name", ""),
        metadata=dict(metadata),
        addresses={
            network: [address["addr"] for address in addresses if address.get("OS-EXT-IPS:type") != "floating"]
            for network, addresses in raw["addresses"].items()
        },
        fault=(raw.get("fault") or {}).get("message", ""),
    )


def ours(site: str, raw: t.Iterable[t.Mapping[str, t.Any]]) -> list[Server]:
    """The servers that carry the mark of the site."""
    return [shape(server) for server in raw if _cloud_objects.belongs(server, site)]


def wanted_metadata(site: str, slot: Slot, pool: Pool) -> dict[str, str]:
    """What a server's metadata has to say, beside what others wrote there."""
    marks = _cloud_objects.metadata(site, pool=slot.pool, slot=slot.number, groups=",".join(pool.groups) or None, bastion="true" if pool.bastion else None)
    return {**{str(key): str(value) for key, value in pool.metadata.items()}, **marks}


def changed_metadata(site: str, server: Server, pool: Pool) -> dict[str, str] | None:
    """All metadata that a server is to have, None if it has it."""
    wanted = wanted_metadata(site, t.cast(Slot, server.slot), pool)
    after = {key: value for key, value in server.metadata.items() if key not in (_cloud_objects.GROUPS, _cloud_objects.BASTION)} | wanted
    return after if after != server.metadata else None


def is_hopeless(server: Server, stuck: t.Container[str]) -> bool:
    """A server that never was ACTIVE and never will be: nothing can have run on it."""
    return not server.has_run and (server.status == "ERROR" or server.status == "BUILD" and server.id in stuck)


def plan(
    wish: Wish,
    servers: t.Iterable[Server],
    images: t.Mapping[str, str],
    flavors: t.Mapping[str, str],
    stuck: t.Container[str] = frozenset(),
    given_up: t.Container[Slot] = frozenset(),
) -> Plan:
    """What the servers of a site lack of the wish.

    `images` gives the id of each image and `flavors` the name of each flavor that the user named, `stuck` are the ids of servers that
    are in BUILD for too long, `given_up` are the slots that are not tried again.

    A server that may have run something is deleted only if it is retirable or by force, and only where there is a reason:
    one too many, in ERROR, of another image or flavor.
    """
    servers = sorted(servers, key=lambda server: (server.created, server.id))
    names = [server.name for server in servers]
    result = Plan([], [], {}, [], [], [], [], [], [], {})

    def is_disposable(server: Server) -> bool:
        # A name that two servers have says of neither that it is empty.
        is_retirable = server.id in wish.retirable or server.name in wish.retirable and names.count(server.name) == 1
        return wish.force or is_retirable or is_hopeless(server, stuck)

    def is_outdated(server: Server, pool: Pool) -> bool:
        other_image = bool(server.image and pool.image in images and images[pool.image] != server.image)
        return other_image or flavors.get(pool.flavor, pool.flavor) != server.flavor

    def dismiss(server: Server, otherwise: list[Server]) -> bool:
        (result.delete if is_disposable(server) else otherwise).append(server)
        return server in result.delete

    taken: dict[str, set[int]] = {name: set() for name in wish.pools}
    slots: dict[Slot, list[Server]] = {}
    for server in servers:
        if server.is_leaving:
            result.leaving.append(server)
        elif server.slot is None or server.pool not in wish.pools:
            dismiss(server, result.surplus)
        else:
            slots.setdefault(server.slot, []).append(server)

    for name, pool in wish.pools.items():
        members = {}
        for slot in (slot for slot in slots if slot.pool == name):
            # The one that stays is the one that may not go: else a new server would get a number that a busy one holds.
            first, *others = sorted(slots[slot], key=lambda server: (is_hopeless(server, stuck), not server.has_run, is_disposable(server)))
            members[slot.number] = first
            for other in others:
                # Two of one slot: a request that was obeyed without an answer. The one that never was ACTIVE has run nothing.
                if not other.has_run:
                    result.delete.append(other)
                elif not dismiss(other, result.surplus):
                    taken[name].add(slot.number)
        reluctance = {
            number: (is_disposable(server), is_hopeless(server, stuck), server.status != "ACTIVE", is_outdated(server, pool), number)
            for number, server in members.items()
        }
        for number in sorted(members, key=reluctance.__getitem__, reverse=True)[: max(0, len(members) - pool.count)]:
            if not dismiss(members.pop(number), result.surplus):
                taken[name].add(number)
        again = []
        for number, server in list(members.items()):
            if is_hopeless(server, stuck):
                result.delete.append(server)
            elif server.status == "ERROR" and server.has_run:
                dismiss(server, result.unhealthy)
            elif server.has_run and is_outdated(server, pool):
                dismiss(server, result.outdated)
            elif server.status == "BUILD" and not server.has_run:
                result.building.append(server)
            elif server.status != "ACTIVE":
                result.unhealthy.append(server)
            if server in result.delete:
                again.append(number)
                del members[number]
            elif server.status in CHANGEABLE and (after := changed_metadata(wish.site, server, pool)):
                result.update[server.id] = after
        taken[name].update(members)
        free = (number for number in range(1, pool.count + len(taken[name]) + 1) if number not in taken[name] and number not in again)
        lacking = sorted(again + [next(free) for times in range(pool.count - len(members) - len(again))])
        for slot in (Slot(name, number) for number in lacking):
            (result.missing if slot in given_up else result.create).append(slot)
        result.members.update({Slot(name, number): members[number] for number in sorted(members)})
    return result


def floating_plan(wish: Wish, plan: Plan, servers: t.Iterable[Server], floating_ips: t.Iterable[t.Mapping[str, t.Any]]) -> FloatingPlan:
    """What the floating IPs of a site lack. One keeps its address while its slot is wanted, whichever server fills it."""
    holders = {server.slot: server for server in servers if server.slot}
    holders.update(plan.members)
    found: dict[Slot, list[t.Mapping[str, t.Any]]] = {}
    release = []
    for floating_ip in floating_ips:
        if not _cloud_objects.belongs(floating_ip, wish.site):
            continue
        slot = slot_of(_cloud_objects.marks(floating_ip))
        # One without a slot was not made here.
        if slot is None:
            continue
        pool = wish.pools.get(slot.pool)
        # A server that is kept although it is not wanted keeps what it has.
        if (pool.floating_ip if pool else slot in holders) and (slot in holders or slot in plan.wanted):
            found.setdefault(slot, []).append(floating_ip)
        else:
            release.append(floating_ip["id"])
    attach, create = [], []
    for slot, several in found.items():
        server = holders.get(slot)
        several.sort(key=lambda one: (server is None or device(one) != server.id, not device(one), one["id"]))
        release += [one["id"] for one in several[1:]]
        if server and slot in plan.members and device(several[0]) != server.id:
            attach.append((several[0]["id"], server))
    for slot, server in plan.members.items():
        if wish.pools[slot.pool].floating_ip and slot not in found:
            create.append((slot, server))
    is_ready = {server.id for server in plan.members.values() if server.status != "BUILD"}
    return FloatingPlan(release, [pair for pair in attach if pair[1].id in is_ready], [pair for pair in create if pair[1].id in is_ready])


def device(floating_ip: t.Mapping[str, t.Any]) -> str:
    """The id of the server that a floating IP leads to."""
    return (floating_ip.get("port_details") or {}).get("device_id") or ""


def server_request(site: str, slot: Slot, pool: Pool, ids: t.Mapping[tuple[str, str], str], server_group: str | None) -> dict[str, t.Any]:
    """The body that creates a server. `ids` gives the id of what the user named, by kind and name."""
    image = ids["image", pool.image]
    metadata = wanted_metadata(site, slot, pool)
    server: dict[str, t.Any] = {
        "name": server_name(site, slot),
        "flavorRef": ids["flavor", pool.flavor],
        "networks": [{"uuid": ids["network", network]} for network in pool.networks],
        "metadata": metadata,
        "tags": [site_tag(site)],
    }
    if pool.boot_volume:
        metadata[IMAGE] = image
        disk = {"source_type": "image", "uuid": image, "destination_type": "volume", "volume_size": pool.boot_volume}
        server["block_device_mapping_v2"] = [{**disk, "boot_index": 0, "delete_on_termination": True}]
    else:
        server["imageRef"] = image
    if pool.security_groups:
        server["security_groups"] = [{"name": ids["security group", group]} for group in pool.security_groups]
    if pool.keypair:
        server["key_name"] = pool.keypair
    if pool.user_data:
        server["user_data"] = encoded(pool.user_data)
    if pool.config_drive:
        server["config_drive"] = True
    if pool.availability_zone:
        server["availability_zone"] = pool.availability_zone
    return {"server": server, **({"OS-SCH-HNT:scheduler_hints": {"group": server_group}} if server_group else {})}


def site_tag(site: str) -> str:
    """A Nova tag, which makes servers of ours cheap to list. What is ours stands in the metadata alone."""
    return f"{_cloud_objects.SITE}={site}"


def volumes(wish: Wish, servers: t.Mapping[Slot, Server | None]) -> list[dict[str, t.Any]]:
    """The volumes that pools ask for, in the shape of the module `volume`. A server that is yet to be made goes by its name."""
    found = []
    for slot, server in sorted(servers.items()):
        name = server_name(wish.site, slot)
        found += [{**volume, "name": f"{name}-{volume['name']}", "server": server.id if server else name} for volume in wish.pools[slot.pool].volumes]
    return found


def told(server: Server, floating_ip: str | None) -> dict[str, t.Any]:
    """A server in a module's result."""
    return {
        "id": server.id,
        "name": server.name,
        "pool": server.pool,
        "slot": server.slot.number if server.slot else None,
        "status": server.status,
        "fault": server.fault,
        "flavor": server.flavor,
        "image": server.image,
        "addresses": server.addresses,
        "address": next((address for addresses in server.addresses.values() for address in addresses), None),
        "floating_ip": floating_ip,
    }


def quota_sentences(needs: t.Mapping[str, int], limits: t.Mapping[str, int]) -> list[str]:
    """Which of Nova's limits stand in the way. `needs` has instances, cores and ram (MiB) of what could not be made."""
    found = []
    for what, used, limit in (
        ("instances", "totalInstancesUsed", "maxTotalInstances"),
        ("cores", "totalCoresUsed", "maxTotalCores"),
        ("ram", "totalRAMUsed", "maxTotalRAMSize"),
    ):
        if used in limits and limits.get(limit, -1) >= 0 and limits[used] + needs[what] > limits[limit]:
            found.append(quota_sentence("RAM (MiB)" if what == "ram" else what, needs[what], limits[used], limits[limit]))
    return found


def quota_sentence(what: str, asked: int, used: int, limit: int) -> str:
    return f"{what}: {asked} more asked for, {used} used, limit {limit}"


def line(server: Server, image_names: t.Mapping[str, str]) -> str:
    """A server in a diff."""
    return describe(server.name, server.status, server.flavor, image_names.get(server.image, server.image), server.metadata)


def planned_line(wish: Wish, slot: Slot, flavors: t.Mapping[str, str], image_names: t.Mapping[str, str], images: t.Mapping[str, str]) -> str:
    """The same of a server that is to be made."""
    pool = wish.pools[slot.pool]
    image = images.get(pool.image, pool.image)
    metadata = wanted_metadata(wish.site, slot, pool)
    return describe(server_name(wish.site, slot), "ACTIVE", flavors.get(pool.flavor, pool.flavor), image_names.get(image, image), metadata)


def describe(name: str, status: str, flavor: str, image: str, metadata: t.Mapping[str, str]) -> str:
    hidden = (_cloud_objects.SITE, _cloud_objects.POOL, _cloud_objects.SLOT, IMAGE)
    words = [f"{key.removeprefix('elastigrid_')}={value}" for key, value in sorted(metadata.items()) if key not in hidden]
    return ", ".join([f"server {name}: {status}", f"flavor {flavor}", f"image {image or 'unknown'}", *words])


def without_hosts(text: str, names: t.Collection[str]) -> str:
    """A known_hosts file without the keys of some hosts, be their names hashed or not (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return "".join(entry for entry in text.splitlines(keepends=True) if not any(_is_of(entry, name) for name in names))


def _is_of(entry: str, name: str) -> bool:
    words = entry.split()
    if words and words[0].startswith("@"):
        words = words[1:]
    if not words or words[0].startswith("#"):
        return False
    if words[0].startswith("|1|"):
        try:
            salt, digest = (base64.b64decode(part) for part in words[0].split("|")[2:4])
        except ValueError:
            return False
        return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
    return name in words[0].split(",")
