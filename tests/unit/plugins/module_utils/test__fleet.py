# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.elastigrid.site.plugins.module_utils import _fleet
from ansible_collections.elastigrid.site.plugins.module_utils._fleet import Pool, Slot, Wish

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMkqB8DVzcdjCnzUiGrqJTNcPYxhBcYqg1tlGkPw9Nc"
IMAGES = {"debian-13": "image-new"}
COMPLETE = {"count": 1, "flavor": "m1.small", "image": "debian-13", "networks": ["private"]}


def pool(count: int, **options) -> Pool:
    return Pool(count, "m1.small", "debian-13", ["private"], **options)


def raw(
    name: str, status: str = "ACTIVE", site: str = "demo", image: str = "image-new", flavor: str = "m1.small", launched: bool | None = None, **more
) -> dict:
    """A server as Nova tells it: `worker-1`, with a letter after it if the slot has several."""
    pool_name, number = name.rstrip("abc").rsplit("-", 1)
    launched = status not in ("BUILD", "ERROR") if launched is None else launched
    return {
        "id": f"id-{name}",
        "name": f"demo-{pool_name}-{number}",
        "status": status,
        "created": more.pop("created", "2026-11-20T10:00:00Z"),
        "OS-SRV-USG:launched_at": "2026-11-20T10:01:00.000000" if launched else None,
        "OS-EXT-STS:task_state": None,
        "image": {"id": image} if image else "",
        "flavor": {"original_name": flavor},
        "metadata": {"elastigrid_site": site, "elastigrid_pool": pool_name, "elastigrid_slot": number, **more.pop("metadata", {})},
        "addresses": {"private": [{"addr": "10.0.0.5", "OS-EXT-IPS:type": "fixed"}, {"addr": "172.24.0.5", "OS-EXT-IPS:type": "floating"}]},
        **more,
    }


def planned(pools: dict[str, Pool], *servers: dict, stuck=(), given_up=(), **options) -> _fleet.Plan:
    return _fleet.plan(Wish("demo", pools, **options), _fleet.ours("demo", servers), IMAGES, {}, stuck, given_up)


def told(plan: _fleet.Plan) -> dict[str, list[str]]:
    """What a plan has, by short names."""
    found = {
        **{
            key: [server.id.removeprefix("id-") for server in getattr(plan, key)]
            for key in ("delete", "building", "leaving", "surplus", "outdated", "unhealthy")
        },
        **{key: [f"{slot.pool}-{slot.number}" for slot in getattr(plan, key)] for key in ("create", "missing")},
        "update": [server.removeprefix("id-") for server in plan.update],
    }
    return {key: sorted(values) for key, values in found.items() if values}


def retirable(*names: str) -> dict:
    return {"retirable": frozenset(f"id-{name}" for name in names)}


FORCE = {"force": True}
W = "worker"


