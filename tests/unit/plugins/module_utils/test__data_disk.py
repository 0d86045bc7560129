# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _data_disk
from ansible_collections.elastigrid.site.plugins.module_utils._data_disk import GiB, KiB, MiB, Facts, Mount, Place

ID = "6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11"
OTHER = "7f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c12"
UUID = "96490131-7c6a-4a68-a465-6679ad3915dc"


def disk(**changes):
    return {
        "id": ID, "device": None, "path": "/srv/data", "fstype": "ext4", "options": [], "name": None, "serial": None, "size": None, "force_format": None,
        **changes,
    }  # fmt: skip


def facts(**changes):
    return Facts(**{"device": "/dev/vdb", "number": "254:16", "size": 10 * GiB, **changes})


EXT4 = {"type": "ext4", "uuid": UUID, "signatures": ("ext4",), "fs_size": 10 * GiB}
HERE = Mount("254:16", "/srv/data", "/dev/vdb", False)


def test_the_names_of_a_volume():
    assert _data_disk.names(ID) == [
        f"/dev/disk/by-id/{name}"
        for name in (
            "virtio-6f3f1c9e-0b6c-4c52-8",
            f"virtio-{ID}",
            "scsi-0QEMU_QEMU_HARDDISK_6f3f1c9e-0b6c-4c52-8",
            f"scsi-0QEMU_QEMU_HARDDISK_{ID}",
            "scsi-SQEMU_QEMU_HARDDISK_6f3f1c9e-0b6c-4c52-8",
            f"scsi-SQEMU_QEMU_HARDDISK_{ID}",
            "wwn-0x6f3f1c9e0b6c4c528b6e2f7f6a0a7c11",
            "nvme-*_6f3f1c9e-0b6c-4c52-8",
        )
    ]
    assert "/dev/disk/by-id/virtio-4711" in _data_disk.names_of(disk(serial="4711"))
    assert _data_disk.names_of(disk(id=None, device="/dev/mapper/x")) == ["/dev/mapper/x"]


@pytest.mark.parametrize(
    ("disks", "errors"),
    [
        ([disk(), disk(id=OTHER, path="/srv/data/more")], []),
        ([disk(id=None, device="/dev/disk/by-id/nvme-ACME_4711-part1"), disk(path="/srv/b", force_format=ID, size=1, options=["noatime", "uid=0"])], []),
        ([disk(id="data")], ["disks[0].id is 'data', must be the id of a volume such as 6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11"]),
        ([disk(id=ID.upper())], [f"disks[0].id is '{ID.upper()}', must be the id of a volume such as 6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11"]),
        *(
            ([disk(id=None, device=device)], [f"disks[0].device is '{device}', must be a name that stays the same, below /dev/disk/by-* or /dev/mapper"])
            for device in ("/dev/vdb", "/dev/disk/by-id/../../vdb", "vdb", "/dev/disk/by-id/virtio-*", "/dev/disk/by-id/a b")
        ),
        ([disk(force_format=OTHER)], [f"disks[0].force_format is '{OTHER}', must be '{ID}', the disk itself, or be left out"]),
        ([disk(force_format="true")], [f"disks[0].force_format is 'true', must be '{ID}', the disk itself, or be left out"]),
        ([disk(fstype="btrfs")], ["disks[0].fstype is 'btrfs', must be ext4 or xfs"]),
        ([disk(size=0)], ["disks[0].size is 0, must be at least 1 (GiB)"]),
        ([disk(options=["noatime,ro"])], ["disks[0].options has 'noatime,ro', must be an option of mount(8) each"]),
        ([disk(options=["a b"])], ["disks[0].options has 'a b', must be an option of mount(8) each"]),
        ([disk(serial="a*")], ["disks[0].serial is 'a*', must be letters, digits, dots, _ and -"]),
        ([disk(), disk(path="/srv/b")], [f"disks[0] and disks[1] have the same id {ID!r}"]),
        ([disk(), disk(id=OTHER)], ["disks[0] and disks[1] have the same path '/srv/data'"]),
    ],
)
def test_input_errors(disks, errors):
    assert _data_disk.input_errors(disks, 60) == errors


def test_a_negative_wait():
    assert _data_disk.input_errors([], -1) == ["wait is -1, must be 0 or more seconds"]


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/srv", ""), ("/srv/a b", ""), ("/var/lib/data", ""), ("/home", ""), ("/usrdata", ""), ("/opt/x", ""),
        ("srv", "must be an absolute path"), ("", "must be an absolute path"), ("/srv/", "must be an absolute path"),
        ("/srv/../etc", "must be an absolute path"),
        ("//srv", "must be an absolute path"), ("/srv/a\nb", "must not have control characters"),
        ("/", "belongs to the system"), ("/etc", "belongs to the system"), ("/usr/local", "belongs to the system"), ("/dev/shm", "belongs to the system"),
        ("/root", "belongs to the system"), ("/boot/efi", "belongs to the system"),
    ],
)  # fmt: skip
def test_paths(path, fault):
    said = _data_disk.path_faults(path)
    assert (fault in said[0] and repr(path) in said[0]) if fault else said == []


