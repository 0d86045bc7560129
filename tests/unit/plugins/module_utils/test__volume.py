# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _volume

SITE = "grid"
MARKS = {"elastigrid_site": SITE, "elastigrid_volume": "data", "elastigrid_on_teardown": "keep"}
SERVERS = {"s1": "grid-nfs-1", "s2": "grid-nfs-2"}


def volume(status="available", size=10, server=None, id="v1", **changes):
    attachments = [{"server_id": server, "attachment_id": "a1", "volume_id": id}] if server else []
    return {
        "id": id, "name": "data", "status": "in-use" if server and status == "available" else status, "size": size, "attachments": attachments,
        "metadata": MARKS, "volume_type": "fake", "multiattach": False,
        "created_at": "2026-11-20T10:00:00.000000", "updated_at": "2026-11-20T10:00:05.000000", **changes,
    }  # fmt: skip


def wanted(**changes):
    return _volume.Wanted(**{"option": "volumes[0]", "name": "data", "size": 10, "marks": MARKS, **changes})


def entry(**changes):
    return {"name": "data", "id": None, "size": 10, "type": None, "server": None, "mount": None, "fstype": None, "on_teardown": "keep", **changes}


OLD = {"updated_at": "2026-11-20T11:00:00.000000"}


@pytest.mark.parametrize(
    ("wish", "found", "expected"),
    [
        (wanted(), None, ["create"]),
        (wanted(server="s1"), None, ["create", "attach"]),
        (wanted(), volume(), []),
        (wanted(server="s1"), volume(server="s1"), []),
        (wanted(server="s1"), volume(), ["attach"]),
        (wanted(), volume(server="s1"), ["detach"]),
        (wanted(server="s2"), volume(server="s1"), ["detach", "attach"]),
        (wanted(size=11, server="s1"), volume(server="s1"), ["extend"]),
        (wanted(size=11, server="s1", marks={**MARKS, "elastigrid_mount": "/srv"}), volume(), ["mark", "extend", "attach"]),
        (wanted(size=None), volume(), []),
        (wanted(marks=None), volume(metadata={"note": "mine"}), []),
        (wanted(), volume(metadata={**MARKS, "note": "mine"}), []),
        (wanted(server="s1"), volume("error"), ["delete", "create", "attach"]),
        (wanted(server="s1"), volume("error", **OLD), ["attach"]),
        (wanted(marks=None), volume("error"), []),
        # The user meant just this one.
        (wanted(id="v1"), volume("error"), []),
        (wanted(absent=True), None, []),
        (wanted(absent=True), volume(), ["delete"]),
        (wanted(absent=True), volume(server="s1"), ["detach", "delete"]),
    ],
)
def test_changes(wish, found, expected):
    assert _volume.changes(wish, found) == expected


@pytest.mark.parametrize(
    ("wish", "found", "asked", "expected"),
    [
        (wanted(), None, (), "create"),
        (wanted(), None, ["create"], "wait"),
        (wanted(), None, ["delete", "create"], "wait"),
        (wanted(), volume("creating"), ["create"], "wait"),
        (wanted(), volume(), ["create"], None),
        (wanted(), volume("error"), ["create"], "delete"),
        (wanted(), volume("error"), ["delete", "create"], "delete"),
        (wanted(server="s1"), volume(), ["create"], "attach"),
        (wanted(server="s1"), volume("reserved"), ["attach"], "wait"),
        (wanted(server="s1"), volume("attaching"), (), "wait"),
        (wanted(size=11), volume("extending"), ["extend"], "wait"),
        (wanted(), volume("deleting"), (), "wait"),
        (wanted(), volume("backing-up"), (), None),
        (wanted(size=11), volume("backing-up"), (), "wait"),
        (wanted(), volume("error"), (), "delete"),
        (wanted(), None, ["delete"], "create"),
        (wanted(absent=True), volume("error_extending"), (), "delete"),
        (wanted(absent=True), volume("backing-up"), (), "wait"),
        (wanted(absent=True), volume("deleting"), ["delete"], "wait"),
        (wanted(absent=True), None, ["delete"], None),
        (wanted(absent=True), volume(server="s1"), (), "detach"),
    ],
)
def test_the_next_step(wish, found, asked, expected):
    assert _volume.step(wish, found, asked) == expected