@pytest.mark.parametrize(
    ("count", "servers", "options", "expected"),
    [
        (0, [], {}, {}),
        (2, [], {}, {"create": ["worker-1", "worker-2"]}),
        (2, [raw("worker-1"), raw("worker-2")], {}, {}),
        (2, [raw("worker-2")], {}, {"create": ["worker-1"]}),
        (1, [raw("worker-2")], {}, {}),
        (3, [raw("worker-2"), raw("worker-7")], {}, {"create": ["worker-1"]}),
        (2, [raw("worker-1")], {"given_up": {Slot(W, 2)}}, {"missing": ["worker-2"]}),
        # Others' servers, whatever their names.
        (1, [raw("worker-1", site="other"), {**raw("worker-2"), "metadata": {}}], FORCE, {"create": ["worker-1"]}),
        # Not yet ACTIVE.
        (1, [raw("worker-1", "BUILD")], FORCE, {"building": ["worker-1"]}),
        (1, [raw("worker-1", "BUILD")], {"stuck": {"id-worker-1"}}, {"delete": ["worker-1"], "create": ["worker-1"]}),
        (1, [raw("worker-1", "BUILD", launched=True)], {"stuck": {"id-worker-1"}, **FORCE}, {"unhealthy": ["worker-1"]}),
        (1, [raw("worker-1", "ACTIVE")], {"stuck": {"id-worker-1"}}, {}),
        # ERROR.
        (1, [raw("worker-1", "ERROR")], {}, {"delete": ["worker-1"], "create": ["worker-1"]}),
        (1, [raw("worker-1", "ERROR")], {"given_up": {Slot(W, 1)}}, {"delete": ["worker-1"], "missing": ["worker-1"]}),
        (1, [raw("worker-1", "ERROR", launched=True)], {}, {"unhealthy": ["worker-1"]}),
        (1, [raw("worker-1", "ERROR", launched=True)], retirable("worker-1"), {"delete": ["worker-1"], "create": ["worker-1"]}),
        (1, [raw("worker-1", "ERROR", launched=True)], FORCE, {"delete": ["worker-1"], "create": ["worker-1"]}),
        # Other states are the business of whoever caused them.
        (1, [raw("worker-1", "SHUTOFF")], FORCE, {"unhealthy": ["worker-1"]}),
        (1, [raw("worker-1", "PAUSED")], retirable("worker-1"), {"unhealthy": ["worker-1"]}),
        # Being deleted: its slot is free once it is gone.
        (1, [{**raw("worker-1"), "OS-EXT-STS:task_state": "deleting"}], {}, {"leaving": ["worker-1"], "create": ["worker-1"]}),
        (0, [{**raw("worker-1"), "OS-EXT-STS:task_state": "deleting"}], {}, {"leaving": ["worker-1"]}),
        # Too many.
        (1, [raw("worker-1"), raw("worker-2"), raw("worker-3")], {}, {"surplus": ["worker-2", "worker-3"]}),
        (1, [raw("worker-1"), raw("worker-2"), raw("worker-3")], retirable("worker-2"), {"delete": ["worker-2"], "surplus": ["worker-3"]}),
        (2, [raw("worker-1"), raw("worker-2"), raw("worker-3")], retirable("worker-1", "worker-2"), {"delete": ["worker-2"]}),
        (1, [raw("worker-1"), raw("worker-2"), raw("worker-3")], FORCE, {"delete": ["worker-2", "worker-3"]}),
        (1, [raw("worker-1"), raw("worker-2", "ERROR")], {}, {"delete": ["worker-2"]}),
        (1, [raw("worker-1", "ERROR"), raw("worker-2")], {}, {"delete": ["worker-1"]}),
        (1, [raw("worker-1", "SHUTOFF"), raw("worker-2")], {}, {"surplus": ["worker-1"]}),
        (0, [raw("worker-1", "BUILD")], {}, {"surplus": ["worker-1"]}),
        (2, [raw("worker-1"), raw("worker-2")], retirable("worker-1", "worker-2"), {}),
        # A pool that is not wanted any more, and marks that were spoilt.
        (1, [raw("worker-1"), raw("old-1")], {}, {"surplus": ["old-1"]}),
        (1, [raw("worker-1"), raw("old-1")], retirable("old-1"), {"delete": ["old-1"]}),
        (1, [raw("worker-1"), raw("worker-2", metadata={"elastigrid_slot": "two"})], {}, {"surplus": ["worker-2"]}),
        (1, [raw("worker-1"), raw("worker-2", metadata={"elastigrid_slot": "0"})], FORCE, {"delete": ["worker-2"]}),
        # Another image or flavor.
        (1, [raw("worker-1", image="image-old")], {}, {"outdated": ["worker-1"]}),
        (1, [raw("worker-1", image="image-old")], retirable("worker-1"), {"delete": ["worker-1"], "create": ["worker-1"]}),
        (1, [raw("worker-1", flavor="m1.large")], {}, {"outdated": ["worker-1"]}),
        (1, [raw("worker-1", flavor="m1.large")], FORCE, {"delete": ["worker-1"], "create": ["worker-1"]}),
        (1, [raw("worker-1", image="", metadata={"elastigrid_image": "image-old"})], {}, {"outdated": ["worker-1"]}),
        (1, [raw("worker-1", image="")], {}, {}),
        (3, [raw("worker-2", image="image-old"), raw("worker-3"), raw("worker-4")], FORCE, {"delete": ["worker-2"], "create": ["worker-2"]}),
        (1, [raw("worker-1"), raw("worker-2", image="image-old"), raw("worker-3")], retirable("worker-2"), {"delete": ["worker-2"], "surplus": ["worker-3"]}),
        # Twice the same.
        (1, [raw("worker-1a"), raw("worker-1b", "BUILD", created="2026-11-20T10:00:05Z")], {}, {"delete": ["worker-1b"]}),
        (1, [raw("worker-1a", "BUILD"), raw("worker-1b", created="2026-11-20T10:00:05Z")], {}, {"delete": ["worker-1a"]}),
        (1, [raw("worker-1a", "BUILD"), raw("worker-1b", "BUILD", created="2026-11-20T10:00:05Z")], {}, {"delete": ["worker-1b"], "building": ["worker-1a"]}),
        (1, [raw("worker-1a", "ERROR"), raw("worker-1b", "BUILD", created="2026-11-20T10:00:05Z")], {}, {"delete": ["worker-1a"], "building": ["worker-1b"]}),
        (1, [raw("worker-1a"), raw("worker-1b", created="2026-11-20T10:00:05Z")], {}, {"surplus": ["worker-1b"]}),
        (1, [raw("worker-1a"), raw("worker-1b", created="2026-11-20T10:00:05Z")], retirable("worker-1b"), {"delete": ["worker-1b"]}),
        (2, [raw("worker-1a"), raw("worker-1b")], {}, {"surplus": ["worker-1b"], "create": ["worker-2"]}),
        # One name of two servers proves nothing about either, one of one server does.
        (0, [raw("worker-1a"), raw("worker-1b")], {"retirable": frozenset({"demo-worker-1"})}, {"surplus": ["worker-1a", "worker-1b"]}),
        (0, [raw("worker-1")], {"retirable": frozenset({"demo-worker-1"})}, {"delete": ["worker-1"]}),
    ],
)
def test_plan(count, servers, options, expected):
    assert told(planned({W: pool(count)}, *servers, **options)) == expected


