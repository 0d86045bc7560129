# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""That the stand-in for a hypervisor gives servers what a hypervisor would, and takes it away. One story: nodes cost seconds."""

from __future__ import annotations

import pathlib
import re
import subprocess
import typing as t

import pytest
from conftest import ROOT, Hypervisor, wait

SECONDS = 120  # for a node to come up on a busy machine


def podman(*arguments: str) -> str:
    return subprocess.run([ROOT / "tools/sandbox.py", "podman", "--", *arguments], text=True, capture_output=True, check=True).stdout


class Login:
    def __init__(self, cloud: t.Any, site: str, place: pathlib.Path) -> None:
        self.known_hosts = place / "known_hosts"
        self.key = place / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.name = f"elastigrid-{site}"
        cloud.post("compute", "/os-keypairs", {"keypair": {"name": self.name, "public_key": self.key.with_suffix(".pub").read_text()}})

    def run(self, address: str, command: str) -> subprocess.CompletedProcess:
        words = ["-F", "none", "-i", self.key, "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=3"]
        return subprocess.run(["ssh", *words, f"debian@{address}", command], text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)

    def __call__(self, address: str, command: str) -> str:
        done = self.run(address, command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


class Place:
    """A network and servers in it, made by bare requests."""

    def __init__(self, cloud: t.Any, site: str, hypervisor: Hypervisor) -> None:
        self.cloud, self.site = cloud, site
        mark = {"description": f"elastigrid_site={site}"}
        self.network = cloud.post("network", "/networks", {"network": {"name": site, **mark}})["network"]["id"]
        start, end = hypervisor.pool
        subnet = {"network_id": self.network, "ip_version": 4, "cidr": hypervisor.subnet, "gateway_ip": hypervisor.gateway, **mark}
        self.subnet = cloud.post("network", "/subnets", {"subnet": subnet | {"allocation_pools": [{"start": start, "end": end}]}})["subnet"]["id"]

    def server(self, number: int, key_name: str) -> tuple[str, str]:
        """Id and address of a new one."""
        cloud = self.cloud
        [flavor] = [flavor["id"] for flavor in cloud.listing("compute", "/flavors", "flavors") if flavor["name"] == "m1.tiny"]
        [image] = [image["id"] for image in cloud.listing("image", "/images", "images") if image["name"] == "debian-13"]
        body = {
            "name": f"{self.site}-{number}", "flavorRef": flavor, "imageRef": image, "networks": [{"uuid": self.network}], "key_name": key_name,
            "metadata": {"elastigrid_site": self.site},
        }  # fmt: skip
        server = cloud.post("compute", "/servers", {"server": body})["server"]["id"]
        wait("ACTIVE", lambda: cloud.get("compute", f"/servers/{server}")["server"]["status"] == "ACTIVE")
        return server, cloud.get("compute", f"/servers/{server}")["server"]["addresses"][self.site][0]["addr"]

    def volume(self, size: int) -> str:
        cloud = self.cloud
        volume = cloud.post("block-storage", "/volumes", {"volume": {"size": size, "metadata": {"elastigrid_site": self.site}}})["volume"]["id"]
        wait("available", lambda: self.status(volume) == "available")
        return volume

    def status(self, volume: str) -> str:
        return self.cloud.get("block-storage", f"/volumes/{volume}")["volume"]["status"]

    def floating(self, server: str) -> str:
        """The address of a new floating IP of the server."""
        cloud = self.cloud
        mark = {"description": f"elastigrid_site={self.site}"}
        [public] = [network["id"] for network in cloud.listing("network", "/networks", "networks") if network["name"] == "public"]
        router = cloud.post("network", "/routers", {"router": {"name": self.site, "external_gateway_info": {"network_id": public}, **mark}})["router"]["id"]
        cloud.put("network", f"/routers/{router}/add_router_interface", {"subnet_id": self.subnet})
        [port] = cloud.listing("network", "/ports", "ports", device_id=server)
        body = {"floating_network_id": public, "port_id": port["id"], **mark}
        return cloud.post("network", "/floatingips", {"floatingip": body})["floatingip"]["floating_ip_address"]


@pytest.fixture
def place(cloud: t.Any, site: str, hypervisor: Hypervisor) -> Place:
    return Place(cloud, site, hypervisor)


def console_key(cloud: t.Any, server: str) -> str:
    said = cloud.post("compute", f"/servers/{server}/action", {"os-getConsoleOutput": {}})["output"]
    found = re.search(r"-----BEGIN SSH HOST KEY KEYS-----\s+(.*?)\s+-----END", said)
    return found[1] if found else ""


@pytest.mark.campaign
def test_servers_get_a_body(cloud: t.Any, site: str, hypervisor: Hypervisor, place: Place, tmp_path: pathlib.Path) -> None:
    login = Login(cloud, site, tmp_path)
    (one, address), (other, other_address) = place.server(1, login.name), place.server(2, login.name)

    # The host key is known from the console, and that is the only way in.
    for server, at in ((one, address), (other, other_address)):
        key = wait("host key on the console", lambda server=server: console_key(cloud, server), SECONDS)
        with open(login.known_hosts, "a") as stream:
            stream.write(f"{at} {key}\n")
        wait("ssh", lambda at=at: login.run(at, "true").returncode == 0, SECONDS)
    assert login(address, "hostname") == f"{site}-1.{hypervisor.domain}"
    assert login(address, "sudo id -u") == "0"
    assert login(address, "ls -d /shared") == "/shared"
    keys = {line.split()[2] for line in login.known_hosts.read_text().splitlines()}
    assert len(keys) == 2, "each server has a key of its own"

    # A floating IP leads to the server.
    floating = place.floating(one)
    with open(login.known_hosts, "a") as stream:
        stream.write(f"{floating} {login.known_hosts.read_text().splitlines()[0].split(' ', 1)[1]}\n")
    wait("floating address", lambda: login.run(floating, "true").returncode == 0, SECONDS)
    assert login(floating, "hostname") == f"{site}-1.{hypervisor.domain}"

    # A volume is a disk with the serial that virtio would show; it grows, and keeps its content.
    volume = place.volume(1)
    disk = f"/dev/disk/by-id/virtio-{volume[:20]}"
    cloud.post("compute", f"/servers/{one}/os-volume_attachments", {"volumeAttachment": {"volumeId": volume}})
    wait("disk", lambda: login.run(address, f"test -b {disk}").returncode == 0, SECONDS)
    assert login(address, f"sudo blockdev --getsize64 {disk}") == str(1 << 30)
    login(address, f"echo content | sudo dd of={disk} conv=fsync status=none")

    # It may be killed at any time; what happens meanwhile is made up for.
    hypervisor.kill()
    cloud.delete("compute", f"/servers/{other}")
    cloud.post("block-storage", f"/volumes/{volume}/action", {"os-extend": {"new_size": 2}})
    hypervisor.start()
    wait("node of the deleted server to go", lambda: other not in podman("ps", "--all", "--format", "{{.Names}}").split(), SECONDS)
    wait("disk to grow", lambda: login(address, f"sudo blockdev --getsize64 {disk}") == str(2 << 30), SECONDS)

    # Detached, it is gone from the node; attached again, it has its content still.
    cloud.delete("compute", f"/servers/{one}/os-volume_attachments/{volume}")
    wait("disk to go", lambda: login.run(address, f"test -e {disk}").returncode == 1, SECONDS)
    wait("detached", lambda: place.status(volume) == "available")
    cloud.post("compute", f"/servers/{one}/os-volume_attachments", {"volumeAttachment": {"volumeId": volume}})
    wait("disk", lambda: login.run(address, f"test -b {disk}").returncode == 0, SECONDS)
    assert login(address, f"sudo head -c 7 {disk}") == "content"

    # Off and on again, as by a reboot: the same host key, the same disk.
    cloud.post("compute", f"/servers/{one}/action", {"os-stop": None})
    wait("node to stop", lambda: login.run(address, "true").returncode == 255, SECONDS)
    cloud.post("compute", f"/servers/{one}/action", {"os-start": None})
    wait("disk", lambda: login.run(address, f"test -b {disk}").returncode == 0, SECONDS)

    # Nothing is left of a server that is gone.
    cloud.delete("compute", f"/servers/{one}")
    wait("all nodes to go", lambda: not {one, other} & set(podman("ps", "--all", "--format", "{{.Names}}").split()), SECONDS)
    assert floating not in subprocess.run(["ip", "route"], text=True, capture_output=True, check=True).stdout
    loops = subprocess.run(["losetup", "--json", "--list", "--output", "BACK-FILE"], text=True, capture_output=True, check=True).stdout
    assert volume not in loops
