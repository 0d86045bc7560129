# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The playbooks provision and teardown with the example inventory, on servers that never boot. test_site.py has some that do."""

from __future__ import annotations

import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
import typing as t
import uuid

import pytest
from conftest import ROOT, belonging, kill
from faults import Proxy

MOMENTS = 20
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMkqB8DVzcdjCnzUiGrqJTNcPYxhBcYqg1tlGkPw9Nc"
# The default network of the playbook, and what its servers come with.
NETWORK = {"network": 1, "subnet": 1, "router": 1, "security-group": 3, "keypair": 1}
CONTROLLER = {
    "count": 1,
    "groups": ["slurm_controller"],
    "volumes": [{"name": "state", "size": 1, "mount": "/srv/state", "fstype": "ext4"}, {"name": "scratch", "size": 1, "on_teardown": "delete"}],
}


class Run(t.NamedTuple):
    code: int
    output: str
    seconds: float

    @property
    def changed(self) -> int:
        return int(re.search(r"^localhost +: ok=\d+ +changed=(\d+)", self.output, re.MULTILINE)[1])

    @property
    def words(self) -> str:
        """The output without the line breaks of YAML."""
        return " ".join(self.output.split())


class Admin:
    """Somebody with a copy of the example inventory, in which the name of the site is another one."""

    def __init__(self, site: str, cloud_name: str, place: pathlib.Path) -> None:
        self.site = site
        self.inventory = place / "inventory"
        self.place = place
        shutil.copytree(ROOT / "inventories" / "openstack", self.inventory)
        for name, line in (("openstack.yml", "site: demo"), ("group_vars/all.yml", "site_name: demo")):
            path = self.inventory / name
            text = path.read_text()
            assert f"\n{line}\n" in text
            path.write_text(text.replace(f"\n{line}\n", f"\n{line.split()[0]} {site}\n"))
        self.variables: dict[str, t.Any] = {"site_image": "cirros", "site_flavor": "m1.nano", "site_public_key": KEY, "provision_wait": 0}
        self.environment = {"OS_CLOUD": cloud_name, "HOME": str(place), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(place / "facts")}

    def play(self, name: str, *arguments: str, kill_when: t.Callable[[float], bool] | None = None, **variables: t.Any) -> Run:
        """With `kill_when` all processes get SIGKILL as soon as that is true of the seconds that they have run."""
        mark = f"ELASTIGRID_TEST_RUN={uuid.uuid4().hex}"
        environment = os.environ | self.environment | dict([mark.split("=")])
        environment.pop("ANSIBLE_CALLBACKS_ENABLED", None)
        tool = pathlib.Path(sys.executable).with_name("ansible-playbook")
        command = [tool, "-i", self.inventory, f"playbooks/{name}.yml", "-e", json.dumps(self.variables | variables), *arguments]
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )  # fmt: skip
        while kill_when and process.poll() is None:
            if kill_when(time.monotonic() - began):
                kill(mark)
                break
            time.sleep(0.2)
        output = process.communicate()[0]
        assert "Traceback" not in output, output
        return Run(process.returncode, output, time.monotonic() - began)

    def done(self, name: str, *arguments: str, **variables: t.Any) -> Run:
        run = self.play(name, *arguments, **variables)
        assert run.code == 0, run.output
        return run

    def teardown(self, *arguments: str, **variables: t.Any) -> Run:
        return self.done("teardown", *arguments, teardown=self.site, **variables)

    def groups(self) -> dict[str, set[str]]:
        tool = pathlib.Path(sys.executable).with_name("ansible-inventory")
        said = subprocess.run(
            [tool, "-i", self.inventory, "--list"], cwd=ROOT, env=os.environ | self.environment, text=True, capture_output=True, check=True
        ).stdout  # fmt: skip
        return {group: set(entry["hosts"]) for group, entry in json.loads(said).items() if "hosts" in entry}


@pytest.fixture
def admin(site: str, cloud_name: str, tmp_path: pathlib.Path) -> Admin:
    return Admin(site, cloud_name, tmp_path)


def counts(cloud: t.Any, site: str) -> dict[str, int]:
    return {kind: len(ids) for kind, ids in belonging(cloud, site).items()}


def servers(cloud: t.Any, site: str) -> dict[str, str]:
    return {one["name"]: one["status"] for one in cloud.listing("compute", "/servers/detail", "servers") if one["metadata"].get("elastigrid_site") == site}


