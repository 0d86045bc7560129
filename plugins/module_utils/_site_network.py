# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What has to be done so that a site has its networks, router and security groups, or has none. Pure; private to this collection.

Objects are the JSON of https://docs.openstack.org/api-ref/network/v2/. Ours are those that carry the site's mark in their
description, in the project of the credentials; the name tells them apart.
"""

from __future__ import annotations

import ipaddress
import itertools
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects

Thing = t.Mapping[str, t.Any]

# What an interface of a router is called depends on the kind of router: plain, distributed, highly available.
INTERFACE_OWNERS = ("network:router_interface", "network:router_interface_distributed", "network:ha_router_replicated_interface")
# Ports that Neutron makes for itself and deletes together with the network.
NEUTRONS_OWN = ("network:dhcp", "network:distributed")
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17}
ANYWHERE = ("0.0.0.0/0", "::/0")
NO_GATEWAY = "none"
# What a user may say.
OPTIONS: dict[str, dict[str, t.Any]] = {
    "networks": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "existing": {"type": "bool", "default": False},
            "subnets": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str"},
                    "cidr": {"type": "str", "required": True},
                    "gateway": {"type": "str"},
                    "allocation_pools": {
                        "type": "list",
                        "elements": "dict",
                        "options": {"start": {"type": "str", "required": True}, "end": {"type": "str", "required": True}},
                    },
                    "dns_servers": {"type": "list", "elements": "str", "default": []},
                    "dhcp": {"type": "bool", "default": True},
                },
            },
        },
    },
    "router": {
        "type": "dict",
        "options": {"name": {"type": "str"}, "external_network": {"type": "str"}, "subnets": {"type": "list", "elements": "str"}},
    },
    "security_groups": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "existing": {"type": "bool", "default": False},
            "rules": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "direction": {"type": "str", "choices": ["ingress", "egress"], "default": "ingress"},
                    "protocol": {"type": "str", "default": "any"},
                    "ports": {"type": "list", "elements": "str", "default": []},
                    "remote": {"type": "list", "elements": "str", "required": True},
                },
            },
        },
    },
}


class Refused(Exception):
    """The wish as a whole cannot be fulfilled; nothing was done."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))


class Found(t.NamedTuple):
    """What the project has, as listed."""

    project: str
    networks: list[Thing]
    subnets: list[Thing]
    routers: list[Thing]
    ports: list[Thing]
    security_groups: list[Thing]

    def own(self, kind: str, site: str) -> list[Thing]:
        """Credentials of an administrator see other projects too."""
        return [thing for thing in getattr(self, kind) if _cloud_objects.belongs(thing, site) and thing["project_id"] == self.project]

    def usable(self) -> list[Thing]:
        """The networks that servers of the project can have a port on."""
        return [network for network in self.networks if network["project_id"] == self.project or network["shared"] or network["router:external"]]

    def interfaces(self, router_id: str) -> dict[str, Thing]:
        """The ports of a router by the id of the subnet."""
        ports = [port for port in self.ports if port["device_id"] == router_id and port["device_owner"] in INTERFACE_OWNERS]
        return {address["subnet_id"]: port for port in ports for address in port["fixed_ips"]}


class Ref(t.NamedTuple):
    """An object by kind and name: it may have no id before an earlier step has been done."""

    kind: str
    name: str


class Rule(t.NamedTuple):
    """What a security group rule allows. None is any, and another side without prefix and group is anybody."""

    direction: str
    ethertype: str
    protocol: str | None
    first_port: int | None
    last_port: int | None
    prefix: str | None
    group: Ref | str | None
    """The security group of the other side: its id, or the group of that name that will be made."""


# What Neutron gives every new group, and what a group of ours has as long as its list says nothing about egress.
ALL_EGRESS = frozenset(Rule("egress", version, None, None, None, None, None) for version in ("IPv4", "IPv6"))