def test_mountinfo():
    text = (
        "29 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
        "40 29 254:16 / /srv/a\\040b rw,noatime shared:2 master:1 - xfs /dev/vdb rw,attr2\n"
        "41 29 254:32 /sub /srv/c ro,relatime - ext4 /dev/vdc rw\n"
        "42 29 254:48 / /srv/d rw,relatime - ext4 /dev/vdd ro\n"
    )
    mounts = _data_disk.parse_mountinfo(text)
    assert mounts == [
        Mount("254:1", "/", "/dev/vda1", False), Mount("254:16", "/srv/a b", "/dev/vdb", False), Mount("254:32", "/srv/c", "/dev/vdc", True),
        Mount("254:48", "/srv/d", "/dev/vdd", True),
    ]  # fmt: skip
    over = Mount("0:5", "/srv/c", "tmpfs", False)
    assert _data_disk.at("/srv/c", [*mounts, over]) == over
    assert _data_disk.at("/srv", mounts) is None


def test_sizes_of_file_systems():
    dumpe2fs = "Filesystem volume name:   <none>\nReserved block count:     4096\nBlock count:              81920\nBlock size:               4096\n"
    assert _data_disk.parse_dumpe2fs(dumpe2fs) == 320 * MiB
    assert _data_disk.parse_dumpe2fs("nothing") is None
    xfs_info = (
        "meta-data=/dev/loop0             isize=512    agcount=4, agsize=20480 blks\n         =                       sectsz=512   attr=2\n"
        "data     =                       bsize=4096   blocks=81920, imaxpct=25\nlog      =internal log           bsize=4096   blocks=16384, version=2\n"
    )
    assert _data_disk.parse_xfs_info(xfs_info) == 320 * MiB
    assert _data_disk.parse_xfs_info("nothing") is None


@pytest.mark.parametrize("size", [512, 300 * KiB, 5 * MiB, 10 * GiB, 10 * GiB + 512])
def test_the_ends_of_a_disk_are_read_and_nothing_beyond(size):
    ranges = _data_disk.scan_ranges(size)
    read = {offset for offset, length in ranges} | {offset + length for offset, length in ranges}
    assert min(read) == 0
    assert max(read) == size
    assert all(length > 0 for offset, length in ranges)
    assert ranges[0][1] == min(4 * MiB, size)
    assert ranges[-1][1] == min(MiB, size)
    assert sum(length for offset, length in ranges) <= 10 * MiB


@pytest.mark.parametrize(
    ("one", "found", "mounts", "expected"),
    [
        (disk(), facts(), [], ["format", "mount"]),
        (disk(), facts(**EXT4), [], ["mount"]),
        (disk(), facts(**EXT4, is_claimed=True), [HERE], []),
        (disk(), facts(**{**EXT4, "fs_size": 5 * GiB}, is_claimed=True), [HERE], ["grow"]),
        (disk(), facts(**{**EXT4, "fs_size": 5 * GiB}), [], ["mount", "grow"]),
        (disk(), facts(**{**EXT4, "fs_size": 10 * GiB - MiB}), [], ["mount"]),
        (disk(), facts(**{**EXT4, "fs_size": None}), [], ["mount"]),
        # Force never touches what is as wanted.
        (disk(force_format=ID), facts(**EXT4), [], ["mount"]),
        (disk(force_format=ID), facts(data_at=5), [], ["format", "mount"]),
        (disk(force_format=ID, fstype="xfs"), facts(**EXT4), [], ["format", "mount"]),
        (disk(force_format=ID), facts(partition_table="dos", partitions=("vdb1",), signatures=("dos",)), [], ["format", "mount"]),
        (disk(force_format=ID), facts(is_ambivalent=True, signatures=("xfs", "ext4")), [], ["format", "mount"]),
        (disk(size=10), facts(), [], ["format", "mount"]),
    ],
)
def test_steps(one, found, mounts, expected):
    assert _data_disk.steps(one, found, mounts) == (expected, [])