@pytest.mark.parametrize(
    ("wanted", "metadata", "expected"),
    [
        (pool(1), {}, None),
        (pool(1), {"color": "red"}, None),
        (pool(1, groups=["a", "b"]), {"elastigrid_groups": "a,b"}, None),
        (pool(1, groups=["a", "b"]), {"color": "red"}, {"color": "red", "elastigrid_groups": "a,b"}),
        (pool(1), {"elastigrid_bastion": "true", "elastigrid_groups": "a"}, {}),
        (pool(1, bastion=True), {}, {"elastigrid_bastion": "true"}),
        (pool(1, metadata={"color": 5}), {"color": "red"}, {"color": "5"}),
        (pool(1), {"elastigrid_image": "image-new"}, None),
    ],
)
def test_metadata_follows_the_pool_and_leaves_what_others_wrote(wanted, metadata, expected):
    marks = {"elastigrid_site": "demo", "elastigrid_pool": W, "elastigrid_slot": "1"}
    plan = planned({W: wanted}, raw("worker-1", metadata=metadata))
    assert plan.update == ({} if expected is None else {"id-worker-1": {**marks, **expected}})


@pytest.mark.parametrize(
    ("status", "launched", "is_updated"), [("ACTIVE", True, True), ("SHUTOFF", True, True), ("ERROR", True, False), ("BUILD", False, False)]
)
def test_metadata_is_changed_where_nova_allows_it(status, launched, is_updated):
    plan = planned({W: pool(1, groups=["a"])}, raw("worker-1", status, launched=launched))
    assert bool(plan.update) is is_updated


