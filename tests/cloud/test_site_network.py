# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The modules site_network and cloud_objects_info against a real Neutron."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack
from conftest import belonging, clean, wait
from faults import Proxy

# The project of the tests has a network of this name that nobody here made.
THEIRS = "private"


class Network(t.Protocol):
    def __call__(self, check: bool = False, **changes: t.Any) -> dict[str, t.Any]: ...


def wish(site: str) -> dict[str, t.Any]:
    return {
        "networks": [
            {"name": site, "subnets": [{"cidr": "10.77.0.0/24", "dns_servers": ["192.0.2.53"]}, {"name": "v6", "cidr": "fd00:77::/64"}]},
            {"name": THEIRS, "existing": True},
        ],
        "router": {},
        "security_groups": [
            {"name": f"{site}-inside", "rules": [{"remote": f"{site}-inside"}, {"protocol": "icmp", "remote": ["0.0.0.0/0", "::/0"]}]},
            {"name": f"{site}-ce", "rules": [{"protocol": "tcp", "ports": ["443", "9000-9300"], "remote": "192.0.2.0/24"}]},
        ],
    }


@pytest.fixture
def network(cloud_name: str, site: str, run_module: t.Any) -> Network:
    """Runs the module with the wish above, or a changed one."""

    def run(check: bool = False, **changes: t.Any) -> dict[str, t.Any]:
        wanted = {} if changes.get("state") == "absent" else wish(site)
        return run_module("site_network", {"cloud": cloud_name, "site": site, **wanted, **changes}, check=check)

    return run


@pytest.fixture
def info(cloud_name: str, site: str, run_module: t.Any) -> t.Callable[[], dict[str, t.Any]]:
    return lambda: run_module("cloud_objects_info", {"cloud": cloud_name, "sites": [site]})


def everything(cloud: t.Any) -> dict[str, list[str]]:
    """The ids of all that Neutron has for the project."""
    kinds = ("networks", "subnets", "routers", "ports", "security-groups")
    return {kind: sorted(one["id"] for one in cloud.listing("network", f"/{kind}", kind.replace("-", "_"))) for kind in kinds}


def rules(cloud: t.Any, name: str) -> list[dict[str, t.Any]]:
    return cloud.listing("network", "/security-groups", "security_groups", name=name)[0]["security_group_rules"]