class Step(t.NamedTuple):
    """One change. What `body` holds depends on the verb."""

    verb: str
    """create, update, delete; attach and detach a router's interface; rules (of a security group)"""
    target: Ref
    body: t.Any = None
    id: str | None = None

    def __str__(self) -> str:
        kind = self.target.kind.rstrip("s").replace("_", " ")
        words = f"{self.verb} {kind} {self.target.name}"
        if self.verb == "update":
            return f"{words}: {', '.join(self.body)}"
        return f"set rules of {kind} {self.target.name}" if self.verb == "rules" else words


class Plan(t.NamedTuple):
    steps: list[Step]
    ids: dict[Ref, str]
    """What is there already."""
    before: dict[str, t.Any]
    after: dict[str, t.Any]
    surplus: list[dict[str, str]]
    """What carries the site's mark but is not wanted."""
    external_network: dict[str, str] | None = None


def errors(networks: list[Thing], router: Thing | None, groups: list[Thing]) -> list[str]:
    """What is wrong with the user's lists in themselves."""
    found: list[str] = []
    subnets: list[tuple[str, t.Any]] = []
    for i, network in enumerate(networks):
        path = f"networks[{i}]"
        if network["existing"] and network["subnets"]:
            found.append(f"{path} is existing and has subnets, but an existing network is never changed: leave subnets out")
        for j, subnet in enumerate(network["subnets"]):
            where = f"{path}.subnets[{j}]"
            problems, cidr = _subnet_errors(where, subnet)
            found += problems
            if cidr:
                found += [f"{where}.cidr is {cidr}, but overlaps with {other} of {place}" for place, other in subnets if cidr.overlaps(other)]
                subnets.append((where, cidr))
        found += _twice(f"{path}.subnets", [subnet["name"] or network["name"] for subnet in network["subnets"]])
    found += _twice("networks", [network["name"] for network in networks])
    found += _twice("security_groups", [group["name"] for group in groups])
    if router is not None:
        own = [subnet["name"] or network["name"] for network in networks for subnet in network["subnets"]]
        for name in router["subnets"] or []:
            if name not in own:
                found.append(f"router.subnets has {name!r}, which is no subnet of networks; {_cloud_objects.closest(name, own)}")
    for i, group in enumerate(groups):
        if group["existing"] and group["rules"]:
            found.append(f"security_groups[{i}] is existing and has rules, but an existing group is never changed: leave rules out")
        for j, rule in enumerate(group["rules"]):
            found += _rule_errors(f"security_groups[{i}].rules[{j}]", rule)
    return found


def _twice(path: str, names: list[str]) -> list[str]:
    return [f"{path} has the name {name!r} more than once" for name in sorted({name for name in names if names.count(name) > 1})]


def _subnet_errors(path: str, subnet: Thing) -> tuple[list[str], t.Any]:
    try:
        cidr = ipaddress.ip_network(subnet["cidr"])
    except ValueError as error:
        return [f"{path}.cidr is {subnet['cidr']!r}, must be a subnet such as 10.77.0.0/24: {error}"], None
    if cidr.num_addresses < 4:
        return [f"{path}.cidr is {cidr}, must have room for a gateway and a server: /30 or larger"], None
    found = []
    if cidr.version == 6 and subnet["dhcp"] and cidr.prefixlen != 64:
        found.append(f"{path}.cidr is {cidr}, must be a /64: servers choose their IPv6 addresses themselves (SLAAC)")

    def address(option: str, value: str) -> t.Any:
        try:
            parsed = ipaddress.ip_address(value)
        except ValueError:
            parsed = None
        inside = parsed is not None and parsed in cidr and (cidr.version == 6 or parsed not in (cidr[0], cidr[-1]))
        if not inside:
            found.append(f"{path}.{option} is {value!r}, must be an address of a host in {cidr}")
        return parsed if inside else None

    gateway = None
    if subnet["gateway"] not in (None, NO_GATEWAY):
        gateway = address("gateway", subnet["gateway"])
    elif subnet["gateway"] is None:
        gateway = cidr[1]
    taken: list[tuple[str, t.Any, t.Any]] = []
    for i, pool in enumerate(subnet["allocation_pools"] or []):
        option = f"allocation_pools[{i}]"
        start, end = address(f"{option}.start", pool["start"]), address(f"{option}.end", pool["end"])
        if start is None or end is None:
            continue
        if start > end:
            found.append(f"{path}.{option} starts at {start}, after its end {end}")
        elif gateway is not None and start <= gateway <= end:
            found.append(f"{path}.{option} is {start} to {end}, but has the gateway {gateway} in it")
        found += [f"{path}.{option} overlaps with {other}" for other, first, last in taken if start <= last and first <= end]
        taken.append((option, start, end))
    for server in subnet["dns_servers"]:
        try:
            ipaddress.ip_address(server)
        except ValueError:
            found.append(f"{path}.dns_servers has {server!r}, must be an address")
    return found, cidr


