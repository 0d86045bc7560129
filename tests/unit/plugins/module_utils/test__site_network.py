# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _site_network
from ansible_collections.elastigrid.site.plugins.module_utils._site_network import ALL_EGRESS, Found, Ref, Rule

MINE, OTHER = "project-1", "project-2"
OURS = _cloud_objects.description("demo")
PUBLIC = {"id": "public-id", "name": "public", "description": "", "project_id": OTHER, "shared": False, "router:external": True}
PRIVATE = {"id": "private-id", "name": "private", "description": "", "project_id": MINE, "shared": False, "router:external": False}
PRIVATE_SUBNET = {"id": "private-subnet", "name": "private-subnet", "network_id": "private-id", "cidr": "10.30.0.0/16", "description": "", "project_id": MINE}


# What a user writes, as it is after the module's argument spec.


def subnet(cidr="10.77.0.0/24", **options):
    return {"name": None, "cidr": cidr, "gateway": None, "allocation_pools": None, "dns_servers": [], "dhcp": True, **options}


def network(name="demo", subnets=None, existing=False):
    return {"name": name, "existing": existing, "subnets": [] if existing else [subnet()] if subnets is None else subnets}


def router(**options):
    return {"name": None, "external_network": None, "subnets": None, **options}


def rule(remote, **options):
    return {"direction": "ingress", "protocol": "any", "ports": [], "remote": [remote] if isinstance(remote, str) else remote, **options}


def group(name="demo-inside", *rules):
    return {"name": name, "existing": False, "rules": list(rules)}


def pool(start, end):
    return {"start": start, "end": end}


# What the cloud has.


def api_network(name="demo", **attributes):
    return {"id": f"{name}-id", "name": name, "description": OURS, "project_id": MINE, "shared": False, "router:external": False, **attributes}


def api_subnet(name="demo", **attributes):
    return {
        "id": f"{name}-subnet", "name": name, "network_id": "demo-id", "cidr": "10.77.0.0/24", "gateway_ip": "10.77.0.1", "enable_dhcp": True,
        "dns_nameservers": [], "allocation_pools": [pool("10.77.0.2", "10.77.0.254")], "description": OURS, "project_id": MINE, **attributes,
    }  # fmt: skip


def api_router(**attributes):
    gateway = {"network_id": "public-id", "enable_snat": True}
    return {"id": "router-id", "name": "demo", "description": OURS, "project_id": MINE, "external_gateway_info": gateway, **attributes}


def port(port_id, owner, device, network_id="demo-id", **attributes):
    return {
        "id": port_id, "name": "", "device_owner": owner, "device_id": device, "network_id": network_id, "security_groups": [], "project_id": MINE,
        "fixed_ips": [], "description": "", **attributes,
    }  # fmt: skip


INTERFACE = port("interface", "network:router_interface", "router-id", fixed_ips=[{"subnet_id": "demo-subnet", "ip_address": "10.77.0.1"}])


def api_rule(rule_id, one):
    return {
        "id": rule_id, "direction": one.direction, "ethertype": one.ethertype, "protocol": one.protocol, "port_range_min": one.first_port,
        "port_range_max": one.last_port, "remote_ip_prefix": one.prefix, "remote_group_id": one.group, "remote_address_group_id": None,
    }  # fmt: skip


def api_group(name="demo-inside", rules=ALL_EGRESS, **attributes):
    things = [api_rule(f"rule-{i}", one) for i, one in enumerate(sorted(rules, key=str))]
    return {"id": f"{name}-id", "name": name, "description": OURS, "project_id": MINE, "security_group_rules": things, **attributes}


def found(networks=(), subnets=(), routers=(), ports=(), security_groups=()):
    default = {"id": "default-id", "name": "default", "description": "Default security group", "project_id": MINE, "security_group_rules": []}
    return Found(MINE, [PUBLIC, PRIVATE, *networks], [PRIVATE_SUBNET, *subnets], list(routers), list(ports), [default, *security_groups])


