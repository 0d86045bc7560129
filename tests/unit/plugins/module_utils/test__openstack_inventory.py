# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import base64
import json
import shlex
import typing as t

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack_inventory as inventory

HOME = "/home/ops"


def uuid(number: int) -> str:
    return f"{number:08x}-158d-4f8d-bd61-52215860f765"


def server(number: int, name: str = "", addresses: t.Any = None, status: str = "ACTIVE", volumes: t.Sequence[str] = (), **metadata: str) -> dict[str, t.Any]:
    """As Nova 2.79 tells it. `addresses` are by network: fixed ones, and floating ones after a '+'."""
    by_network = {"private": [f"10.0.0.{number}"]} if addresses is None else addresses
    return {
        "id": uuid(number),
        "name": name or f"demo-worker-{number}",
        "status": status,
        "flavor": {"original_name": "m1.small", "vcpus": 1},
        "image": {"id": uuid(99)},
        "OS-EXT-AZ:availability_zone": "nova",
        "key_name": None,
        "created": f"2026-11-21T10:00:{number:02d}Z",
        "addresses": {
            network: [
                {"addr": text.lstrip("+"), "version": 6 if ":" in text else 4, "OS-EXT-IPS:type": "floating" if text.startswith("+") else "fixed"}
                for text in texts
            ]
            for network, texts in by_network.items()
        },
        "metadata": metadata,
        "os-extended-volumes:volumes_attached": [{"id": volume, "delete_on_termination": False} for volume in volumes],
        "user_data": "secret",
    }


def ours(number: int, name: str = "", site: str = "demo", **more: t.Any) -> dict[str, t.Any]:
    return server(number, name, **{"elastigrid_site": site, "elastigrid_pool": "worker", "elastigrid_groups": "slurm_worker", **more})


def login(number: int = 1, **more: t.Any) -> dict[str, t.Any]:
    usual = {"addresses": {"private": ["10.0.0.1", "+192.0.2.1"]}, "elastigrid_bastion": "true", "elastigrid_groups": "login"}
    return ours(number, "demo-login-1", **{**usual, **more})


def cloud(*servers: dict[str, t.Any], name: str = "north", volumes: t.Sequence[dict[str, t.Any]] = (), raw: bool = False) -> dict[str, t.Any]:
    """As the plugin passes it on, after it has been in a cache."""
    told = {
        "name": name,
        "servers": [inventory.record(name, each, raw) for each in servers],
        "volumes": {volume["id"]: inventory.volume_record(volume) for volume in volumes},
    }
    return json.loads(json.dumps(told))


def evaluate(expression: str, variables: t.Mapping[str, t.Any]) -> t.Any:
    """In place of Jinja: `name | upper` and nothing else."""
    return variables["name"].upper() if expression == "name | upper" else None


def plan(*clouds: dict[str, t.Any], taken: t.Collection[str] = ("all", "ungrouped"), **settings: t.Any) -> inventory.Plan:
    chosen = inventory.Settings(**settings)
    inventory.check(chosen)
    return inventory.plan(clouds, chosen, taken, HOME, evaluate)


def names(*clouds: dict[str, t.Any], **settings: t.Any) -> list[str]:
    return [host.name for host in plan(*clouds, **settings).hosts]


def hosts(*clouds: dict[str, t.Any], **settings: t.Any) -> dict[str, inventory.Host]:
    return {host.name: host for host in plan(*clouds, **settings).hosts}


def ssh_options(arguments: str) -> dict[str, str]:
    words = shlex.split(arguments)
    assert set(words[::2]) == {"-o"}
    return dict(word.split("=", 1) for word in words[1::2])


def jump(arguments: str) -> list[str]:
    """The words of the second ssh, as a shell sees them after the first ssh has replaced its tokens."""
    return shlex.split(ssh_options(arguments)["ProxyCommand"].replace("%h", "HOST").replace("%p", "PORT").replace("%r", "USER").replace("%%", "%"))


# Which servers are hosts.


