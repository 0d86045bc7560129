#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A real OpenStack control plane (2025.1, from Debian's packages) in one podman node, to test against.

    tools/cloud.py up        start the cloud, building its images if they are missing; write .sandbox/cloud/clouds.yaml
    tools/cloud.py down      remove the cloud with all that is in it, and its network
    tools/cloud.py clean     the same, and the images
    tools/cloud.py info      say how to use it

It lies in a network of its own, where stand-ins for its servers find room (tests/cloud/hypervisor.py). `down` and `up` give a
fresh cloud. Everything is real but the hypervisors and what keeps volumes: tests/cloud/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import json
import os
import pathlib
import sys
import time

import sandbox

SETTINGS = {"name": "cloud", "subnet": "10.89.90.0/24", "shared": "/shared"}
NAME = "cloud"
BUILD = "cloud-build"
ADDRESS = str(ipaddress.ip_network(SETTINGS["subnet"])[3])
SOURCE = sandbox.ROOT / "tests" / "cloud" / "node"
PLACE = sandbox.STATE / SETTINGS["name"]
CLOUDS = PLACE / "clouds.yaml"
CONSOLE = PLACE / "console"
PROJECTS = ["demo", "small", "admin"]
# Where the node keeps SOURCE.
HOME = "/opt/testcloud"


def say(message: str) -> None:
    print(f"cloud: {message}", flush=True)


def digest(*parts: str | pathlib.Path) -> str:
    """Of texts and of the files in directories, with their names."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            for path in sorted(path for path in part.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
                found.update(f"{path.relative_to(part)}\0".encode() + path.read_bytes() + b"\0")
        else:
            found.update(part.encode() + b"\0")
    return found.hexdigest()[:12]


# Named by what they are made of, so that a change makes new ones.
PACKAGES_IMAGE = f"localhost/elastigrid-cloud-packages:{digest(sandbox.IMAGE, (SOURCE / 'install.sh').read_text())}"
IMAGE = f"localhost/elastigrid-cloud:{digest(PACKAGES_IMAGE, ADDRESS, SOURCE)}"


def build(image: str, base: str, *command: str, proxy: str) -> None:
    """Run a program of SOURCE in a node of the base image, and keep the node as an image."""
    if sandbox.exists("image", image):
        return
    started = time.monotonic()
    say(f"building {image}")
    sandbox.podman("rm", "--force", "--ignore", "--time", "2", BUILD)
    start(BUILD, base)
    sandbox.podman("exec", BUILD, "rm", "-rf", HOME)
    sandbox.podman("cp", str(SOURCE), f"{BUILD}:{HOME}")
    apt = f'Acquire::http::Proxy "http://{proxy}:3142";\n'
    sandbox.podman("exec", "--interactive", BUILD, "sh", "-c", "cat >/etc/apt/apt.conf.d/01sandbox", input=apt)
    sandbox.podman("exec", BUILD, *command)
    sandbox.podman("stop", "--time", "20", BUILD)
    sandbox.podman("commit", "--quiet", BUILD, image)
    sandbox.podman("rm", BUILD)
    say(f"built in {time.monotonic() - started:.0f} s")


def start(name: str, image: str, *options: str) -> None:
    sandbox.start_container(SETTINGS, name, ADDRESS, "--hostname", NAME, *options, image=image)
    sandbox.wait_for_systemd(name)


def write_clouds() -> None:
    """clouds.yaml, as JSON, which is YAML too."""
    password = sandbox.podman("exec", NAME, "cat", f"{HOME}/password").strip()
    clouds = {
        project: {
            "auth": {
                "auth_url": f"http://{ADDRESS}:5000/v3", "username": project, "password": password, "project_name": project,
                "user_domain_name": "Default", "project_domain_name": "Default",
            },
            "region_name": "RegionOne",
        }
        for project in PROJECTS
    }  # fmt: skip
    temporary = CLOUDS.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump({"clouds": clouds}, stream, indent=2)
    temporary.replace(CLOUDS)


def up() -> None:
    started = time.monotonic()
    proxy = sandbox.ensure_network(SETTINGS)
    build(PACKAGES_IMAGE, sandbox.IMAGE, "sh", f"{HOME}/install.sh", proxy=proxy)
    build(IMAGE, PACKAGES_IMAGE, f"{HOME}/build.py", ADDRESS, proxy=proxy)
    CONSOLE.mkdir(parents=True, exist_ok=True)
    if NAME not in sandbox.podman("ps", "--format", "{{.Names}}").split():
        # One that was stopped is of no use: every start is a fresh cloud.
        sandbox.podman("rm", "--force", "--ignore", NAME)
        start(NAME, IMAGE, "--volume", f"{CONSOLE}:/var/lib/testcloud/console")
    sandbox.podman("exec", NAME, f"{HOME}/wait.py", "ready")
    write_clouds()
    say(f"up after {time.monotonic() - started:.0f} s")
    info()


def loops(place: pathlib.Path) -> dict[pathlib.Path, str]:
    """Loop devices of files below a directory."""
    listed = json.loads(sandbox.as_root("losetup", "--json", "--list", "--output", "NAME,BACK-FILE") or '{"loopdevices": []}')
    found = {pathlib.Path(loop["back-file"]): loop["name"] for loop in listed["loopdevices"]}
    return {path: device for path, device in found.items() if place in path.parents}


def down() -> None:
    """With the nodes and the volumes' files that a stand-in for a hypervisor has left."""
    for device in loops(PLACE).values():
        sandbox.as_root("losetup", "--detach", device)
    sandbox.destroy(SETTINGS)


def clean() -> None:
    repositories = {image.split(":")[0] for image in (PACKAGES_IMAGE, IMAGE)}
    images = {image for name in repositories for image in sandbox.podman("images", "--quiet", "--filter", f"reference={name}").split()}
    if images:
        sandbox.podman("rmi", "--force", *images)
    down()


def info() -> None:
    if not CLOUDS.exists():
        raise sandbox.SandboxError("there is no cloud: tools/cloud.py up")
    print(f"\nexport OS_CLIENT_CONFIG_FILE={CLOUDS}\n")
    print(f"Clouds: {', '.join(PROJECTS)} (small has tiny quotas). A shell in it: tools/sandbox.py podman -- exec -it {NAME} bash")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["up", "down", "clean", "info"])
    try:
        {"up": up, "down": down, "clean": clean, "info": info}[parser.parse_args().command]()
    except sandbox.SandboxError as error:
        print(f"cloud: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