def _rule_errors(path: str, rule: Thing) -> list[str]:
    found = []
    protocol = rule["protocol"]
    if protocol not in ("any", *PROTOCOLS) and not (protocol.isdigit() and int(protocol) <= 255):
        found.append(f"{path}.protocol is {protocol!r}, must be any, {', '.join(PROTOCOLS)} or the number of an IP protocol (0 to 255)")
    elif rule["ports"] and protocol not in ("tcp", "udp"):
        found.append(f"{path}.ports is {', '.join(rule['ports'])}, but protocol is {protocol}: only tcp and udp have ports")
    for text in rule["ports"]:
        ends = text.split("-")
        if len(ends) > 2 or not all(end.isdigit() and 1 <= int(end) <= 65535 for end in ends) or int(ends[0]) > int(ends[-1]):
            found.append(f"{path}.ports has {text!r}, must be a port in 1..65535 or a range of them such as 9000-9300")
    if not rule["remote"]:
        found.append(f"{path}.remote is empty, must have the subnets or security groups of the other side; 0.0.0.0/0 is anybody")
    for remote in rule["remote"]:
        if "/" in remote:
            try:
                ipaddress.ip_network(remote)
            except ValueError as error:
                found.append(f"{path}.remote has {remote!r}, must be a subnet such as 192.0.2.0/24, or the name of a security group: {error}")
    return found


def rules(entries: list[Thing], group_of: t.Callable[[str], Ref | str]) -> set[Rule]:
    """All that the rules of a list allow, one for each port, other side and, where that is a group, version of IP."""
    wanted: set[Rule] = set()
    for entry in entries:
        for remote, ports in itertools.product(entry["remote"], entry["ports"] or [None]):
            first, last = (int(ports.split("-")[0]), int(ports.split("-")[-1])) if ports else (None, None)
            if "/" in remote:
                network = ipaddress.ip_network(remote)
                sides = [(f"IPv{network.version}", _prefix(str(network)), None)]
            else:
                group = group_of(remote)
                sides = [("IPv4", None, group), ("IPv6", None, group)]
            for ethertype, prefix, group in sides:
                wanted.add(Rule(entry["direction"], ethertype, _protocol(entry["protocol"], ethertype), first, last, prefix, group))
    return wanted if any(rule.direction == "egress" for rule in wanted) else wanted | ALL_EGRESS


def rule_of(thing: Thing) -> Rule:
    """What a rule of the API allows."""
    group = thing["remote_group_id"] or thing.get("remote_address_group_id")
    ethertype = thing["ethertype"]
    return Rule(
        thing["direction"], ethertype, _protocol(thing["protocol"], ethertype), thing["port_range_min"], thing["port_range_max"],
        _prefix(thing["remote_ip_prefix"]), group,
    )  # fmt: skip