statuses = st.sampled_from(["ACTIVE", "BUILD", "ERROR", "SHUTOFF", "VERIFY_RESIZE", "UNKNOWN"])
servers_strategy = st.lists(
    st.builds(
        raw,
        st.builds(
            lambda name, number, letter: f"{name}-{number}{letter}", st.sampled_from(["worker", "data", "old"]), st.integers(0, 6), st.sampled_from("abc")
        ),
        statuses,
        site=st.sampled_from(["demo", "demo", "demo", "demo2"]),
        image=st.sampled_from(["image-new", "image-old", ""]),
        launched=st.booleans(),
    ),
    max_size=14,
    unique_by=lambda server: server["id"],
)
ids_strategy = st.sets(
    st.builds(
        lambda name, number, letter: f"id-{name}-{number}{letter}", st.sampled_from(["worker", "data", "old"]), st.integers(1, 6), st.sampled_from("abc")
    ),
    max_size=8,
)


def test_of_two_in_one_slot_the_busy_one_stays():
    plan = planned({W: pool(1)}, raw("worker-1a", image="image-old"), raw("worker-1b"), retirable=frozenset({"id-worker-1a"}))
    assert [server.id for server in plan.delete] == ["id-worker-1a"]
    assert [server.id for server in plan.members.values()] == ["id-worker-1b"]
    assert not plan.create


@given(servers_strategy, st.integers(0, 5), st.integers(0, 3), ids_strategy, ids_strategy, st.booleans())
def test_no_server_that_may_be_busy_is_ever_deleted_and_the_number_is_right(servers, workers, data, empty, stuck, force):
    pools = {W: pool(workers), "data": pool(data)}
    plan = planned(pools, *servers, retirable=frozenset(empty), stuck=stuck, force=force)
    own = {server["id"]: server for server in servers if server["metadata"]["elastigrid_site"] == "demo"}
    deleted = {server.id for server in plan.delete}
    assert deleted <= own.keys()
    assert len(deleted) == len(plan.delete)
    for server in deleted:
        never_ran = own[server]["OS-SRV-USG:launched_at"] is None and own[server]["status"] != "ACTIVE"
        assert force or server in empty or own[server]["OS-SRV-USG:launched_at"] is None, own[server]
        # What builds, and not for too long, goes only if another server fills its slot.
        if never_ran and own[server]["status"] == "BUILD" and not force and server not in empty | stuck:
            slot = Slot(own[server]["metadata"]["elastigrid_pool"], int(own[server]["metadata"]["elastigrid_slot"]))
            assert slot in plan.members or slot in plan.create or any(other.slot == slot for other in plan.surplus)
    assert not deleted & {server.id for server in plan.members.values()}
    for name, wanted in pools.items():
        members = [slot for slot in plan.members if slot.pool == name]
        created = [slot for slot in plan.create if slot.pool == name]
        assert len(members) + len(created) == wanted.count
        assert not set(members) & set(created) and len(set(created)) == len(created)
        # A slot that somebody holds is not given to another.
        assert not set(created) & {server.slot for server in plan.surplus}
    # Everything of ours has its place.
    placed = deleted | {server.id for server in [*plan.members.values(), *plan.surplus]}
    assert placed == own.keys()