def inside():
    """The rules that let the hosts of a site reach each other."""
    return {Rule("ingress", version, None, None, None, None, "demo-inside-id") for version in ("IPv4", "IPv6")} | ALL_EGRESS


COMPLETE = found([api_network()], [api_subnet()], [api_router()], [INTERFACE], [api_group(rules=inside())])
WISH = ([network()], router(), [group("demo-inside", rule("demo-inside"))])


def steps(plan):
    return [str(step) for step in plan.steps]


@pytest.mark.parametrize(
    "wish",
    [
        ([], None, []),
        WISH,
        ([network("private", existing=True)], None, [group("ce", rule("0.0.0.0/0", protocol="tcp", ports=["443", "9000-9300"]))]),
        ([network(subnets=[subnet(), subnet("fd00:77::/64", name="v6"), subnet("10.78.0.0/30", name="storage", gateway="none", dhcp=False)])],
         router(subnets=["demo", "v6"]), []),
        ([network(subnets=[subnet(gateway="10.77.0.254", allocation_pools=[pool("10.77.0.1", "10.77.0.9"), pool("10.77.0.20", "10.77.0.20")],
                                  dns_servers=["192.0.2.1", "2001:db8::1"])])], None, []),
        ([], None, [group("g", rule(["10.0.0.0/8", "2001:db8::/32", "other"], protocol="112", direction="egress"))]),
    ],
)  # fmt: skip
def test_right_wishes(wish):
    assert _site_network.errors(*wish) == []