def test_a_host_has_what_it_needs_and_no_more():
    volume = {
        "id": uuid(50),
        "name": "data",
        "size": 100,
        "metadata": {"elastigrid_site": "demo", "elastigrid_volume": "data", "elastigrid_mount": "/data", "elastigrid_fstype": "xfs"},
    }
    result = plan(cloud(ours(2, volumes=[uuid(50), uuid(51)]), volumes=[volume]))
    assert result.warnings == []
    assert result.hosts == [
        inventory.Host(
            "demo-worker-2",
            {
                "ansible_host": "10.0.0.2",
                "site_address": "10.0.0.2",
                "ansible_ssh_common_args": f"-o HostKeyAlias={uuid(2)} -o UserKnownHostsFile=/home/ops/.ssh/known_hosts.elastigrid-demo"
                " -o StrictHostKeyChecking=accept-new -o HashKnownHosts=no",
                "openstack": {
                    "id": uuid(2),
                    "name": "demo-worker-2",
                    "cloud": "north",
                    "status": "ACTIVE",
                    "flavor": "m1.small",
                    "image": uuid(99),
                    "availability_zone": "nova",
                    "key_name": None,
                    "created": "2026-11-21T10:00:02Z",
                    "addresses": {"private": ["10.0.0.2"]},
                    "metadata": {"elastigrid_site": "demo", "elastigrid_pool": "worker", "elastigrid_groups": "slurm_worker"},
                },
                "site_volumes": [
                    {"id": uuid(50), "serial": "00000032-158d-4f8d-b", "name": "data", "size": 100, "mount": "/data", "fstype": "xfs"},
                    # Of another project, or made a moment ago.
                    {"id": uuid(51), "serial": "00000033-158d-4f8d-b", "name": None, "size": None, "mount": None, "fstype": None},
                ],
            },
            ["slurm_worker"],
        )
    ]
    assert set(result.hosts[0].variables) | {"openstack_server"} == set(inventory.VARIABLES) | {"ansible_ssh_common_args"}
    assert set(result.hosts[0].variables["openstack"]) == set(inventory.FACTS)


def test_a_server_that_boots_from_a_volume_has_no_image():
    assert hosts(cloud(ours(2) | {"image": ""}))["demo-worker-2"].variables["openstack"]["image"] is None


def test_raw_adds_the_whole_server():
    assert "openstack_server" not in hosts(cloud(ours(2)))["demo-worker-2"].variables
    assert hosts(cloud(ours(2), raw=True))["demo-worker-2"].variables["openstack_server"] == ours(2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [2, 3, 4, 5]),
        ({"site": "demo"}, [2, 3]),
        ({"site": "demo2"}, [4]),
        ({"site": "dem"}, []),
        ({"statuses": ["SHUTOFF", "ACTIVE"]}, [2, 3, 4, 5, 6]),
        ({"statuses": ["ERROR"]}, []),
        ({"include_filters": [{"metadata.elastigrid_pool": "worker"}]}, [2, 3]),
        ({"include_filters": [{"metadata.elastigrid_pool": ["worker", "storage"]}]}, [2, 3, 4]),
        ({"include_filters": [{"metadata.elastigrid_pool": "worker", "name": "*-3"}]}, [3]),
        ({"include_filters": [{"metadata.elastigrid_pool": "storage"}, {"name": "*-3"}]}, [3, 4]),
        ({"include_filters": [{"addresses.private": "10.0.0.[23]"}]}, [2, 3]),
        # A server without the attribute does not meet the condition, whatever the pattern.
        ({"include_filters": [{"metadata.elastigrid_pool": "*"}]}, [2, 3, 4]),
        ({"include_filters": [{"metadata.nothing.deeper": "*"}]}, []),
        ({"exclude_filters": [{"metadata.elastigrid_pool": "worker"}]}, [4, 5]),
        ({"exclude_filters": [{"metadata.elastigrid_pool": "worker", "name": "*-3"}, {"name": "other"}]}, [2, 4]),
        ({"include_filters": [{"name": "demo*"}], "exclude_filters": [{"name": "*-2"}]}, [3, 4]),
    ],
)
def test_which_servers_are_hosts(settings: dict[str, t.Any], expected: list[int]) -> None:
    servers = [ours(2), ours(3), ours(4, site="demo2", elastigrid_pool="storage"), server(5, "other"), ours(6, status="SHUTOFF")]
    assert [host.variables["openstack"]["id"] for host in plan(cloud(*servers), **settings).hosts] == [uuid(number) for number in expected]