@pytest.mark.parametrize(
    ("wish", "found", "asked", "message"),
    [
        (wanted(), None, ["create", "delete"], "could not make the volume"),
        (wanted(server="s1"), volume(), ["create", "attach"], "available again: the hypervisor could not"),
        (wanted(), volume(server="s1"), ["detach"], "still attached: its guest may not let it go"),
        (wanted(size=11), volume(), ["extend"], "its size has not changed"),
        (wanted(absent=True), volume(), ["delete"], "still there with the status available"),
        (wanted(), volume("error", **OLD), (), "its status is error, in which it can neither be used nor changed"),
        (wanted(), volume("error_extending"), (), "its status is error_extending"),
        (wanted(marks=None), volume("error"), (), "its status is error,"),
        (wanted(absent=True), volume("error_deleting"), (), "in which it cannot be deleted"),
        (wanted(absent=True), volume("error", server="s1"), (), "its status is error,"),
    ],
)
def test_no_step_is_asked_twice_and_errors_are_not_waited_for(wish, found, asked, message):
    with pytest.raises(_volume.Trouble, match=message):
        _volume.step(wish, found, asked)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (volume("error"), True),
        (volume("error", updated_at=None), True),
        (volume("error", updated_at="2026-11-20T10:10:00.000000"), False),
        (volume("error", server="s1"), False),
        (volume(), False),
        (volume("error_extending"), False),
    ],
)
def test_only_what_never_was_a_volume_is_replaced(found, expected):
    assert _volume.is_stillborn(found) is expected


def test_all_of_a_site_are_to_go_also_those_of_one_name():
    volumes = [volume(id="v2"), volume(id="v1"), volume(id="v3", metadata={**MARKS, "elastigrid_volume": "a"}), volume(id="v4", metadata={})]
    assert [(one.option, one.name, one.id, one.absent, there["id"]) for one, there in _volume.all_of(SITE, volumes)] == [
        ("grid[0]", "a", "v3", True, "v3"), ("grid[1]", "data", "v2", True, "v2"), ("grid[2]", "data", "v1", True, "v1"),
    ]  # fmt: skip


def test_the_volume_of_a_name_is_the_one_in_use_then_the_sound_one_then_the_older():
    used, sound, younger = volume(server="s1", id="v9"), volume(id="v3"), volume(id="v2", created_at="2026-11-21T10:00:00.000000")
    broken = volume("error", id="v1", created_at="2026-11-01T10:00:00.000000")
    others = [volume(metadata={**MARKS, "elastigrid_site": "other"}), volume(metadata={}), volume(metadata={**MARKS, "elastigrid_volume": "x"})]
    assert _volume.find(SITE, "data", [*others, broken, younger, sound, used]) is used
    assert _volume.find(SITE, "data", [*others, broken, younger, sound]) is sound
    assert _volume.find(SITE, "data", [*others, broken, younger]) is younger
    assert _volume.find(SITE, "data", others) is None


@pytest.mark.parametrize(
    ("entries", "absent", "errors"),
    [
        ([entry(), entry(name="other"), entry(name=None, id="v1", size=None)], False, []),
        ([entry(size=None)], False, ["volumes[0].size is missing: how many GiB is data to have?"]),
        ([entry(size=None)], True, []),
        ([entry(size=0)], False, ["volumes[0].size is 0, must be at least 1 (GiB)"]),
        ([entry(size=-5)], False, ["volumes[0].size is -5, must be at least 1 (GiB)"]),
        ([entry(name=None)], False, ["volumes[0] has neither name nor id"]),
        ([entry(name="x" * 256)], False, ["volumes[0].name has 256 characters, must be at most 255"]),
        ([entry(mount="srv")], False, ["volumes[0].mount is 'srv', must be an absolute path without . and .. and without a slash at its end"]),
        ([entry(fstype="btrfs")], False, ["volumes[0].fstype is 'btrfs', must be ext4 or xfs"]),
        ([entry(), entry()], False, ["volumes[0] and volumes[1] have the same name (data)"]),
        ([entry(id="v1"), entry(name="b", id="v1")], True, ["volumes[0] and volumes[1] have the same id (v1)"]),
        ([entry(server="s", mount="/a"), entry(name="b", server="s", mount="/a")], False, ["volumes[0] and volumes[1] have the same server and mount (s, /a)"]),
        ([entry(server="s", mount="/a"), entry(name="b", server="t", mount="/a")], False, []),
    ],
)
def test_input_errors(entries, absent, errors):
    assert _volume.input_errors(SITE, entries, absent) == errors


