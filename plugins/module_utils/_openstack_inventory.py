# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""From what Nova and Cinder list to hosts, their variables and groups. Pure; private to this collection.

Whatever comes from the cloud is text of strangers: it is never a template, and what goes into a command line or a path is
checked here to be nothing but an id, an address or a site's name.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import fnmatch
import ipaddress
import re
import shlex
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _data_disk

FACTS = ("id", "name", "cloud", "status", "flavor", "image", "availability_zone", "key_name", "created", "addresses", "metadata")
VARIABLES = ("openstack", "openstack_server", "site_address", "site_volumes", "ansible_host")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ATTRIBUTE = re.compile(r"[A-Za-z_]\w*(\.[\w-]+)*")
UNSAFE_IN_HOST_NAME = re.compile(r"^[^A-Za-z0-9]+|[^A-Za-z0-9._-]")
# Ansible knows them before any inventory.
LOCALHOST = ("localhost", "127.0.0.1", "::1")
# cloud-init's module keys-to-console; systemd puts the time and the service before each line. Text that any other program
# prints on the console, on whoever's behalf, has another beginning.
CONSOLE_LINE = re.compile(r"(?:\[\s*\d+\.\d+\] )?(?:cloud-init\[\d+\]: )?(.*)")
CONSOLE_BEGIN, CONSOLE_END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"
HOST_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) ([A-Za-z0-9+/]+={0,2})(?: .*)?")

Evaluate = t.Callable[[str, t.Mapping[str, t.Any]], t.Any]


class InventoryError(Exception):
    """What the user has to put right: an option, its value, and what is allowed."""


class Address(t.NamedTuple):
    address: str
    network: str
    version: int
    floating: bool


@dataclasses.dataclass(frozen=True)
class Settings:
    """The plugin's options, by the same names."""

    site: str | None = None
    statuses: t.Sequence[str] = ("ACTIVE",)
    include_filters: t.Sequence[t.Mapping[str, t.Any]] = ()
    exclude_filters: t.Sequence[t.Mapping[str, t.Any]] = ()
    hostnames: t.Sequence[str | t.Mapping[str, str]] = ("name",)
    domain: str | None = None
    networks: t.Sequence[str] = ()
    cidrs: t.Sequence[str] = ()
    ip_version: int | None = None
    bastion: str | None = None
    known_hosts: str | None = None
    host_key_source: str = "accept-new"
    ssh_user: str | None = None
    ssh_private_key: str | None = None


class Host(t.NamedTuple):
    name: str
    variables: dict[str, t.Any]
    groups: list[str]


class Pin(t.NamedTuple):
    """A server whose host key ssh will look up in a file, and the cloud whose console shows that key."""

    cloud: str
    server: str
    name: str
    known_hosts: str


class Plan(t.NamedTuple):
    hosts: list[Host]
    pins: list[Pin]
    warnings: list[str]


# What is kept of the answers.


def record(cloud: str, server: t.Mapping[str, t.Any], raw: bool) -> dict[str, t.Any]:
    """What is kept of a server of Nova's API (2.47 or later), and cached."""
    if not UUID.fullmatch(str(server["id"])):
        raise InventoryError(f"cloud {cloud}: the id of a server is {server['id']!r}, which is no UUID")
    addresses = [
        Address(entry["addr"], network, entry["version"], entry.get("OS-EXT-IPS:type") == "floating")
        for network, entries in server["addresses"].items()
        for entry in entries
        if is_address(entry["addr"])
    ]
    facts = {
        "id": server["id"],
        "name": server["name"],
        "cloud": cloud,
        "status": server["status"],
        "flavor": server["flavor"].get("original_name"),
        # Empty for a server that boots from a volume.
        "image": server["image"]["id"] if server["image"] else None,
        "availability_zone": server.get("OS-EXT-AZ:availability_zone"),
        "key_name": server.get("key_name"),
        "created": server["created"],
        "addresses": {network: [entry["addr"] for entry in entries] for network, entries in server["addresses"].items()},
        "metadata": server["metadata"],
    }
    kept = {"facts": facts, "addresses": addresses, "volumes": [volume["id"] for volume in server.get("os-extended-volumes:volumes_attached", [])]}
    return {**kept, "raw": server} if raw else kept