def rule_changes(wanted: t.Collection[Rule], group: Thing) -> tuple[list[Rule], list[str]]:
    """The rules that a group lacks, and the ids of those that nobody wants."""
    there = {thing["id"]: rule_of(thing) for thing in group["security_group_rules"]}
    missing = sorted(set(wanted) - set(there.values()), key=str)
    return missing, sorted(rule_id for rule_id, rule in there.items() if rule not in wanted)


def rule_body(rule: Rule, group_id: str, site: str) -> dict[str, t.Any]:
    return {
        "security_group_id": group_id, "description": _cloud_objects.description(site), "direction": rule.direction, "ethertype": rule.ethertype,
        "protocol": rule.protocol, "port_range_min": rule.first_port, "port_range_max": rule.last_port,
        "remote_ip_prefix": rule.prefix, "remote_group_id": rule.group,
    }  # fmt: skip


def _protocol(name: str | None, ethertype: str) -> str | None:
    """One word for each protocol: Neutron keeps names and numbers as they were given."""
    if name is None or name == "any":
        return None
    number = int(name) if name.isdigit() else {**PROTOCOLS, "icmpv6": 58, "ipv6-icmp": 58}.get(name)
    if number == 1 and ethertype == "IPv6":
        number = 58
    return {**{number: name for name, number in PROTOCOLS.items()}, 58: "ipv6-icmp"}.get(number, str(number) if number is not None else name)


def _prefix(cidr: str | None) -> str | None:
    return None if cidr in ANYWHERE else cidr


def resolve(body: t.Any, ids: t.Mapping[Ref, str]) -> t.Any:
    """A request's body with ids in place of what was named."""
    if isinstance(body, Ref):
        return ids[body]
    if isinstance(body, dict):
        return {key: resolve(value, ids) for key, value in body.items()}
    return body


def subnet_ref(network: str, subnet: str) -> Ref:
    return Ref("subnets", f"{network}/{subnet}")


def plan(site: str, networks: list[Thing], router: Thing | None, groups: list[Thing], found: Found) -> Plan:
    """How the wanted comes to be. The lists are free of `errors`."""
    planner = _Planner(site, found)
    # What exists first: the other subnets must not overlap with it.
    for i, network in sorted(enumerate(networks), key=lambda entry: not entry[1]["existing"]):
        planner.network(f"networks[{i}]", network)
    if router is not None:
        planner.router(router, networks)
    planner.groups(groups)
    if planner.errors:
        raise Refused(planner.errors)
    return Plan(planner.steps, planner.ids, planner.before, planner.after, planner.surplus(), planner.external_network)


