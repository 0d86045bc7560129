# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The module volume against a real Cinder and Nova. Their back ends hold no data: what a guest sees is for test_data_disk.py."""

from __future__ import annotations

import random
import time
import typing as t
import uuid

import pytest
from conftest import as_expected, wait

@pytest.fixture
def volume(run_module: t.Callable[..., dict], cloud_name: str, site: str) -> t.Callable[..., dict]:
    def run(volumes: list[dict] | None, check: bool = False, kill_after: float | None = None, fails: bool = False, **options: t.Any) -> dict:
        args = {"cloud": cloud_name, "site": site, **({} if volumes is None else {"volumes": volumes}), **options}
        return as_expected(run_module("volume", args, check=check, kill_after=kill_after), fails)

    return run


@pytest.fixture
def server(cloud: t.Any, site: str) -> t.Callable[..., str]:
    """Makes a server of the site, and returns its id once it is active."""
    flavor = next(one["id"] for one in cloud.get("compute", "/flavors")["flavors"] if one["name"] == "m1.nano")
    image = next(one["id"] for one in cloud.get("image", "/images")["images"] if one["name"] == "cirros")

    def make(name: str, **metadata: str) -> str:
        body = {"name": f"{site}-{name}", "flavorRef": flavor, "imageRef": image, "networks": "none", "metadata": {"elastigrid_site": site, **metadata}}
        made = cloud.post("compute", "/servers", {"server": body})["server"]["id"]
        wait(f"{name} to be active", lambda: cloud.get("compute", f"/servers/{made}")["server"]["status"] == "ACTIVE")
        return made

    return make


def ours(cloud: t.Any, site: str) -> list[dict]:
    return [one for one in cloud.listing("block-storage", "/volumes/detail", "volumes") if one["metadata"].get("elastigrid_site") == site]


def raw(cloud: t.Any, size: int = 1, **body: t.Any) -> dict:
    """A volume that the module has not made, in its final state."""
    made = cloud.post("block-storage", "/volumes", {"volume": {"size": size, **body}})["volume"]["id"]
    return wait("the volume", lambda: (one := cloud.get("block-storage", f"/volumes/{made}")["volume"])["status"] in ("available", "error") and one)


def gone(cloud: t.Any, volume: str) -> bool:
    return volume not in {one["id"] for one in cloud.listing("block-storage", "/volumes", "volumes")}