@pytest.mark.parametrize("site", ["", "a b", "-a", "x" * 42, "a/b"])
def test_names_of_sites(site):
    assert _volume.input_errors(site, [], False) == [f"site is {site!r}, must be at most 41 letters, digits, dots, _ and -, beginning with a letter or digit"]


def test_entries_are_resolved():
    theirs = volume(id="v2", name="by hand", metadata={})
    servers = [{"id": key, "name": name} for key, name in SERVERS.items()]
    entries = [entry(server="grid-nfs-2", mount="/srv", fstype="xfs"), entry(name=None, id="v2", size=None, server="s1"), entry(name="new")]
    found, errors = _volume.resolve(SITE, entries, False, [volume(), theirs], servers)
    assert errors == []
    assert [(one.name, one.id, one.server, one.marks, one.option) for one, there in found] == [
        ("data", None, "s2", {**MARKS, "elastigrid_mount": "/srv", "elastigrid_fstype": "xfs"}, "volumes[0]"),
        ("by hand", "v2", "s1", None, "volumes[1]"),
        ("new", None, None, {**MARKS, "elastigrid_volume": "new"}, "volumes[2]"),
    ]
    assert [there and there["id"] for one, there in found] == ["v1", "v2", None]


def test_a_server_may_be_coming():
    servers = [{"id": "s1", "name": "a"}, {"id": "s2", "name": "twice"}, {"id": "s3", "name": "twice"}]
    entries = [entry(server="a"), entry(name="b", server="new"), entry(name="c", server="twice")]
    found, errors = _volume.resolve(SITE, entries, False, [], servers, coming=True)
    assert [one.server for one, there in found] == ["s1", "new", None]
    assert errors == ["volumes[2].server is 'twice', but 2 servers have the name 'twice': give an id instead (s2, s3)"]


@pytest.mark.parametrize(
    ("one", "absent", "errors"),
    [
        (entry(id="v9"), False, ["volumes[0].id is v9, but there is no such volume in this cloud; the closest: v2, v1"]),
        (entry(id="v9"), True, []),
        (entry(id="v2"), False, ["volumes[0].id is v2, which belongs to the site other"]),
        (entry(id="v2"), True, ["volumes[0].id is v2, which belongs to the site other"]),
        (entry(id="v1", name="x"), False, ["volumes[0].id is v1, the volume data, but volumes[0].name is x"]),
        (
            entry(server="grid-nfs"),
            False,
            ["volumes[0].server is 'grid-nfs', but there is no server 'grid-nfs' in this cloud; the closest: grid-nfs-2, grid-nfs-1"],
        ),
    ],
)
def test_entries_that_mean_nothing(one, absent, errors):
    volumes = [volume(), volume(id="v2", metadata={**MARKS, "elastigrid_site": "other"})]
    found, said = _volume.resolve(SITE, [one], absent, volumes, [{"id": key, "name": name} for key, name in SERVERS.items()])
    assert said == errors