@pytest.mark.campaign
def test_a_site_comes_and_goes(cloud: t.Any, site: str, admin: Admin) -> None:
    planned = admin.done("provision", "--check", "--diff")
    assert planned.changed == 2
    assert f"{site}-worker-2" in planned.output
    assert belonging(cloud, site) == {}, "check mode made something"

    made = admin.done("provision")
    assert counts(cloud, site) == NETWORK | {"server": 4, "floatingip": 1}
    assert servers(cloud, site) == {f"{site}-{name}": "ACTIVE" for name in ("controller-1", "ce-1", "worker-1", "worker-2")}
    assert "elastigrid.site.site" in made.output
    controller, ce, *workers = (f"{site}-{name}.grid.test" for name in ("controller-1", "ce-1", "worker-1", "worker-2"))
    assert admin.groups() == {
        "slurm_controller": {controller}, "nfs_server": {controller}, "arc_ce": {ce}, "slurm_submit": {ce},
        "slurm_worker": {*workers}, "nfs_client": {*workers, ce},
    }  # fmt: skip
    assert admin.done("provision").changed == 0
    assert admin.done("provision", "--check").changed == 0

    # Fewer workers: only the one that is named goes. The controller gets volumes.
    pools = {"controller": CONTROLLER, "ce": {"count": 1, "groups": ["arc_ce"], "security_groups": [f"{site}-inside"]}, "worker": {"count": 1}}
    told = admin.done("provision", site_pools=pools)
    assert f"surplus, left alone: {site}-worker-2" in told.words
    assert counts(cloud, site) == NETWORK | {"server": 4, "volume": 2}, "a floating IP that no pool has is released"
    admin.done("provision", site_pools=pools, provision_retirable=f"{site}-worker-2")
    assert sorted(servers(cloud, site)) == [f"{site}-ce-1", f"{site}-controller-1", f"{site}-worker-1"]
    assert admin.done("provision", site_pools=pools).changed == 0

    refused = admin.play("teardown", teardown="demo")
    assert refused.code and f"teardown is demo, must be the name of the site, which is {site}" in refused.words
    would = admin.teardown("--check")
    assert f"servers: {site}-ce-1, {site}-controller-1, {site}-worker-1" in would.words
    assert counts(cloud, site) == NETWORK | {"server": 3, "volume": 2}, "check mode deleted something"
    told = admin.teardown()
    left = belonging(cloud, site)
    assert [(kind, len(ids)) for kind, ids in left.items()] == [("volume", 1)]
    assert f"({left['volume'][0]}); to delete it: -e teardown_volumes={left['volume'][0]}" in told.words
    assert admin.teardown().changed == 0
    refused = admin.play("teardown", teardown=site, teardown_volumes=str(uuid.uuid4()))
    assert refused.code and f"must be ids of volumes of site {site}: {left['volume'][0]}" in refused.words
    told = admin.teardown(teardown_volumes=left["volume"][0])
    assert f"Nothing is left of site {site}" in told.output
    assert belonging(cloud, site) == {}


@pytest.mark.campaign
def test_a_network_that_exists_is_used_and_stays(cloud: t.Any, site: str, admin: Admin) -> None:
    there = {"networks": [{"name": "private", "existing": True}], "security_groups": [{"name": "default", "existing": True}]}
    before = cloud.listing("network", "/networks", "networks", name="private")
    admin.done("provision", site_network=there, site_pools={"worker": {"count": 1}})
    assert counts(cloud, site) == {"server": 1, "keypair": 1}
    assert list(cloud.listing("compute", "/servers/detail", "servers", name=f"{site}-worker-1")[0]["addresses"]) == ["private"]
    admin.teardown()
    assert belonging(cloud, site) == {}
    assert cloud.listing("network", "/networks", "networks", name="private") == before