@given(servers_strategy, st.integers(0, 5), ids_strategy, st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_do(servers, workers, empty, force):
    pools = {W: pool(workers)}
    plan = planned(pools, *servers, retirable=frozenset(empty), force=force)
    deleted = {server.id for server in plan.delete}
    after = [{**server, "metadata": plan.update.get(server["id"], server["metadata"])} for server in servers if server["id"] not in deleted]
    after += [{**raw(f"{slot.pool}-{slot.number}"), "id": f"id-new-{slot.number}"} for slot in plan.create]
    again = planned(pools, *after, retirable=frozenset(empty), force=force)
    assert (again.delete, again.create, again.update) == ([], [], {})


def floating(name: str, holder: str = "", site: str = "demo", number: str = "1") -> dict:
    pool_name, slot = name.rsplit("-", 1)
    return {
        "id": f"ip-{name}-{number}",
        "description": f"elastigrid_site={site} elastigrid_pool={pool_name} elastigrid_slot={slot}",
        "port_details": {"device_id": holder} if holder else None,
    }


BASTION = {"bastion": pool(1, floating_ip="public")}


@pytest.mark.parametrize(
    ("pools", "servers", "floating_ips", "expected"),
    [
        (BASTION, [raw("bastion-1")], [], ([], [], ["bastion-1"])),
        (BASTION, [raw("bastion-1")], [floating("bastion-1", "id-bastion-1")], ([], [], [])),
        # One that was replaced keeps its address.
        (BASTION, [raw("bastion-1")], [floating("bastion-1")], ([], ["ip-bastion-1-1"], [])),
        (BASTION, [], [floating("bastion-1")], ([], [], [])),
        (BASTION, [raw("bastion-1", "BUILD")], [floating("bastion-1")], ([], [], [])),
        (BASTION, [raw("bastion-1", "BUILD")], [], ([], [], [])),
        # A request that was obeyed without an answer.
        (BASTION, [raw("bastion-1")], [floating("bastion-1"), floating("bastion-1", "id-bastion-1", number="2")], (["ip-bastion-1-1"], [], [])),
        (BASTION, [raw("bastion-1")], [floating("bastion-1"), floating("bastion-1", number="2")], (["ip-bastion-1-2"], ["ip-bastion-1-1"], [])),
        # Not wanted any more.
        (BASTION, [raw("bastion-1")], [floating("bastion-2"), floating("bastion-1", "id-bastion-1")], (["ip-bastion-2-1"], [], [])),
        ({"bastion": pool(1)}, [raw("bastion-1")], [floating("bastion-1", "id-bastion-1")], (["ip-bastion-1-1"], [], [])),
        ({}, [], [floating("bastion-1")], (["ip-bastion-1-1"], [], [])),
        # But its server may not go.
        ({}, [raw("bastion-1")], [floating("bastion-1", "id-bastion-1")], ([], [], [])),
        # Not ours, or not made here.
        ({}, [], [floating("bastion-1", site="demo2"), {"id": "x", "description": ""}, {"id": "y", "description": "elastigrid_site=demo"}], ([], [], [])),
    ],
)
def test_floating_ips(pools, servers, floating_ips, expected):
    own = _fleet.ours("demo", servers)
    wish = Wish("demo", pools)
    plan = _fleet.floating_plan(wish, _fleet.plan(wish, own, IMAGES, {}), own, floating_ips)
    assert (plan.release, [one for one, server in plan.attach], [f"{slot.pool}-{slot.number}" for slot, server in plan.create]) == expected


@pytest.mark.parametrize(
    ("pools", "error"),
    [
        ({W: {**COMPLETE, "count": 0}}, None),
        ({W: {}}, None),
        ({W: {"count": "3", "flavor": "a", "image": "b", "networks": "private"}}, None),
        ({W: None}, "pools.worker is None, but must be a dictionary with count, flavor, image, networks ..."),
        ({W: {**COMPLETE, "count": -1}}, "pools.worker.count is -1, but must be 0 or more"),
        ({W: {**COMPLETE, "count": "many"}}, "pools.worker: argument 'count' is of type str"),
        ({W: {"count": 1, "flavor": "a", "image": "b"}}, "pools.worker.networks is missing"),
        ({W: {**COMPLETE, "netwoks": ["a"]}}, "pools.worker has no option 'netwoks'; the closest: networks"),
        ({"slurm_worker": COMPLETE}, "pools.slurm_worker: the name becomes part of host names"),
        ({W: {**COMPLETE, "groups": ["slurm worker"]}}, "pools.worker.groups has 'slurm worker', which is no name of an inventory group"),
        ({W: {**COMPLETE, "groups": ["g" * 128, "h" * 127]}}, "pools.worker.groups are 256 characters with their commas, but metadata holds 255"),
        ({W: {**COMPLETE, "metadata": {"k": "v" * 256}}}, "pools.worker.metadata.k has 256 characters, but key and value may have 255 each"),
        ({W: {**COMPLETE, "metadata": {"k": "v" * 255}}}, None),
        ({W: {**COMPLETE, "metadata": {"elastigrid_site": "x"}}}, "pools.worker.metadata.elastigrid_site is one of our own marks"),
        ({W: {**COMPLETE, "user_data": "x" * 49152}}, "pools.worker.user_data is 65536 bytes in base64, but may be 65535"),
        ({W: {**COMPLETE, "boot_volume": -5}}, "pools.worker.boot_volume is -5"),
        ({W: {**COMPLETE, "volumes": [{"name": "a", "size": 0}]}}, "pools.worker.volumes.a.size is 0, but must be 1 GiB or more"),
        (
            {W: {**COMPLETE, "volumes": [{"name": "a", "size": 1}, {"name": "a", "size": 1}]}},
            "pools.worker.volumes has the name 'a': each needs one of its own",
        ),
        ({W: {**COMPLETE, "volumes": [{"name": "a", "size": 1, "fstype": "btrfs"}]}}, "pools.worker: value of fstype must be one of: ext4, xfs, got: btrfs"),
    ],
)
def test_pools_are_checked(pools, error):
    errors = _fleet.pools_of(pools, {}, False, "demo")[1]
    assert not errors if error is None else len(errors) == 1 and errors[0].startswith(error), errors


def test_all_mistakes_are_told_at_once():
    errors = _fleet.pools_of({W: {"count": -1}, "data": {"count": 1}}, {}, False, "demo")[1]
    assert [error.split(" is ")[0] for error in errors] == ["pools.worker.count", "pools.data.flavor", "pools.data.image", "pools.data.networks"]


def test_a_server_name_is_a_host_name():
    pools = {"w" * 32: COMPLETE}
    assert _fleet.pools_of(pools, {}, False, "s" * 28)[1] == []
    assert "a name of 64 characters" in _fleet.pools_of(pools, {}, False, "s" * 29)[1][0]


def test_defaults_are_stated_once():
    defaults = {"flavor": "m1.small", "image": "debian-13", "networks": ["private"], "count": None}
    pools, errors = _fleet.pools_of({W: {"count": 2}, "data": {"count": 1, "flavor": "m1.large", "keypair": "mine"}}, defaults, True, "demo")
    assert not errors
    assert pools[W] == Pool(2, "m1.small", "debian-13", ["private"], keypair="elastigrid-demo")
    assert pools["data"] == Pool(1, "m1.large", "debian-13", ["private"], keypair="mine")


PARAMS = {"site": "demo", "public_key": None, "build_timeout": 900, "delete_timeout": 300, "concurrency": 10}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({}, None),
        ({"public_key": KEY}, None),
        ({"public_key": f"{KEY} me@here\n"}, None),
        ({"site": "de mo"}, "site is 'de mo', must be at most 41 letters"),
        ({"public_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret"}, "public_key is not one line"),
        ({"concurrency": 0}, "concurrency is 0, but must be 1 or more"),
        ({"build_timeout": -1}, "build_timeout is -1, but must be 1 or more"),
    ],
)
def test_other_options_are_checked(changed, error):
    errors = _fleet.errors({**PARAMS, **changed})
    assert not errors if error is None else len(errors) == 1 and errors[0].startswith(error), errors
    assert "secret" not in "".join(errors)