def test_created_attached_extended_detached_deleted(volume, server, cloud, site):
    one, two = server("one"), server("two")
    wanted = [
        {"name": "shared", "size": 2, "server": one, "mount": "/srv/shared", "fstype": "xfs"},
        {"name": "scratch", "size": 1, "server": f"{site}-two", "on_teardown": "delete"},
        {"name": "spare", "size": 1},
    ]
    planned = volume(wanted, check=True)
    assert planned["changes"] == [
        "create shared (2 GiB)", f"attach shared to {site}-one", "create scratch (1 GiB)", f"attach scratch to {site}-two", "create spare (1 GiB)",
    ]  # fmt: skip
    assert planned["diff"]["before"] == {}
    assert planned["diff"]["after"]["shared"] == {"size": 2, "server": f"{site}-one", "fstype": "xfs", "mount": "/srv/shared", "on_teardown": "keep",
                                                  "site": site, "volume": "shared"}  # fmt: skip
    assert volume([{"name": "data", "size": 1, "server": "not yet"}], check=True)["changes"] == ["create data (1 GiB)", "attach data to not yet"]
    assert ours(cloud, site) == []

    made = volume(wanted)
    assert made["changes"] == planned["changes"]
    assert made["diff"] == planned["diff"]
    there = {one["metadata"]["elastigrid_volume"]: one for one in ours(cloud, site)}
    assert {name: (one["size"], one["status"]) for name, one in there.items()} == {"shared": (2, "in-use"), "scratch": (1, "in-use"), "spare": (1, "available")}
    assert [one["id"] for one in made["volumes"]] == [there[name]["id"] for name in ("shared", "scratch", "spare")]
    assert [(one["server"], one["server_name"]) for one in made["volumes"]] == [(one, f"{site}-one"), (two, f"{site}-two"), (None, None)]
    assert made["volumes"][0]["serial"] == there["shared"]["id"][:20]

    assert not volume(wanted)["changed"]

    wanted[0].update(size=3, mount="/srv/other")
    del wanted[0]["fstype"]
    changed = volume(wanted)
    assert changed["changes"] == ["change the metadata of shared", "extend shared from 2 to 3 GiB"]
    shared = next(one for one in ours(cloud, site) if one["id"] == there["shared"]["id"])
    assert (shared["size"], shared["status"]) == (3, "in-use")
    assert (shared["metadata"]["elastigrid_mount"], "elastigrid_fstype" in shared["metadata"]) == ("/srv/other", False)

    refused = volume([{"name": "shared", "size": 3, "mount": "/srv/other"}], fails=True)
    assert f"shared ({shared['id']}) is attached to the server {site}-one (ACTIVE), whose guest may have it mounted" in refused["msg"]
    detached = volume([{"name": "shared", "size": 3, "mount": "/srv/other"}], unmounted=[shared["id"]])
    assert detached["changes"] == [f"detach shared from {site}-one"]
    assert [one["name"] for one in detached["surplus"]] == ["scratch", "spare"]

    refused = volume(None, state="absent", fails=True)
    assert "scratch" in refused["msg"] and "whose guest may have it mounted" in refused["msg"]
    planned = volume(None, state="absent", force=True, check=True)
    gone_now = volume(None, state="absent", force=True)
    assert gone_now["changes"] == planned["changes"] == [f"detach scratch from {site}-two", "delete scratch"]
    assert sorted(one["name"] for one in gone_now["kept"]) == ["shared", "spare"]
    assert sorted(one["metadata"]["elastigrid_volume"] for one in ours(cloud, site)) == ["shared", "spare"]

    by_id = volume([{"id": there["spare"]["id"]}, {"name": "shared"}, {"name": "never was"}, {"id": str(uuid.uuid4())}], state="absent")
    assert by_id["changes"] == ["delete spare"]
    assert [one["name"] for one in ours(cloud, site)] == ["shared"]
    assert not volume([{"id": there["spare"]["id"]}], state="absent")["changed"]


def test_a_volume_moves_once_its_guest_has_let_go(volume, server, cloud, site):
    one, two = server("one"), server("two")
    assert volume([{"name": "data", "size": 1, "server": one}])["changed"]
    elsewhere = volume([{"name": "data", "size": 1, "server": two}], fails=True)
    assert f"is attached to the server {site}-one, not to {site}-two" in elsewhere["msg"]
    moved = volume([{"name": "data", "size": 1, "server": two}], unmounted=["data"])
    assert moved["changes"] == [f"detach data from {site}-one", f"attach data to {site}-two"]
    assert moved["volumes"][0]["server"] == two
    cloud.post("compute", f"/servers/{two}/action", {"os-stop": None})
    wait("the server to be off", lambda: cloud.get("compute", f"/servers/{two}")["server"]["status"] == "SHUTOFF")
    # Who is not there holds nothing. But that a volume moves is never guessed.
    assert "is attached to the server" in volume([{"name": "data", "size": 1, "server": one}], fails=True)["msg"]
    assert volume([{"name": "data", "size": 1}])["changes"] == [f"detach data from {site}-two"]