def test_servers_of_several_sites_are_worth_a_word():
    told = cloud(ours(2), ours(3, site="demo2"), server(4))
    assert plan(told).warnings == ["The inventory has servers of several sites (demo, demo2); the option `site` chooses one"]
    assert plan(told, site="demo").warnings == []


def test_a_server_that_two_clouds_list_is_one_host():
    assert names(cloud(ours(2)), cloud(ours(2), name="also_north")) == ["demo-worker-2"]


# Names and groups.


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("w1", {}, "w1"),
        ("w1", {"domain": "grid.test"}, "w1.grid.test"),
        ("w1", {"domain": ".grid.test"}, "w1.grid.test"),
        ("w1.grid.test", {"domain": "grid.test"}, "w1.grid.test"),
        ("w1.other", {"domain": "grid.test"}, "w1.other.grid.test"),
        ("w1", {"hostnames": ["id"]}, uuid(2)),
        ("w1", {"hostnames": ["metadata.fqdn", "name"]}, "host.example.org"),
        ("w1", {"hostnames": ["metadata.none", "name"]}, "w1"),
        ("w1", {"hostnames": ["metadata.none"]}, uuid(2)),
        ("w1", {"hostnames": ["site_address"], "domain": "grid.test"}, "10.0.0.2"),
        ("w1", {"hostnames": ["name | upper"]}, "W1"),
        ("w1", {"hostnames": ["something | else", "name"]}, "w1"),
        ("w1", {"hostnames": [{"name": "name", "prefix": "cloud"}]}, "north_w1"),
        ("w1", {"hostnames": [{"name": "name", "prefix": "cloud", "separator": "-"}]}, "north-w1"),
        ("w1", {"hostnames": [{"name": "name", "prefix": "metadata.none"}]}, "w1"),
        ("w1", {"hostnames": [{"name": "metadata.none", "prefix": "cloud"}, "name"]}, "w1"),
        # What would be a path, a pattern or a range of Ansible.
        ("../../etc/passwd", {}, "etc_passwd"),
        ("web[1:3], !all", {}, "web_1_3____all"),
        ("my server", {}, "my_server"),
        ("-v", {}, "v"),
        ("{{ 7 * 7 }}", {}, "7___7___"),
        ("räksmörgås", {}, "r_ksm_rg_s"),
        ("...", {}, uuid(2)),
        # Names that mean something else.
        ("localhost", {}, "localhost-00000002"),
        ("127.0.0.1", {}, "127.0.0.1-00000002"),
        ("localhost", {"domain": "grid.test"}, "localhost.grid.test"),
        ("all", {}, "all-00000002"),
        ("slurm_worker", {}, "slurm_worker-00000002"),
    ],
)
def test_the_name_of_a_host(name: str, settings: dict[str, t.Any], expected: str) -> None:
    assert names(cloud(ours(2, name, fqdn="host.example.org")), **settings) == [expected]


def test_two_servers_with_one_name_are_two_hosts():
    result = plan(cloud(ours(4, "w"), ours(3, "w")), cloud(ours(2, "w"), name="south"), domain="grid.test")
    # Within a cloud the older one keeps it, over clouds that of the first.
    assert [(host.name, host.variables["openstack"]["id"]) for host in result.hosts] == [
        ("w.grid.test", uuid(3)),
        ("w-00000004.grid.test", uuid(4)),
        ("w-00000002.grid.test", uuid(2)),
    ]
    assert result.warnings == [
        f"cloud north: server {uuid(4)} would be host w.grid.test, but is w-00000004.grid.test: server {uuid(3)} has that name too",
        f"cloud south: server {uuid(2)} would be host w.grid.test, but is w-00000002.grid.test: server {uuid(3)} has that name too",
    ]


def test_not_even_a_made_up_name_is_given_twice():
    assert names(cloud(ours(1, "w-00000003"), ours(2, "w"), ours(3, "w"))) == ["w-00000003", "w", f"w-{uuid(3)}"]


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ("slurm_worker,nfs_client", ["slurm_worker", "nfs_client"]),
        (" a , ,b,a", ["a", "b"]),
        ("", []),
        ("all,ungrouped,a", ["a"]),
        ("slurm-worker,1st,å b,{{ x }}", ["slurm_worker", "_st", "__b", "___x___"]),
    ],
)
def test_groups_come_from_the_mark(mark: str, expected: list[str]) -> None:
    assert hosts(cloud(ours(2, elastigrid_groups=mark)))["demo-worker-2"].groups == expected
    assert hosts(cloud(server(2)))["demo-worker-2"].groups == []