@pytest.mark.parametrize(
    ("wish", "errors"),
    [
        (([network(subnets=[subnet("10.77.0.0/33")])], None, []),
         ["networks[0].subnets[0].cidr is '10.77.0.0/33', must be a subnet such as 10.77.0.0/24: "
          "'10.77.0.0/33' does not appear to be an IPv4 or IPv6 network"]),
        (([network(subnets=[subnet("10.77.0.1/24")])], None, []),
         ["networks[0].subnets[0].cidr is '10.77.0.1/24', must be a subnet such as 10.77.0.0/24: 10.77.0.1/24 has host bits set"]),
        (([network(subnets=[subnet("10.77.0.0/31")])], None, []),
         ["networks[0].subnets[0].cidr is 10.77.0.0/31, must have room for a gateway and a server: /30 or larger"]),
        (([network(subnets=[subnet("fd00::/56")])], None, []),
         ["networks[0].subnets[0].cidr is fd00::/56, must be a /64: servers choose their IPv6 addresses themselves (SLAAC)"]),
        (([network(), network("more", [subnet("10.77.0.128/25")])], None, []),
         ["networks[1].subnets[0].cidr is 10.77.0.128/25, but overlaps with 10.77.0.0/24 of networks[0].subnets[0]"]),
        (([network(subnets=[subnet(gateway="10.78.0.1")])], None, []),
         ["networks[0].subnets[0].gateway is '10.78.0.1', must be an address of a host in 10.77.0.0/24"]),
        (([network(subnets=[subnet(gateway="10.77.0.255")])], None, []),
         ["networks[0].subnets[0].gateway is '10.77.0.255', must be an address of a host in 10.77.0.0/24"]),
        (([network(subnets=[subnet(gateway="first")])], None, []),
         ["networks[0].subnets[0].gateway is 'first', must be an address of a host in 10.77.0.0/24"]),
        (([network(subnets=[subnet(allocation_pools=[pool("10.77.0.1", "10.77.0.9")])])], None, []),
         ["networks[0].subnets[0].allocation_pools[0] is 10.77.0.1 to 10.77.0.9, but has the gateway 10.77.0.1 in it"]),
        (([network(subnets=[subnet(allocation_pools=[pool("10.77.0.9", "10.77.0.5")])])], None, []),
         ["networks[0].subnets[0].allocation_pools[0] starts at 10.77.0.9, after its end 10.77.0.5"]),
        (([network(subnets=[subnet(allocation_pools=[pool("10.77.0.2", "10.77.0.9"), pool("10.77.0.9", "10.77.1.5")])])], None, []),
         ["networks[0].subnets[0].allocation_pools[1].end is '10.77.1.5', must be an address of a host in 10.77.0.0/24"]),
        (([network(subnets=[subnet(allocation_pools=[pool("10.77.0.2", "10.77.0.9"), pool("10.77.0.9", "10.77.0.12")])])], None, []),
         ["networks[0].subnets[0].allocation_pools[1] overlaps with allocation_pools[0]"]),
        (([network(subnets=[subnet(dns_servers=["dns.example.org"])])], None, []),
         ["networks[0].subnets[0].dns_servers has 'dns.example.org', must be an address"]),
        (([network(), network(subnets=[])], None, []), ["networks has the name 'demo' more than once"]),
        (([network(subnets=[subnet(), subnet("10.78.0.0/24")])], None, []), ["networks[0].subnets has the name 'demo' more than once"]),
        (([{**network(), "existing": True}], None, []),
         ["networks[0] is existing and has subnets, but an existing network is never changed: leave subnets out"]),
        (([], None, [{**group("default", rule("0.0.0.0/0")), "existing": True}]),
         ["security_groups[0] is existing and has rules, but an existing group is never changed: leave rules out"]),
        (([network()], router(subnets=["dmo"]), []), ["router.subnets has 'dmo', which is no subnet of networks; the closest: demo"]),
        (([], None, [group("a"), group("a")]), ["security_groups has the name 'a' more than once"]),
        (([], None, [group("a", rule("0.0.0.0/0", protocol="tpc"))]),
         ["security_groups[0].rules[0].protocol is 'tpc', must be any, icmp, tcp, udp or the number of an IP protocol (0 to 255)"]),
        (([], None, [group("a", rule("0.0.0.0/0", protocol="256"))]),
         ["security_groups[0].rules[0].protocol is '256', must be any, icmp, tcp, udp or the number of an IP protocol (0 to 255)"]),
        (([], None, [group("a", rule("0.0.0.0/0", ports=["22"]))]),
         ["security_groups[0].rules[0].ports is 22, but protocol is any: only tcp and udp have ports"]),
        (([], None, [group("a", rule("0.0.0.0/0", protocol="tcp", ports=["0", "9300-9000", "ssh", "1-2-3"]))]),
         [f"security_groups[0].rules[0].ports has {text!r}, must be a port in 1..65535 or a range of them such as 9000-9300"
          for text in ("0", "9300-9000", "ssh", "1-2-3")]),
        (([], None, [group("a", rule([]))]),
         ["security_groups[0].rules[0].remote is empty, must have the subnets or security groups of the other side; 0.0.0.0/0 is anybody"]),
        (([], None, [group("a", rule("10.0.0.0/99"))]),
         ["security_groups[0].rules[0].remote has '10.0.0.0/99', must be a subnet such as 192.0.2.0/24, or the name of a security group: "
          "'10.0.0.0/99' does not appear to be an IPv4 or IPv6 network"]),
    ],
)  # fmt: skip
def test_wrong_wishes(wish, errors):
    assert _site_network.errors(*wish) == errors