@pytest.mark.campaign
def test_a_volume_that_somebody_made_is_adopted_for_attachment_only(volume, server, cloud, site):
    one = server("one")
    theirs = raw(cloud, 1, name="by hand", metadata={"note": "mine"})
    try:
        attached = volume([{"id": theirs["id"], "server": one}])
        assert attached["changes"] == [f"attach by hand to {site}-one"]
        assert not volume([{"id": theirs["id"], "server": one}])["changed"]
        assert "is not one of this site's, so that it is not extended" in volume([{"id": theirs["id"], "size": 2, "server": one}], fails=True)["msg"]
        assert volume(None, state="absent", force=True)["changes"] == []
        assert volume([{"id": theirs["id"]}], unmounted=[theirs["id"]])["changes"] == [f"detach by hand from {site}-one"]
        now = cloud.get("block-storage", f"/volumes/{theirs['id']}")["volume"]
        assert (now["status"], now["metadata"]) == ("available", {"note": "mine"})
        assert volume([{"id": theirs["id"]}], state="absent")["changes"] == ["delete by hand"]
        assert gone(cloud, theirs["id"])
    finally:
        cloud.delete("block-storage", f"/volumes/{theirs['id']}")


def test_wrong_entries_are_told_and_nothing_is_done(volume, server, cloud, site):
    server("one")
    data = raw(cloud, 2, name="data", volume_type="fake", metadata={"elastigrid_site": site, "elastigrid_volume": "data", "elastigrid_on_teardown": "keep"})
    other = raw(cloud, 1, metadata={"elastigrid_site": f"{site}-b", "elastigrid_volume": "x"})
    try:
        said = volume([
            {"name": "data", "size": 1, "type": "__DEFAULT__"},
            {"name": "new", "size": 1, "type": "fakee", "server": f"{site}-oen"},
            {"id": other["id"]},
            {"id": data["id"][:-4] + "0000"},
        ], fails=True)["msg"]  # fmt: skip
        for part in (
            "Nothing was done: ",
            f"data ({data['id']}) has 2 GiB and cannot shrink to 1 GiB",
            "is of the type fake, not __DEFAULT__",
            "volumes[1].type is 'fakee', but there is no volume type 'fakee' in this cloud; the closest: fake",
            f"volumes[1].server is '{site}-oen', but there is no server '{site}-oen' in this cloud; the closest: {site}-one",
            f"which belongs to the site {site}-b",
            f"but there is no such volume in this cloud; the closest: {data['id']}",
        ):
            assert part in said
        assert len(ours(cloud, site)) == 1
        assert "2 servers have the name" in ambiguous(volume, server, site)
    finally:
        cloud.delete("block-storage", f"/volumes/{other['id']}")
    wrong = [{"name": "a", "size": 0}, {"name": "a", "size": 1}, {"name": "b"}, {"size": 1}, {"name": "c", "size": 1, "mount": "srv"}]
    said = volume(wrong, timeout=0, fails=True)["msg"]
    assert said == (
        "Nothing was done: volumes[0].size is 0, must be at least 1 (GiB); volumes[2].size is missing: how many GiB is b to have?; "
        "volumes[3] has neither name nor id; volumes[4].mount is 'srv', must be an absolute path without . and .. and without a slash at its end; "
        "volumes[0] and volumes[1] have the same name (a); timeout is 0, must be at least 1 second"
    )


def ambiguous(volume: t.Callable[..., dict], server: t.Callable[..., str], site: str) -> str:
    server("one")
    return volume([{"name": "new", "size": 1, "server": f"{site}-one"}], fails=True)["msg"]


@pytest.mark.campaign
def test_a_volume_that_could_not_be_made_is_replaced(volume, cloud, site):
    marks = {"elastigrid_site": site, "elastigrid_volume": "data", "elastigrid_on_teardown": "keep"}
    broken = raw(cloud, 1, metadata={**marks, "fail": "create"})
    assert broken["status"] == "error"
    replaced = volume([{"name": "data", "size": 1}])
    assert replaced["changes"] == ["delete data (error)", "create data (1 GiB)"]
    (now,) = ours(cloud, site)
    assert (now["status"], now["id"] != broken["id"]) == ("available", True)


