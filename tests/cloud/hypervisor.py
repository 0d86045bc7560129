#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The stand-in for a hypervisor: gives the servers of a test cloud a body, so that one can log in to them.

    hypervisor.py --cloud CLOUD --domain DOMAIN            until it is ended (SIGTERM); the nodes stay
    hypervisor.py --cloud CLOUD --domain DOMAIN --once     one look, then the end
    hypervisor.py --cloud CLOUD --domain DOMAIN --down     no node stays

For each ACTIVE server of the project with a fixed address in the network of tools/cloud.py it runs a podman node that has this
address, the name <server>.<domain>, the server's public key, host keys of its own and the disks of its volumes, and goes when the
server goes. Everything that a node is made of is derived from what the cloud and this host say now, or is marked with the project:
it may be killed at any moment and started again.

It is no hypervisor: nodes are containers of this host's kernel, volumes are loop devices. tests/cloud/README.md says what that cannot show.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import ipaddress
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import typing as t
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / ".cache" / "collections")]

import cloud as testcloud
import sandbox
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

SUBNET = ipaddress.ip_network(testcloud.SETTINGS["subnet"])
PROJECT_LABEL = "elastigrid.project"
# Routes of ours carry this number (ip-route(8): protocol).
ROUTE_PROTOCOL = "89"
SERIAL_LENGTH = 20  # virtio-blk cuts off what is longer

# Makes the node's addresses and disks these and no others. Arguments: addresses, then `serial:minor` for each disk (each list one word), the gateway.
EQUIP = """\
set -e
addresses=$1 disks=$2
ip -4 -o addr show dev eth0 | awk '$4 ~ "/32$" {print $4}' | while read -r address; do
    case " $addresses " in *" $address "*) ;; *) ip addr del "$address" dev eth0 ;; esac
done
for address in $addresses; do ip addr replace "$address" dev eth0; done
# So that all in the network learn who has the address now.
ping -c 1 -W 1 "$3" >/dev/null || :
mkdir -p /dev/disk/by-id
for link in /dev/disk/by-id/virtio-*; do
    case " $disks " in *" ${link##*virtio-}:"*) ;; *) rm -f "$link" ;; esac
done
for disk in $disks; do
    minor=${disk##*:}
    [ -b /dev/loop$minor ] || mknod --mode 660 /dev/loop$minor b 7 $minor
    ln -sfn ../../loop$minor /dev/disk/by-id/virtio-${disk%:*}
done
"""


def say(message: str) -> None:
    print(f"hypervisor: {message}", flush=True)


class Body(t.NamedTuple):
    """What a server is to have."""

    name: str
    address: str
    mac: str
    key_name: str | None
    is_on: bool
    floating: tuple[str, ...]
    volumes: tuple[tuple[str, int], ...]
    """Ids and sizes (GiB)."""


def bodies(servers: list[dict[str, t.Any]], volumes: list[dict[str, t.Any]]) -> dict[str, Body]:
    """By id, the servers that were ACTIVE once and have an address in our network."""
    found = {}
    for server in servers:
        ports = [port for ports in server["addresses"].values() for port in ports]
        fixed = [port for port in ports if port["OS-EXT-IPS:type"] == "fixed" and ipaddress.ip_address(port["addr"]) in SUBNET]
        if not fixed or server["status"] == "BUILD" or not server["OS-SRV-USG:launched_at"]:
            continue
        found[server["id"]] = Body(
            server["name"],
            fixed[0]["addr"],
            fixed[0]["OS-EXT-IPS-MAC:mac_addr"],
            server["key_name"],
            server["status"] != "SHUTOFF",
            tuple(sorted(port["addr"] for port in ports if port["OS-EXT-IPS:type"] == "floating")),
            tuple(sorted((volume["id"], volume["size"]) for volume in volumes if server["id"] in [at["server_id"] for at in volume["attachments"]])),
        )
    return found