@pytest.mark.parametrize(
    ("wish", "found", "released", "parts"),
    [
        (wanted(), volume(), False, []),
        (wanted(type="fake"), volume(), False, []),
        (wanted(size=9), volume(), False, ["has 10 GiB and cannot shrink to 9 GiB"]),
        (wanted(type="fast"), volume(), False, ["is of the type fake, not fast"]),
        (wanted(type="fast", size=9), volume("error"), False, []),
        (wanted(marks=None, size=11), volume(), False, ["it is not one of this site's, so that it is not extended"]),
        (wanted(server="s1"), volume(server="s2"), False, ["is attached to the server grid-nfs-2, not to grid-nfs-1"]),
        (wanted(server="s1"), volume(server="s2"), True, []),
        (wanted(), volume(multiattach=True), False, ["is a multi-attach volume"]),
        (wanted(), volume(attachments=[{"server_id": "s1"}, {"server_id": "s2"}]), False, ["is a multi-attach volume"]),
        (wanted(absent=True, size=1), volume(), False, []),
    ],
)
def test_conflicts(wish, found, released, parts):
    said = _volume.conflicts(wish, found, SERVERS, released)
    assert len(said) == len(parts)
    assert all(part in text and text.startswith("volumes[0]: data (v1) ") for part, text in zip(parts, said))


@pytest.mark.parametrize(("status", "refused"), [("ACTIVE", True), ("ERROR", True), ("PAUSED", True), ("REBOOT", True), ("SHUTOFF", False), (None, False)])
def test_who_is_not_there_holds_no_volume(status, refused):
    assert bool(_volume.refusal(wanted(), volume(server="s1"), "grid-nfs-1", status)) is refused


@pytest.mark.parametrize(
    ("unmounted", "force", "expected"), [([], False, False), (["v1"], False, True), (["data"], False, True), (["v2"], False, False), ([], True, True)]
)
def test_the_word_of_the_user_that_a_guest_has_let_go(unmounted, force, expected):
    assert _volume.may_detach(wanted(), volume(server="s1"), unmounted, force) is expected


@pytest.mark.parametrize(
    ("found", "ids", "expected"),
    [
        (volume(), [], False),
        (volume(), ["v1"], True),
        (volume(metadata={**MARKS, "elastigrid_on_teardown": "delete"}), [], True),
        (volume(metadata={"elastigrid_site": SITE}), [], False),
        (volume("error"), [], True),
        (volume("error", **OLD), [], False),
    ],
)
def test_what_may_be_deleted(found, ids, expected):
    assert _volume.may_delete(found, ids) is expected


def test_the_quota_in_numbers():
    limits = {"totalVolumesUsed": 3, "maxTotalVolumes": 4, "totalGigabytesUsed": 30, "maxTotalVolumeGigabytes": 35}
    refused = [wanted(size=15), wanted(option="volumes[1]", name="new", size=20)]
    assert _volume.over_quota(refused, {"volumes[0]": volume(), "volumes[1]": None}, limits) == (
        "the quota of the project does not allow data, new: 1 more volumes with 25 more GiB are asked, 3 of 4 volumes and 30 of 35 GiB are used"
    )


def test_the_words_for_changes():
    found = volume(server="s1")
    wish = wanted(size=20, server="s2")
    assert [_volume.describe(change, wish, found, SERVERS) for change in ("mark", "extend", "detach", "attach", "delete", "create")] == [
        "change the metadata of data", "extend data from 10 to 20 GiB", "detach data from grid-nfs-1", "attach data to grid-nfs-2", "delete data",
        "create data (20 GiB)",
    ]  # fmt: skip


def test_the_state_before_and_after():
    wish = wanted(size=20, server="s2", marks={**MARKS, "elastigrid_mount": "/srv"})
    assert _volume.state_of(None, SERVERS) == {}
    assert _volume.state_of(volume(server="s1"), SERVERS) == {"size": 10, "server": "grid-nfs-1", "on_teardown": "keep", "site": SITE, "volume": "data"}
    assert _volume.state_after(wish, volume(server="s1"), SERVERS) == {
        "size": 20, "server": "grid-nfs-2", "mount": "/srv", "on_teardown": "keep", "site": SITE, "volume": "data"
    }  # fmt: skip
    assert _volume.state_after(wanted(absent=True), volume(), SERVERS) == {}