# Addresses.

DUAL = {"private": ["10.0.0.2", "fd00::2", "+192.0.2.2"], "storage": ["172.16.0.2"], "public": ["2001:db8::2"]}


@pytest.mark.parametrize(
    ("addresses", "settings", "expected"),
    [
        # The outer one for ssh without a bastion, the fixed one for peers.
        (DUAL, {}, ("192.0.2.2", "10.0.0.2")),
        ({"private": ["10.0.0.2"]}, {}, ("10.0.0.2", "10.0.0.2")),
        ({"private": ["fd00::2", "10.0.0.2"]}, {}, ("10.0.0.2", "10.0.0.2")),
        ({"private": ["fd00::2"]}, {}, ("fd00::2", "fd00::2")),
        (DUAL, {"ip_version": 6}, ("fd00::2", "fd00::2")),
        (DUAL, {"ip_version": 4}, ("192.0.2.2", "10.0.0.2")),
        (DUAL, {"networks": ["storage"]}, ("172.16.0.2", "172.16.0.2")),
        (DUAL, {"networks": ["storage", "private"]}, ("172.16.0.2", "172.16.0.2")),
        (DUAL, {"networks": ["nothing", "private"]}, ("192.0.2.2", "10.0.0.2")),
        (DUAL, {"networks": ["public", "private"], "ip_version": 6}, ("2001:db8::2", "2001:db8::2")),
        (DUAL, {"networks": ["private"], "cidrs": ["10.0.0.0/8"]}, ("10.0.0.2", "10.0.0.2")),
        (DUAL, {"cidrs": ["2001:db8::/32", "10.0.0.0/8"]}, ("2001:db8::2", "2001:db8::2")),
        (DUAL, {"cidrs": ["192.168.0.0/16", "172.16.0.0/12"]}, ("172.16.0.2", "172.16.0.2")),
    ],
)
def test_addresses(addresses: dict[str, list[str]], settings: dict[str, t.Any], expected: tuple[str, str]) -> None:
    variables = hosts(cloud(ours(2, addresses=addresses)), **settings)["demo-worker-2"].variables
    assert (variables["ansible_host"], variables["site_address"]) == expected


@pytest.mark.parametrize("text", ["10.0.0.2; id", "$(id)", "fe80::1%$(id)", "-oProxyCommand=id", "host.example.org", "010.0.0.1", ""])
def test_what_is_no_address_goes_nowhere(text: str) -> None:
    assert not inventory.is_address(text)
    result = plan(cloud(ours(2, addresses={"private": [text]}), ours(3)))
    assert [host.name for host in result.hosts] == ["demo-worker-3"]
    assert result.warnings == ["No hosts, for they have no address: demo-worker-2"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ip_version": 6}, "ip_version is 6, but no server has such an address; there are: 10.0.0.2 (private), 10.0.0.3 (private)"),
        ({"networks": ["privat"]}, "networks is ['privat'], but no server has such an address; there are: 10.0.0.2 (private), 10.0.0.3 (private)"),
        (
            {"cidrs": ["10.1.0.0/16"], "ip_version": 4},
            "cidrs is ['10.1.0.0/16'] and ip_version is 4, but no server has such an address; there are: 10.0.0.2 (private), 10.0.0.3 (private)",
        ),
    ],
)
def test_a_selection_that_no_server_meets_is_an_error(settings: dict[str, t.Any], words: str) -> None:
    with pytest.raises(inventory.InventoryError) as error:
        plan(cloud(ours(2), ours(3)), **settings)
    assert str(error.value) == words


def test_a_selection_that_some_servers_meet_leaves_the_others_out():
    result = plan(cloud(ours(2, addresses={"private": ["fd00::2"]}), *(ours(number) for number in range(3, 10))), ip_version=6)
    assert [host.name for host in result.hosts] == ["demo-worker-2"]
    some = ", ".join(f"demo-worker-{number}" for number in range(3, 8))
    assert result.warnings == [f"No hosts, for they have no address (ip_version is 6): {some} and 2 more"]