def is_address(text: str) -> bool:
    """Whether it is an IP address. One with a zone is of no use elsewhere, and a zone may be any text."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def volume_record(volume: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What is kept of a volume of Cinder's API."""
    metadata = volume["metadata"]
    # An unnamed volume is known by its mark.
    name = volume["name"] or metadata.get(_cloud_objects.VOLUME)
    return {
        "id": volume["id"],
        "name": name,
        "size": volume["size"],
        "mount": metadata.get(_cloud_objects.MOUNT),
        "fstype": metadata.get(_cloud_objects.FSTYPE),
    }


def markers(ids: t.Sequence[str], size: int) -> list[str]:
    """The ids after which pages of this size begin, but for the first page."""
    return [ids[start - 1] for start in range(size, len(ids), size)]


# What the user asked for.


def check(settings: Settings) -> None:
    """Raise InventoryError for values that no answer of a cloud can make right."""
    if settings.site is not None and (errors := _cloud_objects.site_errors(settings.site)):
        raise InventoryError(errors[0])
    if settings.ip_version not in (None, 4, 6):
        raise InventoryError(f"ip_version is {settings.ip_version}, but must be 4 or 6")
    for cidr in settings.cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            raise InventoryError(f"cidrs has {cidr!r}, but must be networks as in 10.0.0.0/8 or fd00::/8: {error}") from error
    if settings.ssh_user is not None and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", settings.ssh_user):
        raise InventoryError(f"ssh_user is {settings.ssh_user!r}, but must be the name of a user, and no template")
    for option in ("known_hosts", "ssh_private_key"):
        path = getattr(settings, option)
        if path is not None and re.search(r'["\\\x00-\x1f]', path):
            raise InventoryError(f"{option} is {path!r}, but ssh can read no path with quotes, backslashes or control characters")
    for option in ("include_filters", "exclude_filters"):
        for key in (key for conditions in getattr(settings, option) for key in conditions):
            if key.split(".")[0] not in FACTS:
                raise InventoryError(f"{option} has {key!r}, but must be an attribute of a server; {_cloud_objects.closest(key, FACTS)}")
    known = FACTS + VARIABLES
    for preference in settings.hostnames:
        parts = expressions(preference)
        if not all(isinstance(part, str) for part in parts):
            raise InventoryError(f"hostnames has {preference!r}, but must be an attribute, a Jinja expression, or a dict of name, prefix and separator")
        for part in parts:
            if ATTRIBUTE.fullmatch(part) and part.split(".")[0] not in known:
                raise InventoryError(f"hostnames has {part!r}, but a server has no such attribute; {_cloud_objects.closest(part, known)}")


def expressions(preference: t.Any) -> list[t.Any]:
    """The expressions in an element of `hostnames`, with None if it is none."""
    if not isinstance(preference, t.Mapping):
        return [preference]
    return [preference.get("name"), *(value if key == "prefix" else None for key, value in preference.items() if key not in ("name", "separator"))]


# The decision.


