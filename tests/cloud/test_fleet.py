# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The module fleet against a real Nova, Neutron and Glance. No guest runs in these servers."""

from __future__ import annotations

import os
import random
import re
import typing as t

import pytest
from conftest import as_expected, belonging, clean, wait

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMkqB8DVzcdjCnzUiGrqJTNcPYxhBcYqg1tlGkPw9Nc"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJT5wBKYRzDe9ZSCzkcFJ4rxnGNLR7OSD2IxbdqCEOGs"
DEFAULTS = {"image": "cirros", "flavor": "m1.nano", "networks": ["private"]}
BASTION = {"count": 1, "bastion": True, "floating_ip": "public"}

Fleet = t.Callable[..., dict]


@pytest.fixture
def fleet(run_module: t.Callable[..., dict], cloud_name: str, site: str, tmp_path) -> Fleet:
    def run(pools: dict | None = None, check: bool = False, kill_after: float | None = None, fails: bool = False, **options: t.Any) -> dict:
        args = {"cloud": cloud_name, "site": site, "known_hosts": str(tmp_path / "known_hosts"), "defaults": DEFAULTS, **options}
        args |= {"state": "absent"} if pools is None else {"pools": pools}
        return as_expected(run_module("fleet", args, check=check, kill_after=kill_after), fails)

    return run


@pytest.fixture
def raw(cloud: t.Any, site: str) -> t.Iterator[t.Callable[..., str]]:
    """Makes a server past the module, and returns its id once it has the status. Gone afterwards, whatever its marks."""
    flavors = {one["name"]: one["id"] for one in cloud.get("compute", "/flavors")["flavors"]}
    image = next(one["id"] for one in cloud.get("image", "/images")["images"] if one["name"] == "cirros")
    network = next(one["id"] for one in cloud.get("network", "/networks")["networks"] if one["name"] == "private")
    made = []

    def make(pool: str, slot: int, status: str = "ACTIVE", flavor: str = "m1.nano", **metadata: str) -> str:
        marks = {"elastigrid_site": site, "elastigrid_pool": pool, "elastigrid_slot": str(slot)}
        body = {"name": f"{site}-{pool}-{slot}", "flavorRef": flavors[flavor], "imageRef": image, "networks": [{"uuid": network}]}
        metadata = {key: value for key, value in {**marks, **metadata}.items() if value}
        made.append(cloud.post("compute", "/servers", {"server": {**body, "metadata": metadata}})["server"]["id"])
        wait(f"{made[-1]} to be {status}", lambda: cloud.get("compute", f"/servers/{made[-1]}")["server"]["status"] == status, 180)
        return made[-1]

    yield make
    for server in made:
        cloud.delete("compute", f"/servers/{server}")


def reset(server: str, state: str) -> None:
    """As an administrator does."""
    from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

    _openstack.Cloud("admin").request("POST", "compute", f"/servers/{server}/action", json={"os-resetState": {"state": state}})


def servers_of(cloud: t.Any, site: str) -> list[dict]:
    return [one for one in cloud.listing("compute", "/servers/detail", "servers") if one["metadata"].get("elastigrid_site") == site]


def check_state(cloud: t.Any, site: str, **counts: int) -> None:
    """So many ACTIVE servers in each pool, no two of one slot, and nothing beside that is not theirs."""
    servers = servers_of(cloud, site)
    slots = [(one["metadata"]["elastigrid_pool"], int(one["metadata"]["elastigrid_slot"])) for one in servers]
    assert sorted(slots) == sorted((pool, number) for pool, count in counts.items() for number in range(1, count + 1))
    assert {one["status"] for one in servers} <= {"ACTIVE"}
    assert [one["name"] for one in servers] == [f"{site}-{pool}-{number}" for pool, number in slots]
    found = belonging(cloud, site)
    assert set(found) <= {"server", "floatingip", "keypair", "server-group"}
    # Nova makes and removes the ports of a server; ours alone have addresses in use.
    for floating_ip in found.get("floatingip", []):
        device = cloud.get("network", f"/floatingips/{floating_ip}")["floatingip"]["port_details"]["device_id"]
        assert device in found["server"]
    assert len(found.get("floatingip", [])) == counts.get("bastion", 0)
    existing = {one["id"] for one in cloud.listing("compute", "/servers", "servers")}
    orphans = [port["id"] for port in cloud.listing("network", "/ports", "ports") if port["device_owner"].startswith("compute:") and port["device_id"] not in existing]
    assert not orphans