@pytest.mark.campaign
def test_a_volume_in_error_that_may_have_data_is_left_alone(volume, cloud, site):
    marks = {"elastigrid_site": site, "elastigrid_volume": "data", "elastigrid_on_teardown": "delete"}
    made = raw(cloud, 1, metadata={**marks, "fail": "extend"})
    wanted = [{"name": "data", "size": 2, "on_teardown": "delete"}]
    said = volume(wanted, fails=True)
    assert f"data ({made['id']}): its status is error_extending" in said["msg"]
    assert "its status is error_extending" in volume(wanted, fails=True)["msg"]
    assert volume(None, state="absent")["changes"] == ["delete data (error_extending)"]
    assert ours(cloud, site) == []


@pytest.mark.campaign
def test_what_the_cloud_cannot_make_is_told_and_not_left_over(volume, cloud, site):
    from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

    admin = _openstack.Cloud("admin")
    kind = admin.post("block-storage", "/types", {"volume_type": {"name": f"nowhere-{site}", "extra_specs": {"volume_backend_name": "nowhere"}}})["volume_type"]
    try:
        said = volume([{"name": "good", "size": 1}, {"name": "bad", "size": 1, "type": kind["name"]}], fails=True)
        assert "volumes[1]: bad: the cloud could not make it: schedule allocate volume:" in said["msg"]
        assert [one["metadata"]["elastigrid_volume"] for one in ours(cloud, site)] == ["good"]
    finally:
        wait("the volumes of the type to go", lambda: not [one for one in ours(cloud, site) if one["volume_type"] == kind["name"]])
        admin.delete("block-storage", f"/types/{kind['id']}")


@pytest.mark.campaign
def test_an_attachment_that_fails_is_told(volume, server, site):
    one = server("one", fail="attach")
    said = volume([{"name": "data", "size": 1, "server": one}], fails=True)
    assert "data (" in said["msg"] and ("attach" in said["msg"])


@pytest.mark.campaign
def test_a_volume_that_never_gets_ready_is_not_waited_for_for_ever(volume, server, cloud, site):
    made = volume([{"name": "data", "size": 1}])["volumes"][0]["id"]
    # As Nova leaves it when it dies between two requests of its own.
    reservation = cloud.post("block-storage", "/attachments", {"attachment": {"volume_uuid": made, "instance_uuid": str(uuid.uuid4())}})["attachment"]["id"]
    said = volume([{"name": "data", "size": 1, "server": server("one")}], timeout=2, fails=True)["msg"]
    assert said == f"volumes[0]: data ({made}): waited 2 s, but it is still reserved"
    cloud.delete("block-storage", f"/attachments/{reservation}")


@pytest.mark.campaign
def test_a_volume_of_a_server_that_is_gone_is_detached(volume, cloud, site):
    made = volume([{"name": "data", "size": 1, "on_teardown": "delete"}])["volumes"][0]["id"]
    connector = {"host": "h", "initiator": "i", "ip": "192.0.2.1", "platform": "x", "os_type": "l"}
    gone = {"volume_uuid": made, "instance_uuid": str(uuid.uuid4()), "connector": connector}
    attached = cloud.post("block-storage", "/attachments", {"attachment": gone})["attachment"]["id"]
    cloud.post("block-storage", f"/attachments/{attached}/action", {"os-complete": {}})
    wait("the volume in use", lambda: ours(cloud, site)[0]["status"] == "in-use")
    assert volume(None, state="absent")["changes"] == [f"detach data from {gone['instance_uuid']}", "delete data"]
    assert ours(cloud, site) == []


def test_the_quota_is_told(run_module, site):
    from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

    small = _openstack.Cloud("small")
    try:
        volumes = [{"name": name, "size": 1} for name in ("a", "b", "c")]
        said = run_module("volume", {"cloud": "small", "site": site, "volumes": volumes})
        assert "2 more volumes with 2 more GiB are asked, 1 of 1 volumes and 1 of " in said["msg"]
        assert len(said["volumes"]) == 1
        assert len(ours(small, site)) == 1
    finally:
        for one in ours(small, site):
            small.delete("block-storage", f"/volumes/{one['id']}")