def plan(clouds: t.Sequence[t.Mapping[str, t.Any]], settings: Settings, taken: t.Collection[str], home: str, evaluate: Evaluate) -> Plan:
    """The inventory.

    A cloud is {"name": ..., "servers": [record, ...], "volumes": {id: volume_record}}. `taken` are the names that no host may
    have, because groups have them; `home` is the home directory, where known_hosts files are by default.
    """
    warnings: list[str] = []
    named = named_bastion(clouds, settings)
    chosen = []
    seen: set[str] = set()
    for cloud in clouds:
        # The oldest first, so that a name stays with the server which had it.
        servers = sorted(cloud["servers"], key=lambda server: (server["facts"]["created"], server["facts"]["id"]))
        bastions: dict[str | None, dict[str, t.Any]] = {}
        for server in servers:
            facts = server["facts"]
            if settings.site not in (None, facts["metadata"].get(_cloud_objects.SITE)) or not is_wanted(facts, settings) or facts["id"] in seen:
                continue
            seen.add(facts["id"])
            site = site_of(server)
            if site not in bastions:
                bastions[site] = named.get(cloud["name"]) if settings.bastion else marked_bastion(site, servers, warnings)
            chosen.append((cloud, server, bastions[site]))
    sites = sorted({site for site in (site_of(server) for ignored, server, bastion in chosen) if site})
    if settings.site is None and len(sites) > 1:
        warnings.append(f"The inventory has servers of several sites ({', '.join(sites)}); the option `site` chooses one")

    hosts: list[Host] = []
    pins: dict[str, Pin] = {}
    unreachable = []
    reserved = {*taken, *LOCALHOST, *(group for ignored, server, bastion in chosen for group in groups_of(server))}
    used: dict[str, str] = {}
    for cloud, server, bastion in chosen:
        facts = server["facts"]
        is_behind = bastion is not None and bastion["facts"]["id"] != facts["id"]
        fixed = choose_address(server, settings, floating=False)
        if fixed is None:
            unreachable.append(facts["name"])
            continue
        own = Pin(cloud["name"], facts["id"], facts["name"], known_hosts_of(server, settings, home))
        pins.setdefault(own.server, own)
        variables = {
            "ansible_host": fixed if is_behind else outer_address(server, settings) if bastion else choose_address(server, settings, floating=True),
            "site_address": fixed,
            "openstack": facts,
            "site_volumes": [attached(volume, cloud["volumes"]) for volume in server["volumes"]],
        }
        if is_behind:
            jump = Pin(cloud["name"], bastion["facts"]["id"], bastion["facts"]["name"], known_hosts_of(bastion, settings, home))
            pins.setdefault(jump.server, jump)
            variables["ansible_ssh_common_args"] = ssh_arguments(own, settings, proxy_command(jump, outer_address(bastion, settings), settings))
        else:
            variables["ansible_ssh_common_args"] = ssh_arguments(own, settings)
        if settings.ssh_user:
            variables["ansible_user"] = settings.ssh_user
        if settings.ssh_private_key:
            variables["ansible_ssh_private_key_file"] = settings.ssh_private_key
        if "raw" in server:
            variables["openstack_server"] = server["raw"]
        short = host_name(facts, variables, settings, evaluate)
        candidates = [short, f"{short}-{facts['id'].split('-')[0]}", f"{short}-{facts['id']}"]
        wanted, *others = (with_domain(candidate, settings) for candidate in candidates)
        name = next(name for name in (wanted, *others) if name not in used and name not in reserved)
        if name != wanted:
            holder = f"server {used[wanted]} has that name too" if wanted in used else "that name has another meaning in an inventory"
            warnings.append(f"cloud {cloud['name']}: server {facts['id']} would be host {wanted}, but is {name}: {holder}")
        used[name] = facts["id"]
        hosts.append(Host(name, variables, groups_of(server)))
    if unreachable:
        asked = selection(settings)
        if not hosts and asked:
            there = sorted({f"{each[0]} ({each[1]})" for ignored, server, bastion in chosen for each in server["addresses"]})
            raise InventoryError(f"{asked}, but no server has such an address; there are: {', '.join(there[:5]) or 'none at all'}")
        some = ", ".join(unreachable[:5]) + (f" and {len(unreachable) - 5} more" if len(unreachable) > 5 else "")
        warnings.append(f"No hosts, for they have no address{f' ({asked})' if asked else ''}: {some}")
    return Plan(hosts, list(pins.values()), warnings)


def is_wanted(facts: t.Mapping[str, t.Any], settings: Settings) -> bool:
    if facts["status"] not in settings.statuses:
        return False
    if settings.include_filters and not any(matches(facts, conditions) for conditions in settings.include_filters):
        return False
    return not any(matches(facts, conditions) for conditions in settings.exclude_filters)


def matches(facts: t.Mapping[str, t.Any], conditions: t.Mapping[str, t.Any]) -> bool:
    """Whether each attribute has one of the values, or has it among its own. Values may have wildcards as file names have."""
    for key, values in conditions.items():
        own = look_up(facts, key)
        own = own if isinstance(own, list) else [] if own is None else [own]
        patterns = values if isinstance(values, list) else [values]
        if not any(fnmatch.fnmatchcase(str(value), str(pattern)) for value in own for pattern in patterns):
            return False
    return True


def look_up(variables: t.Mapping[str, t.Any], path: str) -> t.Any:
    """The value at a path such as metadata.elastigrid_pool; None if there is none."""
    value: t.Any = variables
    for key in path.split("."):
        value = value.get(key) if isinstance(value, t.Mapping) else None
    return value


def host_name(facts: t.Mapping[str, t.Any], variables: t.Mapping[str, t.Any], settings: Settings, evaluate: Evaluate) -> str:
    """The first of `hostnames` that has a value, else the id, without the domain; what no host name can have is replaced by '_'."""
    known = {**facts, **variables}

    def value_of(expression: str) -> str:
        value = look_up(known, expression) if ATTRIBUTE.fullmatch(expression) else evaluate(expression, known)
        return str(value) if isinstance(value, (str, int)) else ""

    found = ""
    for preference in settings.hostnames:
        if isinstance(preference, str):
            found = value_of(preference)
        elif found := value_of(preference["name"]):
            prefix = value_of(preference["prefix"]) if "prefix" in preference else ""
            found = f"{prefix}{preference.get('separator', '_')}{found}" if prefix else found
        found = UNSAFE_IN_HOST_NAME.sub("_", found).lstrip("_")
        if found:
            break
    return found or facts["id"]