def test_no_servers_are_no_error():
    assert plan(cloud(), ip_version=6) == inventory.Plan([], [], [])


# ssh.


def test_the_others_are_reached_through_the_bastion():
    result = plan(cloud(ours(2, addresses={"private": ["10.0.0.2", "+192.0.2.2"]}), login()), site="demo")
    found = {host.name: host.variables for host in result.hosts}
    assert found["demo-login-1"]["ansible_host"] == "192.0.2.1"
    assert "ProxyCommand" not in ssh_options(found["demo-login-1"]["ansible_ssh_common_args"])
    assert found["demo-worker-2"]["ansible_host"] == "10.0.0.2"
    known_hosts = f"{HOME}/.ssh/known_hosts.elastigrid-demo"
    own = {"HostKeyAlias": uuid(2), "UserKnownHostsFile": known_hosts, "StrictHostKeyChecking": "accept-new", "HashKnownHosts": "no"}
    options = ssh_options(found["demo-worker-2"]["ansible_ssh_common_args"])
    assert {key: value for key, value in options.items() if key != "ProxyCommand"} == own
    theirs = own | {"HostKeyAlias": uuid(1)}
    assert jump(found["demo-worker-2"]["ansible_ssh_common_args"]) == [
        *["ssh", "-W", "[HOST]:PORT", "-o", "BatchMode=yes"],
        *(word for key, value in theirs.items() for word in ("-o", f"{key}={value}")),
        *["-l", "USER", "192.0.2.1"],
    ]
    assert {pin.server: pin.known_hosts for pin in result.pins} == {uuid(1): known_hosts, uuid(2): known_hosts}


def test_user_and_key_hold_for_the_bastion_too():
    variables = hosts(cloud(ours(2), login()), ssh_user="debian", ssh_private_key="/home/my keys/100%")["demo-worker-2"].variables
    assert variables["ansible_user"] == "debian"
    assert variables["ansible_ssh_private_key_file"] == "/home/my keys/100%"
    # The second ssh replaces %% in turn.
    assert jump(variables["ansible_ssh_common_args"])[-7:] == ["-o", "IdentitiesOnly=yes", "-i", "/home/my keys/100%%", "-l", "debian", "192.0.2.1"]


def test_a_known_hosts_file_with_an_awkward_name():
    arguments = hosts(cloud(ours(2), login()), known_hosts="/home/50% o'clock/hosts")["demo-worker-2"].variables["ansible_ssh_common_args"]
    assert ssh_options(arguments)["UserKnownHostsFile"] == "\"/home/50%% o'clock/hosts\""
    assert "UserKnownHostsFile=\"/home/50%% o'clock/hosts\"" in jump(arguments)


@pytest.mark.parametrize(
    ("servers", "settings", "through"),
    [
        ([login()], {}, "192.0.2.1"),
        ([login()], {"bastion": "none"}, None),
        ([], {}, None),
        # A mark counts within its site only.
        ([login(site="demo2")], {}, None),
        ([login(elastigrid_bastion="false")], {}, None),
        # It need not be a host itself.
        ([login()], {"exclude_filters": [{"name": "demo-login-1"}]}, "192.0.2.1"),
        # Its floating IP, whatever is chosen for the others.
        ([login()], {"cidrs": ["10.0.0.0/8"]}, "192.0.2.1"),
        ([login(addresses={"private": ["10.0.0.1"]})], {}, "10.0.0.1"),
        ([login(addresses={"mgmt": ["10.1.0.1"], "private": ["10.0.0.1"]})], {"networks": ["private"]}, "10.0.0.1"),
        # One that runs, if there are several.
        ([login(status="SHUTOFF"), login(3, addresses={"private": ["10.0.0.3", "+192.0.2.3"]})], {}, "192.0.2.3"),
        # By name or id, of whatever site.
        ([server(4, "gate", {"private": ["10.0.0.4", "+192.0.2.4"]}), login()], {"bastion": "gate"}, "192.0.2.4"),
        ([server(4, "gate", {"private": ["10.0.0.4", "+192.0.2.4"]})], {"bastion": uuid(4)}, "192.0.2.4"),
        ([server(4, "gate", {"private": ["10.0.0.4", "+192.0.2.4"]})], {"bastion": "gate", "site": "demo"}, "192.0.2.4"),
    ],
)
def test_which_server_is_the_bastion(servers: list[dict[str, t.Any]], settings: dict[str, t.Any], through: str | None) -> None:
    result = plan(cloud(ours(2), *servers), **settings)
    arguments = {host.name: host for host in result.hosts}["demo-worker-2"].variables["ansible_ssh_common_args"]
    assert (jump(arguments)[-1] if "ProxyCommand" in arguments else None) == through