@pytest.mark.parametrize(
    ("found", "part"),
    [
        (facts(partition_table="dos", signatures=("dos",)), "it has a partition table (dos)"),
        (facts(partition_table="gpt", partitions=("vdb1", "vdb2"), signatures=("gpt", "PMBR")), "it has a partition table (gpt) and the partitions vdb1, vdb2"),
        (facts(partitions=("vdb1",)), "it has a partition table (of unknown kind) and the partitions vdb1"),
        (facts(is_ambivalent=True, signatures=("xfs", "ext4")), "it has signatures of more than one kind (xfs, ext4)"),
        (facts(**EXT4, is_ambivalent=True), "it has signatures of more than one kind (ext4)"),
        (facts(type="xfs", uuid=UUID, signatures=("xfs",)), "it holds xfs"),
        (facts(type="LVM2_member", signatures=("LVM2_member",)), "it holds LVM2_member"),
        (facts(signatures=("zfs_member",)), "it holds zfs_member"),
        (facts(type="crypto_LUKS"), "it holds crypto_LUKS"),
        (facts(data_at=4711), "it has data without a known signature, first at byte 4711"),
        (facts(**{**EXT4, "signatures": ("ext4", "swap")}), "it has signatures of more than one kind (ext4, swap)"),
        (facts(**EXT4, partition_table="dos"), "it has a partition table (dos)"),
    ],
)
def test_what_is_not_blank_is_not_formatted(found, part):
    done, errors = _data_disk.steps(disk(), found, [])
    assert done == []
    assert errors[0].startswith("/dev/vdb is not blank, so that it is not formatted as ext4: ") and part in errors[0]
    assert errors[0].endswith(f"To lose all that, set force_format: {ID}")


@pytest.mark.parametrize(
    ("found", "mounts", "part"),
    [
        (facts(data_at=1), [Mount("254:16", "/mnt", "/dev/vdb", False)], "it is mounted at /mnt"),
        (facts(type="xfs", holders=("dm-0",)), [], "it is part of dm-0"),
        (facts(type="swap", is_swap=True, is_claimed=True), [], "it is swap space"),
        (facts(is_claimed=True), [], "the kernel says that it is in use"),
    ],
)
def test_what_is_in_use_is_not_formatted_even_by_force(found, mounts, part):
    for one in (disk(), disk(force_format=ID)):
        done, errors = _data_disk.steps(one, found, mounts)
        assert done == []
        assert errors[0].startswith("/dev/vdb is not formatted: ") and part in errors[0]


def test_a_disk_that_is_too_small_is_another_disk():
    assert _data_disk.steps(disk(size=11), facts(), [])[1] == [
        "/dev/vdb has 10.0 GiB, but size is 11: it is another disk, or the host has not seen it grow"
    ]


@pytest.mark.parametrize(
    ("found", "place", "mounts", "parents", "errors"),
    [
        (facts(), Place("missing"), [], (), []),
        (facts(), Place("directory"), [], (), []),
        (facts(), Place("directory", ("x",)), [HERE], (), []),
        (None, Place("missing"), [], (), []),
        (facts(), Place("other"), [], (), ["/srv/data is not a directory"]),
        (facts(), Place("directory", ("a", "b")), [], (), ["/srv/data is not empty: a, b would be hidden"]),
        (facts(), Place("directory", ("a",)), [], ("/srv",), []),
        (facts(), Place("directory", ("a",)), [], ("/sr", "/srv/data/x"), ["/srv/data is not empty: a would be hidden"]),
        (facts(), Place("directory"), [HERE._replace(number="254:32", source="/dev/vdc")], (), ["/srv/data has /dev/vdc mounted already"]),
        (None, Place("directory"), [HERE], (), ["/srv/data has /dev/vdb mounted already"]),
        (facts(), Place("directory"), [HERE, HERE._replace(number="0:9", source="tmpfs")], (), ["/srv/data has tmpfs mounted already"]),
        (facts(), Place("directory"), [HERE._replace(is_read_only=True)], (), ["/srv/data is mounted, but read-only: the kernel log may say why"]),
        (facts(), Place("missing"), [HERE._replace(path="/mnt")], (), ["it is mounted at /mnt, not at /srv/data: have it absent there first"]),
        (facts(), Place("missing"), [HERE, HERE._replace(path="/mnt")], (), []),
    ],
)
def test_the_mount_point(found, place, mounts, parents, errors):
    assert _data_disk.errors_at(disk(), found, place, mounts, parents) == errors


def test_a_disk_may_be_wanted_read_only():
    assert _data_disk.errors_at(disk(options=["ro"]), facts(), Place("directory"), [HERE._replace(is_read_only=True)]) == []


LINE = f"UUID={UUID} /srv/data ext4 nofail,x-systemd.device-timeout=60,x-elastigrid.disk={ID} 0 2\n"
THEIRS = "# /etc/fstab\nUUID=1\t/  ext4 errors=remount-ro 0 1\n\n  # more\nserver:/x /srv/data2 nfs defaults\n"