def test_what_pools_name_is_looked_up_once_and_told_with_all_its_options():
    pools = {W: pool(2, security_groups=["ssh"]), "data": pool(1, security_groups=["ssh", "nfs"]), "none": Pool(0, image="gone")}
    named = _fleet.named(pools)
    assert named["image"] == {"debian-13": "pools.worker.image, pools.data.image"}
    assert named["security group"] == {"ssh": "pools.worker.security_groups, pools.data.security_groups", "nfs": "pools.data.security_groups"}
    assert named["key pair"] == {}


def test_the_shape_of_a_server():
    server = _fleet.shape(raw("worker-3", "ERROR", fault={"message": "No valid host was found."}))
    assert (server.slot, server.has_run, server.fault, server.created) == (Slot(W, 3), False, "No valid host was found.", 1795168800.0)
    assert server.addresses == {"private": ["10.0.0.5"]}
    # A cloud that does not say when it was launched does not say that it never was.
    without = raw("worker-3", "ERROR")
    del without["OS-SRV-USG:launched_at"]
    assert _fleet.shape(without).has_run


IDS = {("image", "debian-13"): "i", ("flavor", "m1.small"): "f", ("network", "private"): "n", ("security group", "ssh"): "s"}


def test_the_request_carries_the_marks():
    body = _fleet.server_request("demo", Slot(W, 2), pool(3, groups=["slurm_worker"], user_data="#!"), IDS, "group")
    assert body == {
        "server": {
            "name": "demo-worker-2",
            "imageRef": "i",
            "flavorRef": "f",
            "networks": [{"uuid": "n"}],
            "metadata": {"elastigrid_site": "demo", "elastigrid_pool": W, "elastigrid_slot": "2", "elastigrid_groups": "slurm_worker"},
            "tags": ["elastigrid_site=demo"],
            "user_data": "IyE=",
        },
        "OS-SCH-HNT:scheduler_hints": {"group": "group"},
    }