def test_from_nothing_in_the_order_in_which_things_need_each_other():
    plan = _site_network.plan("demo", *WISH, found())
    assert steps(plan) == [
        "create network demo", "create subnet demo/demo", "create router demo", "attach router demo to demo/demo",
        "create security group demo-inside", "set rules of security group demo-inside",
    ]  # fmt: skip
    created = [step.body for step in plan.steps if step.verb == "create"]
    assert created == [
        {"name": "demo", "description": OURS},
        {
            "name": "demo", "description": OURS, "network_id": Ref("networks", "demo"), "cidr": "10.77.0.0/24", "ip_version": 4,
            "gateway_ip": "10.77.0.1", "enable_dhcp": True, "dns_nameservers": [],
        },
        {"name": "demo", "description": OURS, "external_gateway_info": {"network_id": "public-id"}},
        {"name": "demo-inside", "description": OURS},
    ]  # fmt: skip
    assert plan.steps[3].body == {"router": Ref("routers", "demo"), "subnet_id": Ref("subnets", "demo/demo")}
    unmade = Ref("security_groups", "demo-inside")
    assert plan.steps[5].body == {one._replace(group=one.group and unmade) for one in inside()}
    assert plan.before == {"networks": {}, "security_groups": {}}
    assert plan.external_network == {"id": "public-id", "name": "public"}


def test_references_become_ids():
    ids = {Ref("networks", "demo"): "n", Ref("subnets", "demo/demo"): "s"}
    assert _site_network.resolve({"network_id": Ref("networks", "demo"), "more": {"subnet": Ref("subnets", "demo/demo")}, "list": [1]}, ids) == {
        "network_id": "n", "more": {"subnet": "s"}, "list": [1],
    }  # fmt: skip


def test_what_is_as_wanted_is_left_alone():
    plan = _site_network.plan("demo", *WISH, COMPLETE)
    assert plan.steps == []
    assert plan.before == plan.after
    assert plan.surplus == []


@pytest.mark.parametrize(
    ("lacks", "expected"),
    [
        (dict(subnets=COMPLETE.subnets[:1], ports=[]), ["create subnet demo/demo", "attach router demo to demo/demo"]),
        (dict(ports=[]), ["attach router demo to demo/demo"]),
        (dict(routers=[], ports=[]), ["create router demo", "attach router demo to demo/demo"]),
        (dict(security_groups=[api_group()]), ["set rules of security group demo-inside"]),
    ],
)
def test_an_interrupted_run_is_completed(lacks, expected):
    assert steps(_site_network.plan("demo", *WISH, COMPLETE._replace(**lacks))) == expected


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        (subnet(gateway="10.77.0.254"), {"gateway_ip": "10.77.0.254"}),
        (subnet(dns_servers=["192.0.2.1"], dhcp=False), {"enable_dhcp": False, "dns_nameservers": ["192.0.2.1"]}),
        (subnet(allocation_pools=[pool("10.77.0.20", "10.77.0.30"), pool("10.77.0.10", "10.77.0.12")]),
         {"allocation_pools": [pool("10.77.0.10", "10.77.0.12"), pool("10.77.0.20", "10.77.0.30")]}),
        (subnet(allocation_pools=[pool("10.77.0.2", "10.77.0.254")]), None),
    ],
)  # fmt: skip
def test_a_subnet_is_changed_where_it_can_be(wanted, changes):
    plan = _site_network.plan("demo", [network(subnets=[wanted])], router(), WISH[2], COMPLETE)
    assert [step.body for step in plan.steps] == ([changes] if changes else [])
    assert all((step.verb, step.id) == ("update", "demo-subnet") for step in plan.steps)


def test_a_router_gets_the_gateway_and_the_interfaces_that_are_wanted():
    other = {**PUBLIC, "id": "other-id", "name": "other"}
    have = COMPLETE._replace(networks=[*COMPLETE.networks, other])
    assert [step.body for step in _site_network.plan("demo", WISH[0], router(external_network="other"), WISH[2], have).steps] == [
        {"external_gateway_info": {"network_id": "other-id"}}
    ]
    assert steps(_site_network.plan("demo", WISH[0], router(subnets=[]), WISH[2], COMPLETE)) == ["detach router demo from demo"]
    assert steps(_site_network.plan("demo", [network(subnets=[subnet(gateway="none")])], router(), WISH[2], COMPLETE))[1:] == ["detach router demo from demo"]
    # By hand, to a subnet that is not ours: none of our business.
    by_hand = port("hand", "network:router_interface", "router-id", "private-id", fixed_ips=[{"subnet_id": "private-subnet", "ip_address": "10.30.0.9"}])
    assert _site_network.plan("demo", *WISH, COMPLETE._replace(ports=[INTERFACE, by_hand])).steps == []