def test_lines_of_fstab():
    assert _data_disk.fstab_line(disk(), UUID) == LINE
    assert _data_disk.fstab_line(disk(path="/srv/a b", fstype="xfs", options=["noatime", "nofail"]), UUID) == (
        f"UUID={UUID} /srv/a\\040b xfs noatime,nofail,x-systemd.device-timeout=60,x-elastigrid.disk={ID} 0 0\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", LINE),
        (THEIRS, THEIRS + LINE),
        (THEIRS.rstrip("\n"), THEIRS + LINE),
        (THEIRS + LINE, THEIRS + LINE),
        (LINE + THEIRS, LINE + THEIRS),
        # Same words, other spaces: it is as wanted.
        (LINE.replace(" ", "\t") + THEIRS, LINE.replace(" ", "\t") + THEIRS),
        # Another file system, or other options.
        (LINE.replace(UUID, "old") + THEIRS, LINE + THEIRS),
        (LINE.replace("nofail", "noatime") + THEIRS, LINE + THEIRS),
        # The same volume at another place, another volume of ours at this one.
        (LINE.replace("/srv/data", "/srv/old") + THEIRS, LINE + THEIRS),
        (LINE.replace(ID, OTHER).replace(UUID, "old") + THEIRS, LINE + THEIRS),
        # By hand, but this very file system.
        (f'UUID="{UUID}" /srv/data/ ext4 defaults 0 2\n{THEIRS}', LINE + THEIRS),
        (LINE + THEIRS + LINE.replace(UUID, "old"), LINE + THEIRS),
    ],
)
def test_our_line_is_put_into_fstab(before, after):
    assert _data_disk.fstab_with(before, disk(), LINE, UUID) == after


@pytest.mark.parametrize("line", ["/dev/vdb /srv/data ext4 defaults 0 2", "UUID=2 /srv/data xfs nofail", "server:/x /srv/data/ nfs defaults 0 0"])
def test_a_line_of_somebody_else_is_in_the_way(line):
    with pytest.raises(_data_disk.Conflict, match="/etc/fstab has a line for /srv/data that is not ours: "):
        _data_disk.fstab_with(f"{THEIRS}{line}\n", disk(), LINE, UUID)
    # But nothing is to be said when the disk goes.
    assert _data_disk.fstab_with(f"{THEIRS}{line}\n", disk(), None, UUID) == f"{THEIRS}{line}\n"


@pytest.mark.parametrize(
    ("before", "uuid", "after"),
    [
        (THEIRS, UUID, THEIRS),
        (THEIRS + LINE, UUID, THEIRS),
        (THEIRS + LINE, None, THEIRS),
        (THEIRS + LINE.replace("/srv/data", "/srv/old"), None, THEIRS),
        (f"UUID={UUID} /srv/data ext4 defaults\n{THEIRS}", UUID, THEIRS),
        (THEIRS + LINE.replace(ID, OTHER).replace(UUID, "old"), UUID, THEIRS + LINE.replace(ID, OTHER).replace(UUID, "old")),
    ],
)
def test_our_line_is_taken_out_of_fstab(before, uuid, after):
    assert _data_disk.fstab_with(before, disk(), None, uuid) == after


def test_whether_fstab_has_our_line():
    assert _data_disk.has_line(THEIRS + LINE, disk())
    assert not _data_disk.has_line(THEIRS + "#" + LINE, disk())
    assert not _data_disk.has_line(THEIRS + LINE, disk(path="/srv/other"))
    assert not _data_disk.has_line(THEIRS + LINE, disk(id=OTHER))


@pytest.mark.parametrize(
    ("found", "is_ours", "users", "mounts", "going", "errors"),
    [
        (facts(), False, [], [], [], []),
        (None, False, [], [], [], []),
        (facts(is_claimed=True), True, [], [HERE], [], []),
        (None, True, [], [HERE], [], []),
        (facts(is_claimed=True), True, ["sleep (pid 7)"], [HERE], [], ["/srv/data is busy: sleep (pid 7) has files open there"]),
        (facts(), True, [], [HERE, Mount("1:1", "/srv/data/x", "x", False)], [], ["/srv/data is busy: /srv/data/x is mounted below it"]),
        (facts(), True, [], [HERE, Mount("1:1", "/srv/data/x", "x", False)], ["/srv/data/x"], []),
        (facts(), True, [], [HERE, HERE._replace(path="/mnt")], [], ["it is mounted at /mnt, too"]),
        (facts(), False, [], [HERE._replace(path="/mnt")], [], ["it is mounted at /mnt, not at /srv/data"]),
        (facts(holders=("dm-0",), is_claimed=True), False, [], [], [], ["it is part of dm-0"]),
        (facts(is_swap=True, is_claimed=True), False, [], [], [], ["it is swap space"]),
        (facts(is_claimed=True), False, [], [], [], ["the kernel says that it is in use, maybe in a container"]),
    ],
)
def test_what_keeps_a_disk(found, is_ours, users, mounts, going, errors):
    assert _data_disk.errors_to_unmount(disk(), found, is_ours, users, mounts, going) == errors
