# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The inventory plugin against a real API. What happens to ssh is for the test with nodes behind the addresses."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
import typing as t
import uuid

import pytest
import yaml
from conftest import ROOT, clean, wait
from faults import Proxy

EVIL = "{{ lookup('pipe', 'echo $((6 * 7)) times') }}"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr"
# What the test hypervisor shows on every console.
NO_KEYS = b"FAKE CONSOLE OUTPUT"


class Run(t.NamedTuple):
    hosts: dict[str, dict[str, t.Any]]
    groups: dict[str, list[str]]
    said: str
    seconds: float


class Site(t.NamedTuple):
    name: str
    bastion: str
    floating_ip: str
    workers: list[str]
    volumes: list[str]


@pytest.fixture(scope="module")
def fleet(cloud: t.Any) -> t.Iterator[Site]:
    """A bastion with a floating IP, two workers of which one has two volumes, one that failed, and one by the name of another."""
    site = f"test-{uuid.uuid4().hex[:8]}"
    try:
        yield made(cloud, site)
    finally:
        clean(cloud, site)


def made(cloud: t.Any, site: str) -> Site:
    flavors = {one["name"]: one["id"] for one in cloud.get("compute", "/flavors")["flavors"]}
    image = next(one["id"] for one in cloud.get("image", "/images")["images"] if one["name"] == "cirros")
    networks = {one["name"]: one["id"] for one in cloud.get("network", "/networks")["networks"]}

    def server(name: str, flavor: str = "m1.nano", **marks: str) -> str:
        metadata = {"elastigrid_site": site, "elastigrid_slot": "1", **{f"elastigrid_{key}": value for key, value in marks.items()}, "evil": EVIL}
        body = {"name": f"{site}-{name}", "flavorRef": flavors[flavor], "imageRef": image, "networks": [{"uuid": networks["private"]}], "metadata": metadata}
        return cloud.post("compute", "/servers", {"server": body})["server"]["id"]

    def volume(name: str, **marks: str) -> str:
        metadata = {"elastigrid_site": site, "elastigrid_volume": name, **{f"elastigrid_{key}": value for key, value in marks.items()}}
        return cloud.post("block-storage", "/volumes", {"volume": {"size": 2, "name": f"{site}-{name}", "metadata": metadata}})["volume"]["id"]

    bastion = server("login-1", pool="login", groups="login", bastion="true")
    workers = [server(f"worker-{number}", pool="worker", groups="slurm_worker,nfs-client") for number in (1, 2)]
    ids = [bastion, *workers, server("worker-9", "m1.huge", pool="worker", groups="slurm_worker")]
    volumes = [volume("data", mount="/srv/data", fstype="xfs", on_teardown="keep"), volume("scratch", on_teardown="delete")]
    wait("servers", lambda: all(cloud.get("compute", f"/servers/{one}")["server"]["status"] in ("ACTIVE", "ERROR") for one in ids))
    # Younger than the one whose name it has.
    ids.append(server("worker-2", pool="worker", groups="slurm_worker"))
    workers.append(ids[-1])
    for one in volumes:
        wait("a volume", lambda one=one: cloud.get("block-storage", f"/volumes/{one}")["volume"]["status"] == "available")
        cloud.post("compute", f"/servers/{workers[0]}/os-volume_attachments", {"volumeAttachment": {"volumeId": one}})
    port = cloud.listing("network", "/ports", "ports", device_id=bastion)[0]["id"]
    wanted = {"floating_network_id": networks["public"], "port_id": port, "description": f"elastigrid_site={site}"}
    floating_ip = cloud.post("network", "/floatingips", {"floatingip": wanted})["floatingip"]["floating_ip_address"]

    def complete() -> bool:
        told = {one: cloud.get("compute", f"/servers/{one}")["server"] for one in ids}
        attached = {volume["id"] for volume in told[workers[0]]["os-extended-volumes:volumes_attached"]}
        return told[ids[-1]]["status"] == "ACTIVE" and attached == set(volumes) and floating_ip in json.dumps(told[bastion]["addresses"])

    wait("what Nova tells", complete)
    return Site(site, bastion, floating_ip, workers, volumes)


