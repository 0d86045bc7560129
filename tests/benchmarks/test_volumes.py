# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Ten volumes made and attached, formatted and mounted, and the same when nothing is to be done, against a loop of the usual modules.

Needs a test cloud (OS_CLIENT_CONFIG_FILE, ELASTIGRID_CLOUD) and podman.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time
import typing as t
import uuid

import openstack
import pytest
from conftest import ROOT, Run, table

sys.path.append(str(ROOT / "tests" / "cloud"))
sys.path.append(str(ROOT / "tools"))
import pythons
from faults import Proxy
from test_data_disk import HOST, SETUP, Node

COUNT = 10
CLOUD = os.environ.get("ELASTIGRID_CLOUD", "demo")
INCUMBENT = ROOT / ".cache" / "incumbent"
ENVIRONMENT = {
    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_LOCALHOST_WARNING": "0",
}


def play(programs: pathlib.Path, place: pathlib.Path, hosts: str, inventory: str, tasks: list[dict[str, t.Any]], **environment: str) -> Run:
    path = place / "play.json"
    path.write_text(json.dumps([{"hosts": hosts, "gather_facts": False, "tasks": tasks}]))
    return Run(str(programs / "ansible-playbook"), "-i", inventory, str(path), environment=ENVIRONMENT | environment)


def seconds(run: Run) -> float:
    """What the tasks took, without Ansible's own start."""
    return sum(task.seconds for task in run.tasks)


@pytest.fixture(scope="session")
def programs() -> pathlib.Path:
    """The directory of an environment that has the newest openstack.cloud."""
    python = pythons.find_python("3.13") or pythons.find_python("3.12")
    assert python, "the package ansible 14 needs Python 3.12 or later"
    return pythons.make_venv(INCUMBENT, python, "tests/benchmarks/incumbent.txt")


@pytest.fixture
def server() -> t.Iterator[str]:
    """A server without a network. It and the volumes that have its name in theirs are gone afterwards."""
    cloud = openstack.connect(cloud=CLOUD)
    name = f"bench-{uuid.uuid4().hex[:8]}"
    flavor, image = cloud.compute.find_flavor("m1.nano"), cloud.image.find_image("cirros")
    made = cloud.compute.wait_for_server(cloud.compute.create_server(name=name, flavor_id=flavor.id, image_id=image.id, networks="none"))
    yield name
    cloud.compute.delete_server(made)
    while left := [one for one in cloud.block_storage.volumes() if one.name.startswith(name)]:
        for one in left:
            if one.status == "available":
                cloud.block_storage.delete_volume(one)
        time.sleep(1)


def test_volumes_are_created_and_attached(report, programs, tmp_path, server):
    ours = [{"name": f"{server}-ours-{number}", "size": 1, "server": server} for number in range(COUNT)]
    theirs = [f"{server}-theirs-{number}" for number in range(COUNT)]
    local = {"connection": "local", "vars": {"ansible_python_interpreter": str(programs / "python")}}
    ways = {
        "elastigrid.site.volume": [{"elastigrid.site.volume": {"cloud": CLOUD, "site": server, "volumes": ours}, **local}],
        "openstack.cloud.volume and server_volume": [
            {"openstack.cloud.volume": {"cloud": CLOUD, "name": "{{ item }}", "size": 1}, "loop": theirs, **local},
            {"openstack.cloud.server_volume": {"cloud": CLOUD, "server": server, "volume": "{{ item }}"}, "loop": theirs, **local},
        ],
    }
    rows = []
    with Proxy(os.environ["OS_CLIENT_CONFIG_FILE"], tmp_path) as proxy:
        for what in ("created and attached", "nothing to do"):
            for way, tasks in ways.items():
                proxy.reset()
                run = play(programs, tmp_path, "localhost", "localhost,", tasks, OS_CLIENT_CONFIG_FILE=str(proxy.clouds))
                assert bool(run.changed) is (what == "created and attached"), run.changed
                calls = proxy.calls()
                reads = sum(count for (service, method), count in calls.items() if method == "GET")
                rows.append([what, way, reads, sum(calls.values()) - reads, len(proxy.log), seconds(run)])
    report += [f"### {COUNT} volumes, created and attached to one server", ""]
    report += table(["", "", "reads", "writes", "all, with tokens and discovery", "seconds"], *rows)


def test_disks_are_formatted_and_mounted(report, programs, tmp_path):
    node = Node(tmp_path)
    try:
        node.sandbox("up")
        node.sh(SETUP)
        ours, theirs = ([node.disk(64) for ignored in range(COUNT)] for ignored in range(2))
        devices = {volume: f"/dev/disk/by-id/virtio-{volume[:20]}" for volume in theirs}
        ways = {
            "elastigrid.site.data_disk": [{"elastigrid.site.data_disk": {"disks": [{"id": volume, "path": f"/srv/{volume}"} for volume in ours]}}],
            "community.general.filesystem and ansible.posix.mount": [
                {"community.general.filesystem": {"fstype": "ext4", "dev": "{{ item }}"}, "loop": list(devices.values())},
                {
                    "ansible.posix.mount": {"src": "{{ item.value }}", "path": "/srv/{{ item.key }}", "fstype": "ext4", "state": "mounted"},
                    "loop": "{{ devices | dict2items }}",
                    "vars": {"devices": devices},
                },
            ],
        }
        rows = []
        for what in ("formatted and mounted", "nothing to do"):
            for way, tasks in ways.items():
                run = play(programs, tmp_path, HOST, str(node.inventory), tasks)
                assert bool(run.changed) is (what == "formatted and mounted"), run.changed
                rows.append([what, way, seconds(run)])
        report += [f"### {COUNT} blank disks, formatted as ext4 and mounted (loop devices)", ""]
        report += table(["", "", "seconds"], *rows)
        node.clean()
    finally:
        node.sandbox("destroy")