class Hypervisor:
    def __init__(self, cloud: _openstack.Cloud, domain: str) -> None:
        self.cloud, self.domain = cloud, domain
        self.project = cloud.project_id
        self.place = testcloud.PLACE / "hypervisor" / self.project
        self.proxy = sandbox.ensure_network(testcloud.SETTINGS)
        self.equipped: dict[str, t.Any] = {}
        """What the nodes got from this process; what is not in here is done anew, which does no harm."""

    def look(self) -> None:
        """Make the nodes what the cloud says. No answer is no reason to remove anything."""
        servers = self.cloud.listing("compute", "/servers/detail", "servers")
        volumes = self.cloud.listing("block-storage", "/volumes/detail", "volumes")
        wanted = bodies(servers, volumes)
        nodes = self.nodes()
        gone = set(nodes) - {server["id"] for server in servers}
        self.remove(gone)
        disks = self.attach({volume: size for body in wanted.values() for volume, size in body.volumes})
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            tasks = {server: pool.submit(self.ensure, server, body, nodes.get(server), disks) for server, body in wanted.items()}
        for server, task in tasks.items():
            if task.exception():
                say(f"{server}: {task.exception()}; will try again")
        self.route({address: body.address for body in wanted.values() for address in body.floating})
        self.detach({volume for body in wanted.values() for volume, _size in body.volumes}, {volume["id"] for volume in volumes})

    def down(self) -> None:
        self.remove(set(self.nodes()))
        self.route({})
        self.detach(set(), set())
        shutil.rmtree(self.place, ignore_errors=True)

    # --- Nodes ---

    def nodes(self) -> dict[str, str]:
        """Ids of the servers that have a node, and whether it is running."""
        listed = sandbox.podman("ps", "--all", "--filter", f"label={PROJECT_LABEL}={self.project}", "--format", "json")
        return {container["Names"][0]: container["State"] for container in json.loads(listed)}

    def remove(self, servers: set[str]) -> None:
        for server in sorted(servers):
            sandbox.podman("rm", "--force", "--ignore", "--time", "2", server)
            (testcloud.CONSOLE / server).unlink(missing_ok=True)
            shutil.rmtree(self.place / "keys" / server, ignore_errors=True)
            self.equipped.pop(server, None)
            say(f"{server} is gone")

    def ensure(self, server: str, body: Body, state: str | None, disks: dict[str, int]) -> None:
        if not body.is_on:
            if state == "running":
                sandbox.podman("stop", "--time", "10", server)
                say(f"{server} is off")
            return
        hostname = f"{body.name}.{self.domain}"
        if state is None:
            label = f"{PROJECT_LABEL}={self.project}"
            sandbox.start_node(testcloud.SETTINGS, server, body.address, hostname, "--label", label, "--mac-address", body.mac)
        elif state != "running":
            sandbox.podman("start", server)
            self.equipped.pop(server, None)
        if server not in self.equipped and not sandbox.is_seeded(server):
            hostkey = self.place / "keys" / server / "ssh_host_ed25519_key"
            sandbox.ensure_key(hostkey)
            self.write_console(server, hostname, hostkey)
            sandbox.plant(server, sandbox.seed(hostname, body.address, hostkey, self.public_key(body.key_name), self.proxy))
            say(f"{server} is {hostname} at {body.address}")
        equipment = ([f"{address}/32" for address in body.floating], [f"{volume[:SERIAL_LENGTH]}:{disks[volume]}" for volume, _size in body.volumes])
        if self.equipped.get(server) != equipment:
            sandbox.podman("exec", server, "sh", "-c", EQUIP, "equip", *map(" ".join, equipment), str(SUBNET[1]))
            self.equipped[server] = equipment
            say(f"{server} has floating addresses {equipment[0]}, disks {equipment[1]}")

    def public_key(self, name: str | None) -> str:
        if name is None:
            return ""
        return self.cloud.get("compute", f"/os-keypairs/{urllib.parse.quote(name)}")["keypair"]["public_key"] + "\n"

    @staticmethod
    def write_console(server: str, hostname: str, hostkey: pathlib.Path) -> None:
        """What cloud-init tells the console: fingerprints through the system log, keys as they are."""
        fingerprint = sandbox.run("ssh-keygen", "-l", "-f", str(hostkey)).stdout.strip()
        prefix = time.strftime("<14>%b %e %H:%M:%S cloud-init: ")
        bar = "#" * 61
        lines = [
            f"Debian GNU/Linux 13 {hostname.split('.')[0]} ttyS0",
            "",
            f"{prefix}{bar}",
            f"{prefix}-----BEGIN SSH HOST KEY FINGERPRINTS-----",
            f"{prefix}{fingerprint}",
            f"{prefix}-----END SSH HOST KEY FINGERPRINTS-----",
            f"{prefix}{bar}",
            "-----BEGIN SSH HOST KEY KEYS-----",
            hostkey.with_suffix(".pub").read_text().strip(),
            "-----END SSH HOST KEY KEYS-----",
            "",
        ]
        temporary = testcloud.CONSOLE / f".{server}"
        testcloud.CONSOLE.mkdir(parents=True, exist_ok=True)
        temporary.write_text("\r\n".join(lines))
        temporary.replace(testcloud.CONSOLE / server)

    # --- Floating addresses ---

    def route(self, wanted: dict[str, str]) -> None:
        """Let this host reach floating addresses by way of the nodes that have them. Routes to other nodes are not ours to touch."""
        listed = json.loads(sandbox.as_root("ip", "-json", "route", "show", "proto", ROUTE_PROTOCOL) or "[]")
        present = {route["dst"]: route["gateway"] for route in listed if ipaddress.ip_address(route["gateway"]) in SUBNET}
        for address, gateway in wanted.items():
            if present.get(address) != gateway:
                sandbox.as_root("ip", "route", "replace", address, "via", gateway, "proto", ROUTE_PROTOCOL)
        for address in set(present) - set(wanted):
            sandbox.as_root("ip", "route", "del", address, "proto", ROUTE_PROTOCOL)

    # --- Volumes ---

    def loops(self) -> dict[str, int]:
        """Minor numbers of the loop devices of this project, by volume."""
        return {path.name: int(device.removeprefix("/dev/loop")) for path, device in testcloud.loops(self.place).items()}

    def attach(self, wanted: dict[str, int]) -> dict[str, int]:
        """See to it that each volume is a loop device of its size (GiB); returns their minor numbers."""
        if not wanted:
            return {}
        loops = self.loops()
        for volume, size in wanted.items():
            path = self.place / "volumes" / volume
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            has_grown = path.stat().st_size < size << 30
            if has_grown:
                os.truncate(path, size << 30)
            if volume not in loops:
                name = sandbox.as_root("losetup", "--find", "--show", str(path)).strip()
                loops[volume] = int(name.removeprefix("/dev/loop"))
            elif has_grown:
                sandbox.as_root("losetup", "--set-capacity", f"/dev/loop{loops[volume]}")
        return loops

    def detach(self, attached: set[str], known: set[str]) -> None:
        """Take away the loop devices of volumes that are attached to no server, and the files of those that are no more."""
        if not (self.place / "volumes").is_dir():
            return
        for volume, minor in self.loops().items():
            if volume not in attached:
                # One that is mounted still goes when it is no longer.
                sandbox.as_root("losetup", "--detach", f"/dev/loop{minor}")
        for path in (self.place / "volumes").iterdir():
            if path.name not in known:
                path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cloud", required=True, help="entry of clouds.yaml")
    parser.add_argument("--domain", required=True, help="what is added to the names of servers")
    parser.add_argument("--once", action="store_true", help="look once")
    parser.add_argument("--down", action="store_true", help="remove all nodes of the project")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        hypervisor = Hypervisor(_openstack.Cloud(options.cloud, retry_seconds=10), options.domain)
        if options.down:
            hypervisor.down()
            return 0
        while True:
            try:
                hypervisor.look()
            except (_openstack.CloudError, sandbox.SandboxError) as error:
                if options.once:
                    raise
                say(f"{error}; will try again")
            if options.once:
                return 0
            time.sleep(1)
    except (_openstack.CloudError, sandbox.SandboxError) as error:
        print(f"hypervisor: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