@pytest.fixture
def inventory(cloud_name: str, fleet: Site, tmp_path: pathlib.Path) -> t.Callable[..., Run]:
    """Runs `ansible-inventory --list`. Options may be taken away with None."""

    def run(*arguments: str, **options: t.Any) -> Run:
        settings = {"plugin": "elastigrid.site.openstack", "clouds": [cloud_name], "site": fleet.name, "domain": "grid.test", **options}
        path = tmp_path / "openstack.yml"
        path.write_text(yaml.safe_dump({key: value for key, value in settings.items() if value is not None}))
        environment = os.environ | {"HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CACHE_PLUGIN": "memory"}
        began = time.monotonic()
        done = subprocess.run(
            [pathlib.Path(sys.executable).with_name("ansible-inventory"), "-i", path, "--list", *arguments],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - began
        assert "Traceback" not in done.stderr, done.stderr
        told = plain(json.loads(done.stdout[done.stdout.index("{\n") :]))
        hosts = told.pop("_meta").get("hostvars", {})
        # Ansible's own, not the plugin's.
        hosts = {name: {key: value for key, value in variables.items() if key != "ansible_local"} for name, variables in hosts.items()}
        groups = {name: sorted(group["hosts"]) for name, group in told.items() if "hosts" in group}
        return Run(hosts, groups, " ".join((done.stdout[: done.stdout.index("{\n")] + done.stderr).split()), seconds)

    return run


def plain(value: t.Any) -> t.Any:
    """What ansible-inventory writes, without its marks on texts that are no templates."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def test_a_site_as_an_inventory(inventory, fleet):
    found = inventory()
    login, first, second = (f"{fleet.name}-{name}.grid.test" for name in ("login-1", "worker-1", "worker-2"))
    double = f"{fleet.name}-worker-2-{fleet.workers[2][:8]}.grid.test"
    assert found.groups == {"login": [login], "slurm_worker": sorted([first, second, double]), "nfs_client": [first, second]}
    ids = dict(zip((login, first, second, double), (fleet.bastion, *fleet.workers)))
    assert {name: host["openstack"]["id"] for name, host in found.hosts.items()} == ids
    assert f"server {fleet.workers[2]} would be host {second}, but is {double}: server {fleet.workers[1]} has that name too" in found.said

    assert found.hosts[login]["ansible_host"] == fleet.floating_ip
    worker = found.hosts[first]
    assert worker["ansible_host"] == worker["site_address"] == worker["openstack"]["addresses"]["private"][0]
    for one in (fleet.workers[0], fleet.bastion):
        assert f"HostKeyAlias={one} -o UserKnownHostsFile=" in worker["ansible_ssh_common_args"]
    assert worker["ansible_ssh_common_args"].count(f".ssh/known_hosts.elastigrid-{fleet.name} ") == 2
    assert worker["ansible_ssh_common_args"].endswith(f"-l %r {fleet.floating_ip}'")
    assert "ProxyCommand" not in found.hosts[login]["ansible_ssh_common_args"]

    data, scratch = sorted(worker["site_volumes"], key=lambda volume: volume["name"])
    assert data == {"id": fleet.volumes[0], "serial": fleet.volumes[0][:20], "name": f"{fleet.name}-data", "size": 2, "mount": "/srv/data", "fstype": "xfs"}
    assert (scratch["id"], scratch["mount"], scratch["fstype"]) == (fleet.volumes[1], None, None)
    assert found.hosts[second]["site_volumes"] == []

    assert worker["openstack"]["metadata"]["evil"] == EVIL
    assert worker["openstack"]["flavor"] == "m1.nano"
    sizes = {name: len(json.dumps(host)) for name, host in found.hosts.items()}
    assert max(sizes.values()) <= 2048, sizes


def test_what_the_cloud_says_is_no_template_in_a_play(inventory, fleet, tmp_path):
    inventory()
    tasks = [
        {"ansible.builtin.debug": {"msg": "told: {{ openstack.metadata.evil }}"}},
        {"ansible.builtin.debug": {"var": "openstack.metadata"}},
        # The test can fail: the same text in a playbook is a template.
        {"ansible.builtin.debug": {"msg": f"ours: {EVIL}"}},
    ]
    play = tmp_path / "play.json"
    play.write_text(json.dumps([{"hosts": "login", "gather_facts": False, "connection": "local", "tasks": tasks}]))
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "openstack.yml", play],
        cwd=ROOT, env=os.environ | {"HOME": str(tmp_path), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"told: {EVIL}" in done.stdout
    assert "ours: 42 times" in done.stdout
    assert done.stdout.count("42 times") == 1


@pytest.fixture
def pages(cloud: t.Any, fleet: Site) -> int:
    """How many pages the project's servers fill, be they of whatever site."""
    from ansible_collections.elastigrid.site.plugins.inventory.openstack import DETAIL_PAGE

    return -(-len(cloud.listing("compute", "/servers", "servers")) // DETAIL_PAGE)


def test_requests(inventory, counted, pages):
    found = inventory()
    assert len(found.hosts) == 4
    # The ids, the pages, the volumes.
    assert dict(counted.calls()) == {("compute", "GET"): 1 + pages, ("block-storage", "GET"): 1}
    counted.reset()
    inventory(include_filters=[{"name": "none"}], host_key_source="console")
    assert counted.calls()["compute", "POST"] == 0


def test_a_cloud_that_fails_now_and_then(inventory, faulty):
    faulty.share = 0.2
    # Patience is for a pause or two, not for a request that hangs.
    faulty._kinds = ("500", "503", "429", "closed")
    assert len(inventory().hosts) == 4


def test_without_a_site_all_servers(inventory, fleet, cloud):
    there = [one for one in cloud.listing("compute", "/servers/detail", "servers") if one["status"] == "ACTIVE"]
    found = inventory(site=None, raw=True)
    assert {host["openstack"]["id"] for host in found.hosts.values()} >= {fleet.bastion, *fleet.workers}
    assert abs(len(found.hosts) - len(there)) <= 5  # others may be at work in this project
    raw = next(host["openstack_server"] for host in found.hosts.values() if host["openstack"]["id"] == fleet.bastion)
    assert {"hostId", "OS-EXT-STS:vm_state"} < set(raw)


def test_a_failed_server_is_a_host_only_if_asked_for(inventory, fleet):
    found = inventory(statuses=["ERROR"])
    assert found.hosts == {}
    assert f"No hosts, for they have no address: {fleet.name}-worker-9" in found.said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clouds": ["nothing"]}, "cloud is 'nothing', but clouds.yaml ("),
        ({"ip_version": 6}, "ip_version is 6, but no server has such an address; there are: "),
        ({"networks": ["privat"]}, "networks is ['privat'], but no server has such an address; there are: "),
        ({"bastion": "login-2"}, "bastion is 'login-2', but there is no server 'login-2' in this cloud"),
        ({"fail_on_error": False}, "has 'fail_on_error', which is no option; the closest: fail_on_errors"),
    ],
)
def test_wrong_options(inventory, options, words):
    found = inventory(**options)
    assert found.hosts == {}
    assert words in found.said


def broken(place: pathlib.Path, cloud_name: str, **auth: str) -> str:
    """A clouds.yaml with a second cloud `broken`, which differs in `auth`."""
    settings = yaml.safe_load(pathlib.Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
    good = settings["clouds"][cloud_name]
    settings["clouds"]["broken"] = good | {"auth": good["auth"] | auth}
    path = place / "broken.yaml"
    path.write_text(yaml.safe_dump(settings))
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize(
    ("auth", "words"),
    [({"password": "wrong"}, "cloud broken: the credentials are refused"), ({"auth_url": "http://127.0.0.1:1/v3"}, "cloud broken")],
)
def test_one_cloud_that_cannot_be_read(inventory, cloud_name, tmp_path, monkeypatch, auth, words):
    usual = inventory()
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", broken(tmp_path, cloud_name, **auth))
    failed = inventory(clouds=[cloud_name, "broken"])
    assert failed.hosts == {}
    assert words in failed.said
    assert "wrong" not in failed.said
    found = inventory(clouds=["broken", cloud_name], fail_on_errors=False)
    assert len(found.hosts) == 4
    assert f"Its servers are missing: {words}" in found.said
    # Half a minute of patience, and what the other cloud takes.
    assert found.seconds < 45 + usual.seconds


def test_the_cache(inventory, counted, pages, tmp_path):
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    first = inventory(**options)
    counted.reset()
    again = inventory(**options)
    assert (again.hosts, again.groups) == (first.hosts, first.groups)
    assert not counted.log
    assert inventory("--flush-cache", **options).hosts == first.hosts
    assert sum(counted.calls().values()) == 2 + pages


class Consoles(Proxy):
    """Shows keys on all consoles."""

    def translate(self, body: bytes, is_catalog: bool) -> bytes:
        block = f"-----BEGIN SSH HOST KEY KEYS-----\\n{KEY} root@host\\n-----END SSH HOST KEY KEYS-----\\n"
        return super().translate(body, is_catalog).replace(NO_KEYS, block.encode())


@pytest.mark.campaign
def test_host_keys_from_consoles(inventory, fleet, tmp_path, monkeypatch):
    known_hosts = tmp_path / "known_hosts"
    options = {"host_key_source": "console", "known_hosts": str(known_hosts)}
    ids = [fleet.bastion, *fleet.workers]
    nothing = inventory(**options)
    for one in ids:
        assert f"({one}), for its host keys are unknown: its console shows no keys" in nothing.said
    assert not known_hosts.exists()
    assert all("StrictHostKeyChecking=yes" in host["ansible_ssh_common_args"] for host in nothing.hosts.values())

    with Consoles(os.environ["OS_CLIENT_CONFIG_FILE"], tmp_path) as proxy:
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(proxy.clouds))
        found = inventory(**options)
        assert "host keys are unknown" not in found.said
        assert sorted(known_hosts.read_text().splitlines()) == sorted(f"{one} {KEY}" for one in ids)
        assert proxy.calls()["compute", "POST"] == 4
        proxy.reset()
        inventory(**options)
        assert proxy.calls()["compute", "POST"] == 0