def test_the_network_of_a_site_comes_changes_and_goes(cloud: t.Any, site: str, network: Network, info: t.Any) -> None:
    before = everything(cloud)
    planned = network(check=True)
    assert planned["changed"]
    assert everything(cloud) == before, "check mode changed something"

    made = network()
    assert made["changed"]
    assert made["steps"] == planned["steps"]
    assert made["diff"] == planned["diff"]
    objects = info()["objects"]
    assert {kind: [one["name"] for one in things] for kind, things in objects.items() if things} == {
        "networks": [site], "subnets": [site, "v6"], "routers": [site], "security_groups": [f"{site}-ce", f"{site}-inside"],
    }  # fmt: skip
    subnets = {subnet["name"]: subnet for subnet in cloud.listing("network", "/subnets", "subnets", network_id=made["networks"][0]["id"])}
    assert (subnets[site]["cidr"], subnets[site]["gateway_ip"], subnets[site]["dns_nameservers"]) == ("10.77.0.0/24", "10.77.0.1", ["192.0.2.53"])
    assert (subnets["v6"]["ipv6_address_mode"], subnets["v6"]["gateway_ip"]) == ("slaac", "fd00:77::1")
    ports = cloud.listing("network", "/ports", "ports", device_id=objects["routers"][0]["id"], device_owner="network:router_interface")
    assert {address["subnet_id"] for port in ports for address in port["fixed_ips"]} == {subnet["id"] for subnet in subnets.values()}
    router = cloud.get("network", f"/routers/{objects['routers'][0]['id']}")["router"]
    assert router["external_gateway_info"]["network_id"] == made["external_network"]["id"]
    assert all(f"elastigrid_site={site}" in rule["description"] for rule in rules(cloud, f"{site}-ce") if rule["direction"] == "ingress")
    assert sorted((rule["direction"], rule["ethertype"], rule["port_range_min"], rule["remote_ip_prefix"]) for rule in rules(cloud, f"{site}-ce")) == [
        ("egress", "IPv4", None, None), ("egress", "IPv6", None, None),
        ("ingress", "IPv4", 443, "192.0.2.0/24"), ("ingress", "IPv4", 9000, "192.0.2.0/24"),
    ]  # fmt: skip

    again = network()
    assert not again["changed"]
    assert again["requests"] == {"network": 5}

    # By hand, and in the wish.
    group = made["security_groups"][1]["id"]
    cloud.post("network", "/security-group-rules", {"security_group_rule": {"security_group_id": group, "direction": "ingress", "protocol": "tcp"}})
    cloud.delete("network", f"/security-group-rules/{next(one['id'] for one in rules(cloud, f'{site}-ce') if one['port_range_min'] == 443)}")
    wanted = wish(site)
    wanted["networks"][0]["subnets"][0] |= {"dns_servers": [], "dhcp": False}
    wanted["security_groups"].append({"name": f"{site}-out", "rules": [{"direction": "egress", "remote": "10.77.0.0/24"}]})
    changed = network(**wanted)
    assert changed["steps"] == [
        f"update subnet {site}/{site}: enable_dhcp, dns_nameservers", f"create security group {site}-out",
        f"set rules of security group {site}-ce", f"set rules of security group {site}-out",
    ]  # fmt: skip
    assert sorted(rule["port_range_min"] or 0 for rule in rules(cloud, f"{site}-ce")) == [0, 0, 443, 9000]
    assert [(rule["direction"], rule["remote_ip_prefix"]) for rule in rules(cloud, f"{site}-out")] == [("egress", "10.77.0.0/24")]
    assert not network(**wanted)["changed"]
    assert [one["name"] for one in network()["surplus"]] == [f"{site}-out"]

    assert len(network(state="absent", check=True)["steps"]) == 9
    assert info()["count"] == 7, "check mode deleted something"
    assert network(state="absent")["changed"]
    assert info()["count"] == 0
    assert everything(cloud) == before
    assert not network(state="absent")["changed"]


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"site": "no site", "networks": [{"name": "demo", "subnets": [{"cidr": "10.77.0.0/40"}]}]},
         ["site is 'no site', must be at most 41 letters", "networks[0].subnets[0].cidr is '10.77.0.0/40', must be a subnet"]),
        ({"networks": [{"name": f"{THEIRS}x", "existing": True}, {"name": THEIRS}], "router": {"external_network": "publik"},
          "security_groups": [{"name": "default"}, {"name": "new", "rules": [{"remote": "defautl"}]}]},
         [f"networks[0].name is '{THEIRS}x', but there is no network '{THEIRS}x' in this cloud; the closest: {THEIRS}",
          f"networks[1].name is '{THEIRS}', but there is a network of this name that was not made for site",
          "router.external_network is 'publik', but there is no external network 'publik' in this cloud; the closest: public",
          "security_groups[0].name is 'default', but there is a security group of this name that was not made for site",
          "there is no security group 'defautl' in this cloud; the closest: default"]),
        ({"cloud": "nowhere"}, ["no such cloud"]),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_and_nothing_is_made(cloud: t.Any, network: Network, changes: dict[str, t.Any], messages: list[str]) -> None:
    before = everything(cloud)
    result = network(**changes)
    assert result["failed"]
    for message in messages:
        assert message in result["msg"]
    assert "Traceback" not in str(result)
    assert everything(cloud) == before


def test_an_ambiguous_name_and_a_changed_cidr(cloud: t.Any, site: str, network: Network) -> None:
    twins = [cloud.post("network", "/networks", {"network": {"name": f"{site}-twin"}})["network"]["id"] for times in range(2)]
    try:
        result = network(networks=[{"name": f"{site}-twin", "existing": True}])
        assert f"2 networks have the name '{site}-twin': give an id instead ({', '.join(sorted(twins))})" in result["msg"]
        assert not network(networks=[{"name": twins[0], "existing": True}], router=None, security_groups=[])["changed"]
    finally:
        for twin in twins:
            cloud.delete("network", f"/networks/{twin}")
    assert network()["changed"]
    result = network(networks=[{"name": site, "subnets": [{"cidr": "10.78.0.0/24"}]}])
    assert f"cidr is 10.78.0.0/24, but subnet {site}/{site} has 10.77.0.0/24, which OpenStack cannot change" in result["msg"]