def names(site: str, *short: str) -> list[str]:
    return [f"{site}-{name}" for name in short]


def test_a_fleet_is_made_kept_grown_shrunk_and_removed(fleet: Fleet, cloud, site, raw, tmp_path):
    pools = {"bastion": BASTION, "worker": {"count": 2, "groups": ["slurm_worker"], "anti_affinity": True, "volumes": [{"name": "data", "size": 3, "mount": "/srv"}]}}
    # Their names say nothing: one has no mark, one that of another site.
    foreign = [raw("worker", 2, elastigrid_site=""), raw("worker", 7, elastigrid_site=f"{site}2")]

    planned = fleet(pools, check=True, public_key=KEY)
    assert planned["created"] == names(site, "bastion-1", "worker-1", "worker-2")
    assert belonging(cloud, site) == {}
    made = fleet(pools, public_key=KEY)
    assert (made["created"], made["deleted"], made["replaced"], made["missing"]) == (planned["created"], [], [], [])
    check_state(cloud, site, bastion=1, worker=2)
    assert set(belonging(cloud, site)) == {"server", "floatingip", "keypair", "server-group"}
    expected = planned["diff"]["after"].replace("(new)", made["servers"][0]["floating_ip"])
    assert made["diff"]["after"] == expected
    by_name = {one["name"]: one for one in servers_of(cloud, site)}
    first = by_name[f"{site}-worker-1"]
    assert first["metadata"]["elastigrid_groups"] == "slurm_worker"
    assert first["key_name"] == f"elastigrid-{site}"
    assert by_name[f"{site}-bastion-1"]["metadata"]["elastigrid_bastion"] == "true"
    told = next(one for one in made["servers"] if one["id"] == first["id"])
    assert told["address"] == first["addresses"]["private"][0]["addr"]
    assert made["volumes"][0] == {
        "name": f"{site}-worker-1-data", "size": 3, "type": None, "server": first["id"], "mount": "/srv", "fstype": None, "on_teardown": "keep",
    }  # fmt: skip
    group = cloud.get("compute", "/os-server-groups")["server_groups"]
    assert [set(one["members"]) for one in group if one["name"] == f"elastigrid-{site}/worker"] == [
        {by_name[f"{site}-worker-1"]["id"], by_name[f"{site}-worker-2"]["id"]}
    ]

    for check in (True, False):
        again = fleet(pools, check=check, public_key=KEY)
        assert not again["changed"]
        assert max(again["requests"].values()) <= 2, again["requests"]

    # Groups and the key change where they are; nothing is made anew.
    pools["worker"]["groups"] = ["slurm_worker", "nfs_client"]
    changed = fleet(pools, public_key=OTHER_KEY)
    assert changed["updated"] == sorted(one["id"] for name, one in by_name.items() if "worker" in name)
    assert cloud.get("compute", f"/os-keypairs/elastigrid-{site}")["keypair"]["public_key"].strip() == OTHER_KEY
    assert {one["metadata"].get("elastigrid_groups") for one in servers_of(cloud, site)} == {"slurm_worker,nfs_client", None}
    assert {one["id"] for one in servers_of(cloud, site)} == {one["id"] for one in by_name.values()}

    pools["worker"]["count"] = 3
    assert fleet(pools, public_key=OTHER_KEY)["created"] == names(site, "worker-3")
    check_state(cloud, site, bastion=1, worker=3)

    pools["worker"]["count"] = 2
    kept = fleet(pools, public_key=OTHER_KEY)
    assert not kept["changed"]
    assert [one["name"] for one in kept["surplus"]] == names(site, "worker-3")
    third = kept["surplus"][0]["id"]
    (tmp_path / "known_hosts").write_text(f"{first['id']} {KEY}\n{third} {KEY}\n")
    assert fleet(pools, public_key=OTHER_KEY, retirable=[third])["deleted"] == names(site, "worker-3")
    check_state(cloud, site, bastion=1, worker=2)
    assert (tmp_path / "known_hosts").read_text() == f"{first['id']} {KEY}\n"

    # Another image: told, replaced where the batch system lets go; the bastion keeps its address.
    address = made["servers"][0]["floating_ip"]
    newer = {"defaults": {**DEFAULTS, "image": "debian-13"}, "public_key": OTHER_KEY}
    told = fleet(pools, **newer)
    assert not told["changed"]
    assert [one["name"] for one in told["outdated"]] == names(site, "bastion-1", "worker-1", "worker-2")
    replaced = fleet(pools, retirable=names(site, "bastion-1", "worker-2"), **newer)
    assert replaced["replaced"] == names(site, "bastion-1", "worker-2")
    assert [one["name"] for one in replaced["outdated"]] == names(site, "worker-1")
    assert replaced["servers"][0]["floating_ip"] == address
    check_state(cloud, site, bastion=1, worker=2)

    refused = fleet(fails=True)
    assert re.search(r"3 servers may be busy, and are deleted only if", refused["msg"])
    check_state(cloud, site, bastion=1, worker=2)
    gone = fleet(force=True)
    assert gone["deleted"] == names(site, "bastion-1", "worker-1", "worker-2")
    assert belonging(cloud, site) == {}
    assert not fleet(force=True)["changed"]
    assert {cloud.get("compute", f"/servers/{server}")["server"]["status"] for server in foreign} == {"ACTIVE"}