class _Planner:
    def __init__(self, site: str, found: Found) -> None:
        self.site, self.found = site, found
        self.errors: list[str] = []
        self.steps: list[Step] = []
        self.ids: dict[Ref, str] = {}
        self.before: dict[str, t.Any] = {"networks": {}, "security_groups": {}}
        self.after: dict[str, t.Any] = {"networks": {}, "security_groups": {}}
        self.cidrs: list[tuple[str, t.Any]] = []
        self.external_network: dict[str, str] | None = None

    def own(self, ref: Ref, path: str, things: list[Thing], others: t.Iterable[Thing] = ()) -> Thing | None:
        """Our object of this name. `others` are what it could be mistaken for."""
        name = ref.name.split("/")[-1]
        same = [thing for thing in things if thing["name"] == name]
        kind = ref.kind.rstrip("s").replace("_", " ")
        if len(same) > 1:
            ids = ", ".join(sorted(thing["id"] for thing in same))
            self.errors.append(f"{path} is {name!r}, but site {self.site} has {len(same)} {kind}s of this name ({ids}): delete all but one")
        elif not same and any(thing["name"] == name for thing in others):
            hint = "set existing: true to use it, or " if ref.kind == "networks" else ""
            self.errors.append(f"{path} is {name!r}, but there is a {kind} of this name that was not made for site {self.site}: {hint}choose another name")
        if len(same) == 1:
            self.ids[ref] = same[0]["id"]
            return same[0]
        return None

    def choose(self, *arguments: t.Any) -> Thing | None:
        try:
            return _cloud_objects.choose(*arguments)
        except _cloud_objects.LookupFailure as error:
            self.errors.append(str(error))
            return None

    def create(self, ref: Ref, body: dict[str, t.Any]) -> None:
        marked = {"name": ref.name.split("/")[-1], "description": _cloud_objects.description(self.site), **body}
        self.steps.append(Step("create", ref, marked))

    def network(self, path: str, network: Thing) -> None:
        name = network["name"]
        ref = Ref("networks", name)
        if network["existing"]:
            there = self.choose("network", name, self.found.usable(), f"{path}.name")
            if there is not None and there in self.found.own("networks", self.site):
                self.errors.append(f"{path}.name is {name!r}, which was made for site {self.site} and goes with it: leave existing out")
            if there is not None:
                self.ids[ref] = there["id"]
                subnets = [subnet for subnet in self.found.subnets if subnet["network_id"] == there["id"]]
                self.cidrs += [(f"existing network {name}", ipaddress.ip_network(subnet["cidr"])) for subnet in subnets]
            return
        own = self.found.own("networks", self.site)
        there = self.own(ref, f"{path}.name", own, [thing for thing in self.found.usable() if thing not in own])
        if there is None:
            self.create(ref, {})
        else:
            self.before["networks"][name] = {}
        self.after["networks"][name] = {}
        for j, subnet in enumerate(network["subnets"]):
            self.subnet(f"{path}.subnets[{j}]", name, subnet, there)

    def subnet(self, path: str, network: str, subnet: Thing, on: Thing | None) -> None:
        name = subnet["name"] or network
        ref = subnet_ref(network, name)
        cidr = ipaddress.ip_network(subnet["cidr"])
        self.errors += [f"{path}.cidr is {cidr}, but overlaps with {other} of {place}" for place, other in self.cidrs if cidr.overlaps(other)]
        wanted: dict[str, t.Any] = {
            "gateway_ip": None if subnet["gateway"] == NO_GATEWAY else str(ipaddress.ip_address(subnet["gateway"] or str(cidr[1]))),
            "enable_dhcp": subnet["dhcp"],
            "dns_nameservers": [str(ipaddress.ip_address(server)) for server in subnet["dns_servers"]],
        }
        if subnet["allocation_pools"]:
            wanted["allocation_pools"] = _pools(subnet["allocation_pools"])
        self.after["networks"][network][name] = {"cidr": str(cidr), **wanted}
        own = self.found.own("subnets", self.site)
        there = self.own(ref, f"{path}.name", [thing for thing in own if on and thing["network_id"] == on["id"]])
        if there is None:
            modes = {"ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"} if cidr.version == 6 and subnet["dhcp"] else {}
            self.create(ref, {"network_id": Ref("networks", network), "cidr": str(cidr), "ip_version": cidr.version, **wanted, **modes})
            return
        current = {key: _pools(there[key]) if key == "allocation_pools" else there[key] for key in wanted}
        self.before["networks"][network][name] = {"cidr": there["cidr"], **current}
        if ipaddress.ip_network(there["cidr"]) != cidr:
            self.errors.append(
                f"{path}.cidr is {cidr}, but subnet {ref.name} has {there['cidr']}, which OpenStack cannot change: "
                "add a subnet under another name, or tear the site down first"
            )
        changes = {key: value for key, value in wanted.items() if current[key] != value}
        if changes:
            self.steps.append(Step("update", ref, changes, there["id"]))

    def router(self, router: Thing, networks: list[Thing]) -> None:
        name = router["name"] or self.site
        ref = Ref("routers", name)
        external = [network for network in self.found.networks if network["router:external"]]
        if router["external_network"] is not None:
            outside = self.choose("external network", router["external_network"], external, "router.external_network")
        elif len(external) == 1:
            outside = external[0]
        else:
            outside = None
            names = ", ".join(sorted(network["name"] for network in external))
            self.errors.append(f"router.external_network is not set, and this cloud has {f'several: {names}' if names else 'no external network at all'}")
        if outside is None:
            return
        self.external_network = {"id": outside["id"], "name": outside["name"]}
        gateway = {"network_id": outside["id"]}

        there = self.own(ref, "router.name", self.found.own("routers", self.site))
        attached: dict[str, Thing] = {}
        if there is None:
            self.create(ref, {"external_gateway_info": gateway})
        else:
            attached = self.found.interfaces(there["id"])
            if (there["external_gateway_info"] or {}).get("network_id") != outside["id"]:
                self.steps.append(Step("update", ref, {"external_gateway_info": gateway}, there["id"]))

        candidates = {
            subnet_ref(network["name"], subnet["name"] or network["name"]): subnet["gateway"] != NO_GATEWAY
            if router["subnets"] is None
            else (subnet["name"] or network["name"]) in router["subnets"]
            for network in networks
            for subnet in network["subnets"]
        }
        wanted = [subnet for subnet, routed in candidates.items() if routed]
        for subnet in wanted:
            if self.ids.get(subnet) not in attached:
                self.steps.append(Step("attach", Ref("routers", f"{name} to {subnet.name}"), {"router": ref, "subnet_id": subnet}))
        own = {subnet["id"]: subnet["name"] for subnet in self.found.own("subnets", self.site)}
        unwanted = own.keys() & attached.keys() - {self.ids.get(subnet) for subnet in wanted}
        for subnet_id in sorted(unwanted):
            self.steps.append(Step("detach", Ref("routers", f"{name} from {own[subnet_id]}"), {"router": ref, "port_id": attached[subnet_id]["id"]}))

        names = {network["id"]: network["name"] for network in self.found.networks}
        if there:
            network_id = (there["external_gateway_info"] or {}).get("network_id")
            subnets = sorted(own[subnet_id] for subnet_id in own.keys() & attached.keys())
            self.before["router"] = {"name": name, "external_network": names.get(network_id, network_id), "subnets": subnets}
        self.after["router"] = {
            "name": name, "external_network": outside["name"], "subnets": sorted(subnet.name.split("/")[-1] for subnet in wanted)
        }  # fmt: skip

    def groups(self, groups: list[Thing]) -> None:
        own = self.found.own("security_groups", self.site)
        others = [group for group in self.found.security_groups if group not in own and group["project_id"] == self.found.project]
        names = {group["id"]: group["name"] for group in [*own, *others]}
        there: dict[str, Thing | None] = {}
        for i, group in enumerate(groups):
            path, name = f"security_groups[{i}].name", group["name"]
            ref = Ref("security_groups", name)
            if group["existing"]:
                if chosen := self.choose("security group", name, [*others, *own], path):
                    self.ids[ref] = chosen["id"]
                if chosen in own:
                    self.errors.append(f"{path} is {name!r}, which was made for site {self.site} and goes with it: leave existing out")
                continue
            there[name] = self.own(ref, path, own, others)
            if there[name] is None:
                self.create(ref, {})
        for i, group in enumerate(groups):
            if group["existing"]:
                continue
            # The path of the entry is known only here, and a function made in a loop must not look it up later.
            wanted = rules(group["rules"], lambda name, path=f"security_groups[{i}].rules": self.remote(path, name, there, others))
            current = there[group["name"]]
            target = Ref("security_groups", group["name"])
            if current is None or any(rule_changes(wanted, current)):
                self.steps.append(Step("rules", target, wanted, current and current["id"]))
            self.after["security_groups"][group["name"]] = sorted(in_words(rule, names) for rule in wanted)
            if current:
                self.before["security_groups"][group["name"]] = sorted(in_words(rule_of(rule), names) for rule in current["security_group_rules"])

    def remote(self, path: str, name: str, there: dict[str, Thing | None], others: list[Thing]) -> Ref | str:
        if name in there:
            group = there[name]
            return Ref("security_groups", name) if group is None else group["id"]
        ours = [group or {"id": "", "name": name} for name, group in there.items()]
        chosen = self.choose("security group", name, [*others, *ours], f"{path}.remote")
        return chosen["id"] if chosen else ""

    def surplus(self) -> list[dict[str, str]]:
        wanted = set(self.ids.values())
        return [
            {"kind": kind, "name": thing["name"], "id": thing["id"]}
            for kind in ("networks", "subnets", "routers", "security_groups")
            for thing in self.found.own(kind, self.site)
            if thing["id"] not in wanted
        ]