def with_domain(name: str, settings: Settings) -> str:
    domain = f".{settings.domain.lstrip('.')}" if settings.domain else ""
    return name if is_address(name) or name.endswith(domain) else name + domain


def site_of(server: t.Mapping[str, t.Any]) -> str | None:
    """The site that a server is marked for. It becomes part of a path, so that only a well-formed name counts."""
    site = server["facts"]["metadata"].get(_cloud_objects.SITE)
    return site if site and _cloud_objects.SITE_NAME.fullmatch(site) else None


def groups_of(server: t.Mapping[str, t.Any]) -> list[str]:
    """The groups in a server's mark; a character that no group's name can have becomes '_'."""
    names = server["facts"]["metadata"].get(_cloud_objects.GROUPS, "").split(",")
    safe = [re.sub(r"^\d|\W", "_", name.strip(), flags=re.ASCII) for name in names if name.strip()]
    return [name for name in dict.fromkeys(safe) if name not in ("all", "ungrouped")]


def attached(volume: str, known: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """A volume of a host. One that Cinder does not list, for it may be another project's, has nothing but its id."""
    return {"id": volume, "serial": _data_disk.serial(volume), **{key: known.get(volume, {}).get(key) for key in ("name", "size", "mount", "fstype")}}


# Addresses.


def choose_address(server: t.Mapping[str, t.Any], settings: Settings, floating: bool) -> str | None:
    """The best address that the settings allow: in the order of `cidrs`, then of `networks`, floating or fixed as is preferred, IPv4 before IPv6."""
    networks = [ipaddress.ip_network(cidr) for cidr in settings.cidrs]

    def rank(own: Address) -> tuple[int, int, bool, int] | None:
        within = next((index for index, network in enumerate(networks) if ipaddress.ip_address(own.address) in network), -1)
        if networks and within < 0 or settings.networks and own.network not in settings.networks or settings.ip_version not in (None, own.version):
            return None
        return within, settings.networks.index(own.network) if settings.networks else 0, own.floating != floating, own.version

    ranked = [(rank(own), index, own.address) for index, own in enumerate(Address(*each) for each in server["addresses"])]
    return min((each for each in ranked if each[0] is not None), default=(None, 0, None))[2]


def outer_address(server: t.Mapping[str, t.Any], settings: Settings) -> str | None:
    """Where a bastion is reached from outside: its floating IP, whatever addresses are chosen for the servers behind it."""
    floating = [each for each in server["addresses"] if Address(*each).floating]
    return choose_address({"addresses": floating}, Settings(), floating=True) or choose_address(server, settings, floating=True)


def selection(settings: Settings) -> str:
    """The words of an error message for the settings that choose addresses."""
    given = [(name, getattr(settings, name)) for name in ("networks", "cidrs", "ip_version")]
    return " and ".join(f"{name} is {value}" for name, value in given if value)


# The jump host.


def named_bastion(clouds: t.Sequence[t.Mapping[str, t.Any]], settings: Settings) -> dict[str, dict[str, t.Any]]:
    """The server that the option `bastion` names, by its cloud; more than one cloud may have one of that name."""
    if settings.bastion in (None, "none"):
        return {}
    found, failures = {}, []
    for cloud in clouds:
        try:
            facts = _cloud_objects.choose("server", settings.bastion, [server["facts"] for server in cloud["servers"]], "bastion")
        except _cloud_objects.LookupFailure as failure:
            failures.append(f"cloud {cloud['name']}: {failure}")
            continue
        server = next(server for server in cloud["servers"] if server["facts"] is facts)
        if outer_address(server, settings) is None:
            failures.append(f"cloud {cloud['name']}: bastion is {settings.bastion!r}, but that server has no address (its status is {facts['status']})")
            continue
        found[cloud["name"]] = server
    if not found and failures:
        raise InventoryError("; ".join(failures))
    return found


def marked_bastion(site: str | None, servers: t.Sequence[dict[str, t.Any]], warnings: list[str]) -> dict[str, t.Any] | None:
    """The server that the site's fleet has for a bastion, one that runs if there are several."""
    marked = [server for server in servers if site and site_of(server) == site and server["facts"]["metadata"].get(_cloud_objects.BASTION) == "true"]
    usable = [server for server in marked if outer_address(server, Settings())]
    best = min(usable, key=lambda server: server["facts"]["status"] != "ACTIVE", default=None)
    if marked and best is None:
        warnings.append(f"site {site}: its bastion {marked[0]['facts']['name']} has no address, so that the servers are to be reached directly")
    elif best and best["facts"]["status"] != "ACTIVE":
        warnings.append(f"site {site}: its bastion {best['facts']['name']} is {best['facts']['status']}, so that ssh will reach no server")
    return best


# ssh. A jump through `ssh -J` or ProxyJump would look for the bastion's key under its address, in the user's own file: the
# options for the second ssh can only be given in a ProxyCommand.


def known_hosts_of(server: t.Mapping[str, t.Any], settings: Settings, home: str) -> str:
    """The file with the host keys of a server's site; ssh's own for a server of no site. Written out, for ssh and Ansible may differ in what ~ is."""
    if settings.known_hosts:
        return settings.known_hosts
    site = site_of(server)
    return _cloud_objects.known_hosts(site, home) if site else f"{home}/.ssh/known_hosts"


def host_key_options(pin: Pin, settings: Settings) -> list[str]:
    """ssh looks up the key under the id: an address may be given to another server, an id never."""
    options = {
        "HostKeyAlias": pin.server,
        # ssh splits it at spaces and replaces what follows %.
        "UserKnownHostsFile": f'"{escape(pin.known_hosts)}"' if " " in pin.known_hosts else escape(pin.known_hosts),
        "StrictHostKeyChecking": "yes" if settings.host_key_source == "console" else "accept-new",
        # Who deletes a server finds its lines.
        "HashKnownHosts": "no",
    }
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def escape(text: str) -> str:
    return text.replace("%", "%%")


def proxy_command(jump: Pin, address: str, settings: Settings) -> str:
    """The command that ssh runs to get through to a server. The user at the bastion is the server's, unless `ssh_user` says more."""
    words = ["ssh", "-W", '"[%h]:%p"', "-o", "BatchMode=yes"]
    # The shell takes the quotes away, and ssh the second percent sign.
    words += [shlex.quote(escape(word)) for word in host_key_options(jump, settings)]
    if settings.ssh_private_key:
        words += ["-o", "IdentitiesOnly=yes", "-i", shlex.quote(escape(escape(settings.ssh_private_key)))]
    return " ".join([*words, "-l", settings.ssh_user or "%r", address])


def ssh_arguments(pin: Pin, settings: Settings, proxy: str | None = None) -> str:
    """The variable ansible_ssh_common_args, which Ansible splits as a shell would."""
    return shlex.join([*host_key_options(pin, settings), *(["-o", f"ProxyCommand={proxy}"] if proxy else [])])


# Host keys.


def console_keys(text: str) -> list[str]:
    """The host keys that cloud-init printed on a server's console, as "type base64"; none if the console is not to be believed.

    A log may have several blocks after a rebuild, or after somebody made a program print one: they must agree.
    """
    blocks: list[list[str]] = []
    current: list[str] | None = None
    for line in text.splitlines():
        line = t.cast("re.Match[str]", CONSOLE_LINE.fullmatch(line))[1].strip()
        if line == CONSOLE_BEGIN:
            current = []
        elif line == CONSOLE_END and current is not None:
            blocks.append(sorted(set(current)))
            current = None
        elif current is not None and (found := HOST_KEY.fullmatch(line)) and is_key(found[1], found[2]):
            current.append(f"{found[1]} {found[2]}")
    return blocks[0] if blocks and all(block == blocks[0] for block in blocks) else []


def is_key(kind: str, encoded: str) -> bool:
    """Whether it is the public key of that kind that it seems to be (RFC 4253, 6.6)."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    fields = []
    while data:
        length = int.from_bytes(data[:4], "big")
        if len(data) < 4 + length:
            return False
        fields.append(data[4 : 4 + length])
        data = data[4 + length :]
    return len(fields) > 1 and fields[0] == kind.encode()


def without_entry(pins: t.Iterable[Pin], known_hosts: str) -> list[Pin]:
    """The servers of which the text of a known_hosts file has no key."""
    known = {name for line in known_hosts.splitlines() for name in line.split(" ", 1)[0].split(",")}
    return [pin for pin in pins if pin.server not in known]