def test_a_server_that_never_was_active_is_replaced_and_one_that_was_is_told(fleet: Fleet, cloud, site, raw):
    raw("worker", 1, "ERROR", fail="spawn")
    raw("worker", 2, "BUILD", delay="20")
    made = fleet({"worker": {"count": 2}}, build_timeout=4)
    assert made["replaced"] == names(site, "worker-1", "worker-2")
    check_state(cloud, site, worker=2)

    first = made["servers"][0]["id"]
    reset(first, "error")
    told = fleet({"worker": {"count": 2}})
    assert not told["changed"]
    assert [one["id"] for one in told["unhealthy"]] == [first]
    assert fleet({"worker": {"count": 2}}, retirable=[first])["replaced"] == names(site, "worker-1")
    check_state(cloud, site, worker=2)


@pytest.mark.campaign
def test_what_the_cloud_cannot_make_is_told_and_removed(fleet: Fleet, cloud, site):
    pools = {"good": {"count": 1}, "broken": {"count": 2, "metadata": {"fail": "spawn"}}, "huge": {"count": 1, "flavor": "m1.huge"}}
    result = fleet(pools, fails=True)
    assert "pool broken: 2 of 2 servers could not be made" in result["msg"]
    assert "injected failure: spawn" in result["msg"]
    assert re.search(r"pool huge: 1 of 1 servers could not be made \(\S+\): No valid host was found", result["msg"])
    assert result["missing"] == names(site, "broken-1", "broken-2", "huge-1")
    assert (result["created"], result["changed"]) == (names(site, "good-1"), True)
    check_state(cloud, site, good=1)


def test_a_quota_lets_stand_what_fits(fleet: Fleet, site):
    from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

    small = _openstack.Cloud("small")
    limits = small.get("compute", "/limits")["limits"]["absolute"]
    assert (limits["maxTotalInstances"], limits["totalInstancesUsed"]) == (2, 0), "somebody else uses the cloud `small`"
    try:
        # One after the other: this Nova does not look again after two requests at a time have passed its check.
        result = fleet({"worker": {"count": 3, "floating_ip": "public"}}, cloud="small", concurrency=1, fails=True)
        assert "pool worker: 1 of 3 servers could not be made" in result["msg"]
        assert "instances: 1 more asked for, 2 used, limit 2" in result["msg"]
        assert re.search(r"gets no floating IP: .*\(floating IPs: 1 more asked for, 1 used, limit 1\)", result["msg"])
        assert len(result["created"]) == 2
        assert {one["status"] for one in servers_of(small, site)} == {"ACTIVE"}
        fleet(cloud="small", force=True)
        assert belonging(small, site) == {}
    finally:
        clean(small, site)


def test_mistakes_are_told_at_once_and_nothing_is_made(fleet: Fleet, cloud, site):
    worker = {"count": 1, "image": "debian13", "flavor": "m1.smal", "networks": ["privat"], "keypair": "none", "availability_zone": "nowhere"}
    worker |= {"security_groups": ["defaul"], "floating_ip": "private"}
    result = fleet({"good": {"count": 1}, "worker": worker}, fails=True)
    for sentence in (
        "pools.worker.image is 'debian13', but there is no image 'debian13' in this cloud; the closest: debian-13",
        "pools.worker.flavor is 'm1.smal', but there is no flavor 'm1.smal' in this cloud; the closest: m1.small",
        "pools.worker.networks is 'privat', but there is no network 'privat' in this cloud; the closest: private",
        "pools.worker.keypair is 'none', but there is no key pair 'none' in this cloud",
        "pools.worker.availability_zone is 'nowhere', but there is no availability zone 'nowhere' in this cloud",
        "pools.worker.security_groups is 'defaul', but there is no security group 'defaul' in this cloud; the closest: default",
        "pools.worker.floating_ip is 'private', but there is no external network 'private' in this cloud; there are: public",
    ):
        assert sentence in result["msg"]
    assert belonging(cloud, site) == {}
    assert "count is -1" in fleet({"worker": {"count": -1}}, fails=True)["msg"]