def test_each_cloud_has_a_bastion_of_its_own():
    far = login(11, addresses={"private": ["10.9.0.1", "+198.51.100.1"]})
    found = plan(cloud(ours(2), login()), cloud(ours(12), far, name="south"))
    assert [jump(host.variables["ansible_ssh_common_args"])[-1] for host in found.hosts if "worker" in host.name] == ["192.0.2.1", "198.51.100.1"]


@pytest.mark.parametrize(
    ("bastion", "warning"),
    [
        (login(status="SHUTOFF"), "site demo: its bastion demo-login-1 is SHUTOFF, so that ssh will reach no server"),
        (login(status="ERROR", addresses={}), "site demo: its bastion demo-login-1 has no address, so that the servers are to be reached directly"),
    ],
)
def test_a_bastion_that_does_not_run_is_worth_a_word(bastion: dict[str, t.Any], warning: str) -> None:
    assert plan(cloud(ours(2), ours(3), bastion)).warnings == [warning]


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ([login()], "cloud north: bastion is 'demo-logi', but there is no server 'demo-logi' in this cloud; the closest: demo-login-1, demo-worker-2"),
        (
            [server(3, "demo-logi"), server(4, "demo-logi")],
            f"cloud north: bastion is 'demo-logi', but 2 servers have the name 'demo-logi': give an id instead ({uuid(3)}, {uuid(4)})",
        ),
        ([server(3, "demo-logi", {}, "BUILD")], "cloud north: bastion is 'demo-logi', but that server has no address (its status is BUILD)"),
    ],
)
def test_a_bastion_that_cannot_be_is_an_error(servers: list[dict[str, t.Any]], words: str) -> None:
    with pytest.raises(inventory.InventoryError) as error:
        plan(cloud(ours(2), *servers), bastion="demo-logi")
    assert str(error.value) == words


@pytest.mark.parametrize("site", ["../../etc", "demo; id", "", "-", "a" * 50])
def test_a_forged_mark_makes_no_path(site: str) -> None:
    variables = hosts(cloud(ours(2, site=site)))["demo-worker-2"].variables
    assert ssh_options(variables["ansible_ssh_common_args"])["UserKnownHostsFile"] == f"{HOME}/.ssh/known_hosts"


def test_an_id_is_nothing_else():
    with pytest.raises(inventory.InventoryError, match="the id of a server is 'x -o ProxyCommand=id', which is no UUID"):
        cloud(ours(2) | {"id": "x -o ProxyCommand=id"})


def test_what_the_console_is_to_show_is_not_accepted_from_the_network():
    arguments = hosts(cloud(ours(2), login()), host_key_source="console")["demo-worker-2"].variables["ansible_ssh_common_args"]
    assert ssh_options(arguments)["StrictHostKeyChecking"] == "yes"
    assert "StrictHostKeyChecking=yes" in jump(arguments)
    assert "accept-new" not in arguments