@pytest.mark.parametrize("owner", _site_network.INTERFACE_OWNERS)
def test_interfaces_of_all_kinds_of_routers_are_known(owner):
    assert _site_network.plan("demo", *WISH, COMPLETE._replace(ports=[{**INTERFACE, "device_owner": owner}])).steps == []


def test_servers_on_an_ipv6_subnet_choose_their_addresses():
    plan = _site_network.plan("demo", [network(subnets=[subnet("fd00:77::/64")])], None, [], found())
    body = plan.steps[1].body
    assert (body["ip_version"], body["gateway_ip"], body["ipv6_address_mode"], body["ipv6_ra_mode"]) == (6, "fd00:77::1", "slaac", "slaac")


def test_what_exists_is_only_looked_up():
    networks = [network("private", existing=True), network("public-id", existing=True)]
    plan = _site_network.plan("demo", networks, None, [{**group("default"), "existing": True}], found())
    assert plan.steps == []
    assert plan.ids == {Ref("networks", "private"): "private-id", Ref("networks", "public-id"): "public-id", Ref("security_groups", "default"): "default-id"}


def test_what_is_no_longer_wanted_is_told_and_left():
    plan = _site_network.plan("demo", [], None, [], COMPLETE)
    assert plan.steps == []
    assert [(one["kind"], one["id"]) for one in plan.surplus] == [
        ("networks", "demo-id"), ("subnets", "demo-subnet"), ("routers", "router-id"), ("security_groups", "demo-inside-id"),
    ]  # fmt: skip


SEVERAL = found([{**PUBLIC, "id": "other-id", "name": "other"}])


@pytest.mark.parametrize(
    ("wish", "have", "error"),
    [
        (([network("privat", existing=True)], None, []), found(),
         "networks[0].name is 'privat', but there is no network 'privat' in this cloud; the closest: private"),
        (([network("private", existing=True)], None, []), found([{**PRIVATE, "id": "second"}]),
         "networks[0].name is 'private', but 2 networks have the name 'private': give an id instead (private-id, second)"),
        (([network("demo", existing=True)], None, []), COMPLETE,
         "networks[0].name is 'demo', which was made for site demo and goes with it: leave existing out"),
        (([], None, [{**group("demo-inside"), "existing": True}]), COMPLETE,
         "security_groups[0].name is 'demo-inside', which was made for site demo and goes with it: leave existing out"),
        (([], None, [{**group("defalt"), "existing": True}]), found(),
         "security_groups[0].name is 'defalt', but there is no security group 'defalt' in this cloud; the closest: default"),
        (([network("private")], None, []), found(),
         "networks[0].name is 'private', but there is a network of this name that was not made for site demo: "
         "set existing: true to use it, or choose another name"),
        (([network()], None, []), found([api_network(), api_network(id="second")]),
         "networks[0].name is 'demo', but site demo has 2 networks of this name (demo-id, second): delete all but one"),
        (([network(subnets=[subnet("10.78.0.0/24")])], None, []), COMPLETE,
         "networks[0].subnets[0].cidr is 10.78.0.0/24, but subnet demo/demo has 10.77.0.0/24, which OpenStack cannot change: "
         "add a subnet under another name, or tear the site down first"),
        (([network(subnets=[subnet("10.30.7.0/24")]), network("private", existing=True)], None, []), found(),
         "networks[0].subnets[0].cidr is 10.30.7.0/24, but overlaps with 10.30.0.0/16 of existing network private"),
        (([network()], router(external_network="publik"), []), found(),
         "router.external_network is 'publik', but there is no external network 'publik' in this cloud; the closest: public"),
        (([network()], router(external_network="private"), []), found(),
         "router.external_network is 'private', but there is no external network 'private' in this cloud; there are: public"),
        (([network()], router(), []), SEVERAL, "router.external_network is not set, and this cloud has several: other, public"),
        (([network()], router(), []), found()._replace(networks=[PRIVATE]),
         "router.external_network is not set, and this cloud has no external network at all"),
        (([], None, [group("default")]), found(),
         "security_groups[0].name is 'default', but there is a security group of this name that was not made for site demo: choose another name"),
        (([], None, [group("demo-ssh", rule("demo-insid")), group("demo-inside")]), found(),
         "security_groups[0].rules.remote is 'demo-insid', but there is no security group 'demo-insid' in this cloud; the closest: demo-inside, demo-ssh"),
    ],
)  # fmt: skip
def test_wishes_that_the_cloud_cannot_fulfil(wish, have, error):
    with pytest.raises(_site_network.Refused) as refused:
        _site_network.plan("demo", *wish, have)
    assert str(refused.value) == error