@pytest.mark.campaign
def test_a_server_made_twice_becomes_one_again(fleet: Fleet, cloud, site, raw, counted):
    older = raw("worker", 1)
    raw("worker", 1, "BUILD", delay="6")
    assert fleet({"worker": {"count": 1}})["servers"][0]["id"] == older
    check_state(cloud, site, worker=1)
    # Obeyed, but the answer was lost.
    counted.inject("503", "POST", "/servers", "after")
    counted.inject("closed", "POST", "/floatingips", "after")
    assert fleet({"worker": {"count": 1}, "bastion": BASTION})["created"] == names(site, "bastion-1")
    assert len(counted.injected()) == 2
    check_state(cloud, site, worker=1, bastion=1)


@pytest.mark.campaign
def test_a_server_that_boots_from_a_volume_takes_it_along(fleet: Fleet, cloud, site):
    pools = {"worker": {"count": 1, "boot_volume": 1}}
    made = fleet(pools)["servers"][0]
    attached = cloud.get("compute", f"/servers/{made['id']}")["server"]["os-extended-volumes:volumes_attached"]
    assert len(attached) == 1
    assert not fleet(pools)["changed"]
    assert [one["name"] for one in fleet(pools, defaults={**DEFAULTS, "image": "debian-13"})["outdated"]] == names(site, "worker-1")
    fleet(force=True)
    wait("the volume to go", lambda: attached[0]["id"] not in {one["id"] for one in cloud.listing("block-storage", "/volumes", "volumes")})


@pytest.mark.campaign
def test_a_server_that_does_not_go_is_told_and_tried_again(fleet: Fleet, cloud, site, raw):
    server = raw("worker", 1, fail="delete")
    try:
        result = fleet(force=True, delete_timeout=6, fails=True)
    finally:
        # Nova changes no metadata of a server in ERROR.
        reset(server, "active")
        cloud.delete("compute", f"/servers/{server}/metadata/fail")
    assert f"server {site}-worker-1 ({server}) is still there 6 s after it was to be deleted" in result["msg"]
    assert not result["deleted"]
    assert fleet(force=True)["deleted"] == names(site, "worker-1")


POOLS = {"bastion": BASTION, "worker": {"count": 3, "anti_affinity": True}}


def survive(fleet: Fleet, cloud: t.Any, site: str, moments: t.Iterable[float]) -> None:
    """Killed while it is made and killed while it is removed, then run again."""
    for moment in moments:
        fleet(POOLS, kill_after=moment, public_key=KEY)
        fleet(POOLS, public_key=KEY)
        check_state(cloud, site, bastion=1, worker=3)
        fleet(kill_after=moment * 0.7, force=True)
        fleet(force=True)
        assert belonging(cloud, site) == {}, f"killed after {moment} s"
        check_state(cloud, site)


def test_killed_and_run_again(fleet: Fleet, cloud, site):
    fleet(POOLS, kill_after=random.uniform(2.5, 6), public_key=KEY)
    fleet(POOLS, public_key=KEY)
    check_state(cloud, site, bastion=1, worker=3)


@pytest.mark.campaign
def test_killed_at_many_moments(fleet: Fleet, cloud, site):
    dice = random.Random(os.environ.get("FAULT_SEED", "1"))
    survive(fleet, cloud, site, [dice.uniform(1.5, 10) for number in range(int(os.environ.get("KILLS", "20")))])


@pytest.mark.campaign
def test_with_a_cloud_that_fails_now_and_then(fleet: Fleet, cloud, site, faulty):
    faulty.share = 0.15
    fleet(POOLS, public_key=KEY, api_timeout=3)
    faulty.share = 0
    assert faulty.injected()
    check_state(cloud, site, bastion=1, worker=3)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10))
def test_with_a_cloud_that_fails_often(fleet: Fleet, cloud, site, faulty, monkeypatch, seed):
    faulty._dice.seed(seed)
    pools = {"bastion": BASTION, "worker": {"count": 8}}
    fleet(pools, public_key=KEY, api_timeout=3)
    check_state(cloud, site, bastion=1, worker=8)
    fleet(force=True, api_timeout=3)
    assert belonging(cloud, site) == {}
    assert faulty.injected()