def test_the_request_of_a_server_that_boots_from_a_volume():
    wanted = pool(1, boot_volume=20, security_groups=["ssh"], keypair="k", config_drive=True, availability_zone="nova")
    server = _fleet.server_request("demo", Slot(W, 1), wanted, IDS, None)["server"]
    assert "imageRef" not in server
    assert server["metadata"]["elastigrid_image"] == "i"
    assert server["block_device_mapping_v2"] == [
        {"source_type": "image", "uuid": "i", "destination_type": "volume", "volume_size": 20, "boot_index": 0, "delete_on_termination": True}
    ]
    assert (server["security_groups"], server["key_name"], server["config_drive"], server["availability_zone"]) == ([{"name": "s"}], "k", True, "nova")


def test_volumes_are_those_of_the_servers_that_stay():
    wish = Wish("demo", {W: pool(2, volumes=[{"name": "data", "size": 5, "on_teardown": "keep"}])})
    server = _fleet.shape(raw("worker-1"))
    assert _fleet.volumes(wish, {Slot(W, 1): server, Slot(W, 2): None}) == [
        {"name": "demo-worker-1-data", "size": 5, "on_teardown": "keep", "server": "id-worker-1"},
        {"name": "demo-worker-2-data", "size": 5, "on_teardown": "keep", "server": "demo-worker-2"},
    ]


LIMITS = {"totalInstancesUsed": 2, "maxTotalInstances": 2, "totalCoresUsed": 1, "maxTotalCores": 8, "totalRAMUsed": 0, "maxTotalRAMSize": -1}


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({"instances": 0, "cores": 0, "ram": 0}, []),
        ({"instances": 1, "cores": 7, "ram": 9999}, ["instances: 1 more asked for, 2 used, limit 2"]),
        ({"instances": 3, "cores": 8, "ram": 1}, ["instances: 3 more asked for, 2 used, limit 2", "cores: 8 more asked for, 1 used, limit 8"]),
    ],
)
def test_quota_sentences(needs, expected):
    assert _fleet.quota_sentences(needs, LIMITS) == expected


def test_a_quota_that_the_cloud_does_not_tell_is_no_reason():
    assert _fleet.quota_sentences({"instances": 5, "cores": 5, "ram": 5}, {}) == []


def hashed(name: str) -> str:
    digest = hmac.new(b"salt", name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(b'salt').decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("entry", "stays"),
    [
        (f"one {KEY}\n", False),
        (f"one,10.0.0.1 {KEY}\n", False),
        (f"@revoked one {KEY}\n", False),
        (f"{hashed('one')} {KEY}\n", False),
        (f"{hashed('two')} {KEY}\n", True),
        (f"two {KEY}\n", True),
        (f"one2 {KEY}\n", True),
        ("# one\n", True),
        ("\n", True),
        (f"|1|broken {KEY}\n", True),
        (f"|1|a|b {KEY}\n", True),
    ],
)
def test_host_keys_of_deleted_servers(entry, stays):
    text = f"zero {KEY}\n{entry}last {KEY}"
    assert _fleet.without_hosts(text, {"one", "other"}) == (text if stays else f"zero {KEY}\nlast {KEY}")


@pytest.mark.parametrize(("one", "other", "expected"), [(KEY, f"{KEY} me", True), (f"{KEY} a\n", f"{KEY} b", True), (KEY, KEY + "x", False)])
def test_comments_of_keys_do_not_matter(one, other, expected):
    assert _fleet.same_key(one, other) is expected