def test_other_projects_are_none_of_ours():
    """An administrator sees them all."""
    theirs = [api_network(project_id=OTHER), {**PRIVATE, "id": "theirs", "project_id": OTHER}]
    plan = _site_network.plan("demo", [network(), network("private", existing=True)], None, [], found(theirs, security_groups=[api_group(project_id=OTHER)]))
    assert steps(plan) == ["create network demo", "create subnet demo/demo"]
    assert _site_network.removal("demo", found(theirs), {}).steps == []


TCP22 = Rule("ingress", "IPv4", "tcp", 22, 22, None, None)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], set(ALL_EGRESS)),
        ([rule("0.0.0.0/0", protocol="tcp", ports=["22"])], {TCP22, *ALL_EGRESS}),
        ([rule("::/0", protocol="tcp", ports=["22"])], {TCP22._replace(ethertype="IPv6"), *ALL_EGRESS}),
        ([rule(["192.0.2.0/24", "198.51.100.7/32"], protocol="udp", ports=["53", "9000-9300"])],
         {Rule("ingress", "IPv4", "udp", first, last, prefix, None)
          for first, last in ((53, 53), (9000, 9300)) for prefix in ("192.0.2.0/24", "198.51.100.7/32")} | ALL_EGRESS),
        ([rule("inside", protocol="icmp")],
         {Rule("ingress", "IPv4", "icmp", None, None, None, "inside-id"), Rule("ingress", "IPv6", "ipv6-icmp", None, None, None, "inside-id"), *ALL_EGRESS}),
        ([rule("0.0.0.0/0", protocol="6"), rule("0.0.0.0/0", protocol="112")],
         {Rule("ingress", "IPv4", protocol, None, None, None, None) for protocol in ("tcp", "112")} | ALL_EGRESS),
        ([rule("10.0.0.0/8", direction="egress")], {Rule("egress", "IPv4", None, None, None, "10.0.0.0/8", None)}),
    ],
)  # fmt: skip
def test_what_a_list_of_rules_allows(entries, expected):
    assert _site_network.rules(entries, lambda name: f"{name}-id") == expected


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        ({}, TCP22),
        ({"protocol": "6", "remote_ip_prefix": "0.0.0.0/0"}, TCP22),
        ({"ethertype": "IPv6", "remote_ip_prefix": "::/0"}, TCP22._replace(ethertype="IPv6")),
        ({"protocol": "any", "port_range_min": None, "port_range_max": None}, TCP22._replace(protocol=None, first_port=None, last_port=None)),
        ({"ethertype": "IPv6", "protocol": "icmp", "port_range_min": None, "port_range_max": None},
         Rule("ingress", "IPv6", "ipv6-icmp", None, None, None, None)),
        ({"protocol": "vrrp"}, TCP22._replace(protocol="vrrp")),
        ({"remote_group_id": "g"}, TCP22._replace(group="g")),
        ({"remote_address_group_id": "a"}, TCP22._replace(group="a")),
    ],
)  # fmt: skip
def test_the_same_rule_in_other_words(thing, expected):
    assert _site_network.rule_of({**api_rule("r", TCP22), **thing}) == expected