@pytest.mark.parametrize(
    ("variables", "messages"),
    [
        ({"site_cloud": "nowhere"}, ["cloud is 'nowhere', but clouds.yaml"]),
        ({"site_image": "ciros", "site_flavor": "m1.nan"}, ["there is no image 'ciros' in this cloud; the closest: cirros", "there is no flavor 'm1.nan'"]),
        ({"site_network": {"networks": [{"name": "privat", "existing": True}]}}, ["there is no network 'privat' in this cloud; the closest: private"]),
        ({"site_pools": {"worker": {"count": -1}}}, ["site_pools.worker.count is -1, but must be 0 or more"]),
        ({"site_pools": {"worker": {"count": 1, "networks": ["elsewhere"]}}}, ["that site_network does not have: elsewhere"]),
        ({"site_subnet": "10.77.0.0/40"}, ['site_subnet is "10.77.0.0/40", must be a subnet']),
        ({"site_pool": {}}, ["site_pool is not a site variable; did you mean site_pools?"]),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_made(cloud: t.Any, site: str, admin: Admin, variables: dict[str, t.Any], messages: list[str]) -> None:
    run = admin.play("provision", **variables)
    assert run.code
    for message in messages:
        assert message in run.words
    assert belonging(cloud, site) == {}


def test_an_image_of_two(cloud: t.Any, site: str, admin: Admin) -> None:
    body = {"name": f"{site}-image", "disk_format": "raw", "container_format": "bare"}
    images = [cloud.post("image", "/images", body)["id"] for times in range(2)]
    try:
        run = admin.play("provision", site_image=f"{site}-image")
        assert run.code and f"2 images have the name '{site}-image': give an id instead ({', '.join(sorted(images))})" in run.words
        assert belonging(cloud, site) == {}
    finally:
        for image in images:
            cloud.delete("image", f"/images/{image}")


def test_what_the_user_has_not_set_is_named(cloud: t.Any, site: str, admin: Admin) -> None:
    all_yml = admin.inventory / "group_vars" / "all.yml"
    all_yml.write_text(re.sub(r"^site_(flavor|image):.*\n", "", all_yml.read_text(), flags=re.MULTILINE))
    del admin.variables["site_image"], admin.variables["site_flavor"]
    run = admin.play("provision")
    assert run.code and "not set: site_image, site_flavor" in run.words
    assert belonging(cloud, site) == {}


def test_a_wrong_password(cloud: t.Any, site: str, admin: Admin, wrong_password: pathlib.Path) -> None:
    admin.environment["OS_CLIENT_CONFIG_FILE"] = str(wrong_password)
    for name in ("provision", "teardown"):
        run = admin.play(name, teardown=site)
        assert run.code and "the credentials are refused" in run.words
    assert belonging(cloud, site) == {}


SMALL = {
    "site_pools": {
        "controller": CONTROLLER,
        "ce": {"count": 1, "groups": ["arc_ce"], "bastion": True, "floating_ip": "public"},
    }
}
COMPLETE = NETWORK | {"server": 2, "volume": 2, "floatingip": 1}


def provision_killed(cloud: t.Any, site: str, admin: Admin, when: t.Callable[[float], bool]) -> None:
    killed = admin.play("provision", kill_when=when, **SMALL)
    print(f"provision was killed after {killed.seconds:.1f} s, which left {counts(cloud, site)}")
    admin.done("provision", **SMALL)
    assert counts(cloud, site) == COMPLETE, killed.output
    assert servers(cloud, site) == {f"{site}-controller-1": "ACTIVE", f"{site}-ce-1": "ACTIVE"}
    assert admin.done("provision", **SMALL).changed == 0


def teardown_killed(cloud: t.Any, site: str, admin: Admin, when: t.Callable[[float], bool]) -> None:
    killed = admin.play("teardown", kill_when=when, teardown=site)
    print(f"teardown was killed after {killed.seconds:.1f} s, which left {counts(cloud, site)}")
    admin.teardown()
    left = belonging(cloud, site)
    assert {kind: len(ids) for kind, ids in left.items()} == {"volume": 1}, killed.output
    admin.teardown(teardown_volumes=left["volume"][0])
    assert belonging(cloud, site) == {}


def test_a_run_that_is_killed_is_completed_by_the_next(cloud: t.Any, site: str, admin: Admin) -> None:
    """In the middle: when there is the first server, and when there is none left."""
    provision_killed(cloud, site, admin, lambda seconds: bool(servers(cloud, site)))
    teardown_killed(cloud, site, admin, lambda seconds: not servers(cloud, site))


@pytest.mark.campaign
def test_killed_at_any_moment(cloud: t.Any, site: str, admin: Admin) -> None:
    """Seed and moments are told, so that a failure can be had again: PROVISION_SEED."""
    seed = int(os.environ.get("PROVISION_SEED", random.randrange(10**6)))
    print(f"PROVISION_SEED={seed}")
    dice = random.Random(seed)
    whole = admin.done("provision", **SMALL).seconds, admin.teardown().seconds
    admin.teardown(teardown_volumes=belonging(cloud, site)["volume"][0])
    for round_number in range(MOMENTS):
        moments = dice.uniform(0, whole[0]), dice.uniform(0, whole[1])
        print(f"round {round_number + 1}")
        provision_killed(cloud, site, admin, lambda seconds, end=moments[0]: seconds > end)
        teardown_killed(cloud, site, admin, lambda seconds, end=moments[1]: seconds > end)


@pytest.mark.campaign
def test_an_api_that_fails_now_and_then(cloud: t.Any, site: str, faulty: Proxy, admin: Admin) -> None:
    admin.done("provision", **SMALL)
    assert counts(cloud, site) == COMPLETE
    assert admin.done("provision", **SMALL).changed == 0
    admin.teardown()
    admin.teardown(teardown_volumes=belonging(cloud, site)["volume"][0])
    assert belonging(cloud, site) == {}
    print(faulty.injected())
    assert faulty.injected().total() > 3