# What the user asked for.


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"site": "my site"}, "site is 'my site', must be"),
        ({"ip_version": 5}, "ip_version is 5, but must be 4 or 6"),
        ({"cidrs": ["10.0.0.0/8", "10.0.0.1/8"]}, "cidrs has '10.0.0.1/8', but must be networks as in 10.0.0.0/8 or fd00::/8: 10.0.0.1/8 has host bits set"),
        ({"ssh_user": "-oProxyCommand=id"}, "ssh_user is '-oProxyCommand=id', but must be"),
        ({"ssh_user": "{{ user }}"}, "ssh_user is '{{ user }}', but must be"),
        ({"known_hosts": '/a"b'}, "known_hosts is '/a\"b', but ssh"),
        ({"ssh_private_key": "/a\nb"}, "ssh_private_key is '/a\\nb', but ssh"),
        ({"include_filters": [{"flavour": "m1.small"}]}, "include_filters has 'flavour', but must be an attribute of a server; the closest: flavor"),
        ({"exclude_filters": [{"meta.x": "y"}]}, "exclude_filters has 'meta.x', but must be an attribute of a server; "),
        ({"hostnames": ["nmae"]}, "hostnames has 'nmae', but a server has no such attribute; the closest: name"),
        ({"hostnames": [{"name": "name", "prefix": "clod"}]}, "hostnames has 'clod', but a server has no such attribute; the closest: cloud"),
        ({"hostnames": [{"prefix": "cloud"}]}, "hostnames has {'prefix': 'cloud'}, but must be"),
        ({"hostnames": [{"name": "name", "suffix": "x"}]}, "hostnames has {'name': 'name', 'suffix': 'x'}, but must be"),
        ({"hostnames": [7]}, "hostnames has 7, but must be"),
    ],
)
def test_wrong_options(settings: dict[str, t.Any], words: str) -> None:
    with pytest.raises(inventory.InventoryError) as error:
        inventory.check(inventory.Settings(**settings))
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(
    ("count", "size", "expected"),
    [(0, 2, []), (1, 2, []), (2, 2, []), (3, 2, ["1"]), (4, 2, ["1"]), (5, 2, ["1", "3"])],
)
def test_pages_begin_after_the_last_of_the_page_before(count: int, size: int, expected: list[str]) -> None:
    assert inventory.markers([str(number) for number in range(count)], size) == expected


# Host keys.


def key(kind: str = "ssh-ed25519", content: bytes = b"k" * 32) -> str:
    return f"{kind} {base64.b64encode(b''.join(len(part).to_bytes(4, 'big') + part for part in (kind.encode(), content))).decode()}"


ED, RSA, OTHER = key(), key("ssh-rsa", b"n" * 257), key(content=b"x" * 32)
BEGIN, END = inventory.CONSOLE_BEGIN, inventory.CONSOLE_END


def block(*keys: str, prefix: str = "") -> str:
    return "".join(f"{prefix}{line}\r\n" for line in (BEGIN, *keys, END))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (block(f"{ED} root@host", RSA), [ED, RSA]),
        (f"boot\r\n{block(ED)}login: ", [ED]),
        (block(ED, RSA, prefix="[   12.345678] cloud-init[512]: "), [ED, RSA]),
        (block(ED, prefix="cloud-init[512]: "), [ED]),
        # Other lines get in between.
        (block(ED, "[   13.1] systemd[1]: Started something.", RSA), [ED, RSA]),
        # A reboot, then a rebuild.
        (block(ED, RSA) + block(RSA, ED), [ED, RSA]),
        (block(ED) + block(OTHER), []),
        # Whoever can make a service write a line of its own cannot write one of these.
        (block(OTHER, prefix="sshd[99]: Invalid user "), []),
        (block(ED) + block(OTHER, prefix="sshd[99]: Invalid user "), [ED]),
        (block(f"sshd[99]: Invalid user {OTHER}", ED), [ED]),
        # The log was cut.
        (f"{ED}\n{END}\n", []),
        (f"{BEGIN}\n{ED}\n", []),
        (block(), []),
        ("", []),
        # No keys.
        (block("ssh-ed25519 AAAA"), []),
        (block("ssh-ed25519 " + ED.split()[1][:-8]), []),
        (block("ssh-rsa " + ED.split()[1]), []),
        (block("ssh-dss " + ED.split()[1]), []),
        (block("ssh-ed25519 !!!!"), []),
        (block("@cert-authority * " + ED), []),
    ],
)
def test_keys_on_the_console(text: str, expected: list[str]) -> None:
    assert inventory.console_keys(text) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 2]),
        (f"{uuid(1)} {ED}\n", [2]),
        (f"# {uuid(1)}\nhost,{uuid(2)} {ED}\n", [1]),
        (f"192.0.2.1 {ED} {uuid(1)}\n", [1, 2]),
    ],
)
def test_servers_without_a_known_key(text: str, expected: list[int]) -> None:
    pins = [inventory.Pin("north", uuid(number), "w", "/known_hosts") for number in (1, 2)]
    assert [pin.server for pin in inventory.without_entry(pins, text)] == [uuid(number) for number in expected]