def data(count: int, server: str) -> list[dict[str, t.Any]]:
    return [{"name": f"data{number}", "size": 1, "server": server, "on_teardown": "delete"} for number in range(count)]


def is_right(cloud: t.Any, site: str, count: int) -> bool:
    """Whether there are so many volumes, all attached, and no other."""
    there = ours(cloud, site)
    names = sorted(one["metadata"]["elastigrid_volume"] for one in there)
    return names == [f"data{number}" for number in range(count)] and all(one["status"] == "in-use" for one in there)


def test_requests_do_not_grow_with_the_volumes(volume, server, counted, cloud, site):
    one = server("one")
    assert volume(data(1, one))["changed"]
    for count in (1, 6):
        volume(data(count, one))
        counted.reset()
        assert not volume(data(count, one))["changed"]
        assert counted.calls() == {("block-storage", "GET"): 1, ("compute", "GET"): 1}
    # A type that is given by its id, not by its name.
    kind = next(one["id"] for one in cloud.get("block-storage", "/types")["volume_types"] if one["name"] == "fake")
    counted.reset()
    assert not volume([{**wanted, "type": kind} for wanted in data(6, one)])["changed"]
    assert counted.calls() == {("block-storage", "GET"): 2, ("compute", "GET"): 1}


@pytest.mark.campaign
@pytest.mark.parametrize("fault", ["503", "closed"])
def test_a_request_without_an_answer_has_been_obeyed(volume, server, counted, cloud, site, fault):
    one = server("one")
    creations = [("POST", path) for path in ("/volumes", "/os-volume_attachments", "/action")]
    deletions = [("DELETE", path) for path in ("/os-volume_attachments/[^/]+", "/volumes/[^/]+")]
    for method, pattern in creations + deletions:
        counted.inject(fault, method, pattern)
    wanted = data(2, one)
    assert len(volume(wanted)["changes"]) == 4
    assert is_right(cloud, site, 2)
    assert volume([{**each, "size": 2} for each in wanted])["changes"] == ["extend data0 from 1 to 2 GiB", "extend data1 from 1 to 2 GiB"]
    assert [each["size"] for each in ours(cloud, site)] == [2, 2]
    volume(None, state="absent", force=True)
    assert ours(cloud, site) == []
    assert sum(counted.injected().values()) == 5


def test_killed_anywhere_and_run_again(volume, server, cloud, site):
    one = server("one")
    # Ansible's own start is two seconds of it.
    volume(data(4, one), kill_after=random.uniform(2, 5))
    volume(data(4, one))
    assert is_right(cloud, site, 4)


@pytest.mark.campaign
def test_killed_many_times(volume, server, cloud, site):
    one = server("one")
    # The moments lie within a whole run, however fast the cloud is.
    started = time.monotonic()
    volume(data(6, one))
    creating = time.monotonic() - started
    volume(None, state="absent", force=True)
    deleting = time.monotonic() - started - creating
    killed = 0
    for share in [random.uniform(0.2, 0.9) for ignored in range(10)]:
        killed += volume(data(6, one), kill_after=share * creating) == {"killed": True}
        volume(data(6, one))
        assert is_right(cloud, site, 6)
        assert not volume(data(6, one))["changed"]
        killed += volume(None, state="absent", force=True, kill_after=share * deleting) == {"killed": True}
        volume(None, state="absent", force=True)
        assert ours(cloud, site) == []
    assert killed >= 10


@pytest.mark.campaign
def test_one_of_twenty_requests_fails(volume, server, faulty, cloud, site):
    one = server("one")
    for _round in range(5):
        for wanted in (data(6, one), [{**each, "size": 2} for each in data(6, one)]):
            volume(wanted)
            assert is_right(cloud, site, 6)
        volume(None, state="absent", force=True)
        assert ours(cloud, site) == []
    assert sum(faulty.injected().values()) >= 5