def test_rules_that_nobody_wants_go():
    by_hand = TCP22._replace(first_port=8080, last_port=8080)
    have = api_group(rules={TCP22, by_hand} | ALL_EGRESS)
    unwanted = next(thing["id"] for thing in have["security_group_rules"] if thing["port_range_min"] == 8080)
    assert _site_network.rule_changes({TCP22} | ALL_EGRESS, have) == ([], [unwanted])
    missing, _unwanted = _site_network.rule_changes({TCP22, by_hand._replace(protocol="udp")} | ALL_EGRESS, have)
    assert missing == [by_hand._replace(protocol="udp")]


def test_a_list_with_egress_replaces_what_neutron_gives_a_new_group():
    wanted = _site_network.rules([rule("10.0.0.0/8", direction="egress")], str)
    missing, unwanted = _site_network.rule_changes(wanted, api_group())
    assert (len(missing), len(unwanted)) == (1, 2)


def test_the_body_of_a_rule():
    assert _site_network.rule_body(TCP22._replace(prefix="192.0.2.0/24"), "g", "demo") == {
        "security_group_id": "g", "description": OURS, "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": 22, "port_range_max": 22, "remote_ip_prefix": "192.0.2.0/24", "remote_group_id": None,
    }  # fmt: skip


LEFT = [
    INTERFACE,
    port("dhcp", "network:dhcp", "dhcp-agent", project_id=""),
    port("elsewhere", "compute:nova", "server-1", "private-id"),
    port("left", "compute:nova", "server-gone"),
    port("unbound", "", ""),
]


def test_all_goes_in_the_order_that_neutron_demands():
    plan = _site_network.removal("demo", COMPLETE._replace(ports=LEFT), {"server-1": "demo-worker-1"})
    assert steps(plan) == [
        "delete port left", "delete port unbound", "detach router demo from port interface",
        "delete router demo", "delete subnet demo", "delete network demo", "delete security group demo-inside",
    ]  # fmt: skip
    assert plan.before["networks"] == ["demo"]
    assert all(value == [] for value in plan.after.values())


def test_nothing_of_others_goes():
    theirs = _cloud_objects.description("demo2")
    have = found([api_network(description=theirs)], [api_subnet(description=theirs)], [api_router(description=theirs)], LEFT, [api_group(description=theirs)])
    assert _site_network.removal("demo", have, {}).steps == []


@pytest.mark.parametrize(
    ("ports", "error"),
    [
        ([port("p", "compute:nova", "server-1"), port("q", "", "server-2")],
         "servers still use the networks or security groups of site demo: demo-worker-1, demo-worker-2"),
        ([port("p", "compute:nova", "server-1", "private-id", security_groups=["demo-inside-id"])],
         "servers still use the networks or security groups of site demo: demo-worker-1"),
        ([port("p", "compute:nova", "their-server", project_id=OTHER)], "they are in use by port p of compute:nova (their-server)"),
        ([port("p", "network:router_interface", "their-router")], "they are in use by port p of network:router_interface (their-router)"),
        ([port("p", "", "", project_id=OTHER)], "they are in use by port p of another project (no device)"),
    ],
)  # fmt: skip
def test_nothing_goes_while_it_is_used(ports, error):
    with pytest.raises(_site_network.Refused) as refused:
        _site_network.removal("demo", COMPLETE._replace(ports=[INTERFACE, *ports]), {"server-1": "demo-worker-1", "server-2": "demo-worker-2"})
    assert str(refused.value) == error