def _pools(pools: t.Iterable[Thing]) -> list[dict[str, str]]:
    """Allocation pools in the order of their addresses, for the API's order means nothing."""
    ends = sorted((ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])) for pool in pools)
    return [{"start": str(start), "end": str(end)} for start, end in ends]


def in_words(rule: Rule, names: t.Mapping[str, str]) -> str:
    ports = "" if rule.first_port is None else f" {rule.first_port}" + (f"-{rule.last_port}" if rule.last_port != rule.first_port else "")
    group = rule.group.name if isinstance(rule.group, Ref) else names.get(rule.group, rule.group) if rule.group else None
    side = rule.prefix or (f"group {group}" if group else "anywhere")
    return f"{rule.direction} {rule.ethertype} {rule.protocol or 'any'}{ports} {'from' if rule.direction == 'ingress' else 'to'} {side}"


def removal(site: str, found: Found, servers: t.Mapping[str, str]) -> Plan:
    """How all goes that is the site's. `servers` are the names of the project's servers by their ids.

    Neutron deletes no network that has ports, so those go first: of our router, and what deleted servers have left. A port
    that anybody uses forbids all.
    """
    networks, subnets, routers, groups = (found.own(kind, site) for kind in ("networks", "subnets", "routers", "security_groups"))
    network_ids, group_ids = ({thing["id"] for thing in things} for things in (networks, groups))
    users: set[str] = set()
    others: list[str] = []
    ports: list[Step] = []
    interfaces: list[Step] = []
    names = {router["id"]: router["name"] for router in routers}
    for port in found.ports:
        owner, device = port["device_owner"], port["device_id"]
        if device in names and owner in INTERFACE_OWNERS:
            interfaces.append(Step("detach", Ref("routers", f"{names[device]} from port {port['id']}"), {"router": device, "port_id": port["id"]}))
        elif port["network_id"] not in network_ids and not group_ids.intersection(port["security_groups"]) or owner in NEUTRONS_OWN:
            continue
        elif device in servers:
            users.add(servers[device])
        elif (owner == "" or owner.startswith("compute:")) and port["project_id"] == found.project:
            ports.append(Step("delete", Ref("ports", port["name"] or port["id"]), id=port["id"]))
        else:
            others.append(f"port {port['id']} of {owner or 'another project'} ({device or 'no device'})")
    if users or others:
        errors = [f"servers still use the networks or security groups of site {site}: {', '.join(sorted(users))}"] if users else []
        raise Refused(errors + [f"they are in use by {', '.join(others)}"] * bool(others))
    ours = {"routers": routers, "subnets": subnets, "networks": networks, "security_groups": groups}
    objects = [Step("delete", Ref(kind, thing["name"]), id=thing["id"]) for kind, things in ours.items() for thing in things]
    before = {kind: sorted(thing["name"] for thing in things) for kind, things in ours.items()}
    # Ports before interfaces: a floating IP on a port holds the interface.
    return Plan(ports + interfaces + objects, {}, before, {kind: [] for kind in ours}, [])