@pytest.mark.campaign
def test_nothing_goes_while_a_server_uses_it(cloud: t.Any, site: str, network: Network, info: t.Any) -> None:
    made = network()
    flavor = next(one["id"] for one in cloud.listing("compute", "/flavors", "flavors") if one["name"] == "m1.nano")
    image = next(one["id"] for one in cloud.listing("image", "/images", "images") if one["name"] == "cirros")
    body = {"name": f"{site}-user", "flavorRef": flavor, "imageRef": image, "metadata": {"elastigrid_site": site}, "networks": [{"uuid": made["networks"][0]["id"]}]}
    server = cloud.post("compute", "/servers", {"server": body})["server"]["id"]
    wait("the server", lambda: cloud.get("compute", f"/servers/{server}")["server"]["status"] == "ACTIVE")
    # What a deleted server may leave behind: a port that somebody else made for it.
    port = cloud.post("network", "/ports", {"port": {"network_id": made["networks"][0]["id"], "name": "left"}})["port"]["id"]
    count = info()["count"]
    result = network(state="absent")
    assert result["failed"]
    assert f"Nothing was done: servers still use the networks or security groups of site {site}: {site}-user" in result["msg"]
    assert info()["count"] == count
    cloud.delete("compute", f"/servers/{server}")
    wait("the server to go", lambda: server not in [one["id"] for one in cloud.listing("compute", "/servers", "servers")])
    result = network(state="absent")
    assert "delete port left" in result["steps"]
    assert info()["count"] == 0
    assert port not in everything(cloud)["ports"]


def test_a_quota_says_what_was_asked_and_what_there_is(site: str, run_module: t.Any) -> None:
    """The project `small` may have two security groups, one of which is Neutron's own."""
    small = _openstack.Cloud("small")
    try:
        result = run_module("site_network", {"cloud": "small", "site": site, "security_groups": [{"name": f"{site}-{number}"} for number in range(2)]})
        assert result["failed"]
        assert f"create security group {site}-1: the quota of the project does not allow it: security_group: asked for 1, 2 used, limit 2" in result["msg"]
        assert result["steps"] == [f"create security group {site}-0"]
        assert len(belonging(small, site)["security-group"]) == 1, "what could be made stands"
    finally:
        clean(small, site)


@pytest.mark.parametrize("fault", ["closed", pytest.param("503", marks=pytest.mark.campaign), pytest.param("500", marks=pytest.mark.campaign)])
def test_answers_that_are_lost_make_nothing_twice(cloud: t.Any, site: str, counted: Proxy, network: Network, fault: str) -> None:
    lost = ["/networks", "/subnets", "/routers", "/security-groups", "/security-group-rules"]
    for path in lost:
        counted.inject(fault, "POST", path, "after")
    counted.inject(fault, "PUT", "/add_router_interface", "after")
    result = network()
    assert result["changed"], result
    assert counted.injected() == {(fault, "after"): len(lost) + 1}
    assert {kind: len(ids) for kind, ids in belonging(cloud, site).items()} == {"network": 1, "subnet": 2, "router": 1, "security-group": 2}
    assert not network()["changed"]
    for path in ("/routers/[^/]+", "/networks/[^/]+", "/security-groups/[^/]+"):
        counted.inject(fault, "DELETE", path, "after")
    counted.inject(fault, "PUT", "/remove_router_interface", "after")
    result = network(state="absent")
    assert result["changed"], result
    assert counted.injected() == {(fault, "after"): len(lost) + 5}
    assert belonging(cloud, site) == {}


@pytest.mark.campaign
def test_all_sites_are_found_without_being_named(cloud_name: str, site: str, network: Network, run_module: t.Any) -> None:
    network(networks=[], router=None, security_groups=[{"name": f"{site}-only"}])
    found = run_module("cloud_objects_info", {"cloud": cloud_name})
    assert site in found["sites"]
    assert [one["name"] for one in found["objects"]["security_groups"] if one["site"] == site] == [f"{site}-only"]
    assert sum(found["requests"].values()) == 10
    assert run_module("cloud_objects_info", {"cloud": cloud_name, "sites": [f"{site}-no"]})["count"] == 0


def test_a_wrong_password(site: str, network: Network, wrong_password: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(wrong_password))
    result = network()
    assert result["failed"]
    assert "the credentials are refused" in result["msg"]
    assert "Traceback" not in str(result)
