# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which device a volume is on a host, whether it may be formatted, and what its line in fstab says. Pure; private to this collection."""

from __future__ import annotations

import os
import re
import typing as t

Disk = dict[str, t.Any]

KiB, MiB, GiB = 2**10, 2**20, 2**30
# Less than that is not worth a change: the last group of an ext4 that is too small for its tables stays unused for ever.
SLACK = 16 * MiB
SYSTEM_TREES = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FSTYPES = ("ext4", "xfs")
# An option for nobody but us, by which our lines in fstab are known; mount(8) lets x-* through.
MARK = "x-elastigrid.disk="


class Mount(t.NamedTuple):
    """A line of /proc/self/mountinfo."""

    number: str
    """Major and minor number of the device."""
    path: str
    source: str
    is_read_only: bool


class Facts(t.NamedTuple):
    """What a host says about a disk and about the place where it is to be mounted."""

    device: str
    number: str
    size: int
    type: str | None = None
    """The file system, or what else there is, in blkid's words."""
    uuid: str | None = None
    partition_table: str | None = None
    is_ambivalent: bool = False
    signatures: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    is_swap: bool = False
    is_claimed: bool = False
    """Whether the kernel refuses to give it to somebody alone: it is mounted somewhere (be it in a container), or part of something."""
    data_at: int | None = None
    """Where the first byte is that is not zero, as far as was looked. Where there is a signature, nobody looks."""
    fs_size: int | None = None


class Place(t.NamedTuple):
    """What there is at a mount point."""

    kind: str
    """missing, directory or other."""
    content: tuple[str, ...] = ()


def serial(volume_id: str) -> str:
    """What a guest sees as the serial of the disk: virtio-blk and NVMe have room for 20 characters."""
    return volume_id[:20]


def names(volume_id: str, own: str | None = None) -> list[str]:
    """All names below /dev/disk/by-id that udev gives to the disk of a volume, as patterns of glob(7).

    `own` is the serial where it is another one. In this order: virtio-blk; virtio-scsi and emulated SCSI (each with the serial that the
    hypervisor cut off, or left whole); WWN; NVMe.
    """
    short = own or serial(volume_id)
    found = [f"{kind}{text}" for kind in ("virtio-", "scsi-0QEMU_QEMU_HARDDISK_", "scsi-SQEMU_QEMU_HARDDISK_") for text in (short, volume_id)]
    found += [f"wwn-0x{volume_id.replace('-', '')}", f"nvme-*_{short}"]
    return [f"/dev/disk/by-id/{name}" for name in found]


def names_of(disk: Disk) -> list[str]:
    """The patterns by which a disk is looked for."""
    return names(disk["id"], disk["serial"]) if disk["id"] else [disk["device"]]


def called(disk: Disk) -> str:
    """How messages call a disk."""
    which = disk["id"] or disk["device"]
    return f"{disk['name']} ({which})" if disk["name"] else which


def input_errors(disks: list[Disk], wait: int) -> list[str]:
    """What is wrong with the options, whatever the host has."""
    errors = [] if wait >= 0 else [f"wait is {wait}, must be 0 or more seconds"]
    for i, disk in enumerate(disks):
        where = f"disks[{i}]"
        if disk["id"] is not None and not ID.fullmatch(disk["id"]):
            errors.append(f"{where}.id is {disk['id']!r}, must be the id of a volume such as 6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11")
        device = disk["device"]
        if device is not None and not re.fullmatch(r"/dev/(disk/by-[a-z]+|mapper)/[^/\s,*?[]+", device):
            errors.append(f"{where}.device is {device!r}, must be a name that stays the same, below /dev/disk/by-* or /dev/mapper")
        if disk["fstype"] not in FSTYPES:
            errors.append(f"{where}.fstype is {disk['fstype']!r}, must be {' or '.join(FSTYPES)}")
        errors += [f"{where}.path {fault}" for fault in path_faults(disk["path"])]
        if disk["force_format"] is not None and disk["force_format"] != (disk["id"] or device):
            errors.append(f"{where}.force_format is {disk['force_format']!r}, must be {disk['id'] or device!r}, the disk itself, or be left out")
        if disk["size"] is not None and disk["size"] < 1:
            errors.append(f"{where}.size is {disk['size']}, must be at least 1 (GiB)")
        errors += [f"{where}.options has {option!r}, must be an option of mount(8) each" for option in disk["options"] if not re.fullmatch(r"[^\s,]+", option)]
        if disk["serial"] is not None and not re.fullmatch(r"[\w.-]+", disk["serial"]):
            errors.append(f"{where}.serial is {disk['serial']!r}, must be letters, digits, dots, _ and -")
    for key in ("id", "device", "path"):
        places: dict[str, list[str]] = {}
        for i, disk in enumerate(disks):
            if disk[key]:
                places.setdefault(disk[key], []).append(f"disks[{i}]")
        errors += [f"{' and '.join(where)} have the same {key} {value!r}" for value, where in places.items() if len(where) > 1]
    return errors


def path_faults(path: str) -> list[str]:
    if not path.startswith("/") or os.path.normpath(path) != path or path.startswith("//"):
        return [f"is {path!r}, must be an absolute path without . and .. and without a slash at its end"]
    if re.search(r"[\x00-\x1f\x7f]", path):
        return [f"is {path!r}, must not have control characters"]
    if path == "/" or any(path == tree or path.startswith(tree + "/") for tree in SYSTEM_TREES):
        return [f"is {path!r}, which belongs to the system: no data disk is mounted on / or in {', '.join(SYSTEM_TREES)}"]
    return []


# --- What the tools say -------------------------------------------------------------------------------------------------


def parse_blkid(text: str) -> dict[str, str]:
    """The output of `blkid -p -o export`."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def unescape(text: str) -> str:
    r"""Fields of fstab and mountinfo have \040 for a space."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def escape(text: str) -> str:
    return re.sub(r"[\s\\#]", lambda found: f"\\{ord(found[0]):03o}", text)


def parse_mountinfo(text: str) -> list[Mount]:
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        rest = fields[fields.index("-") + 1 :]
        options = {*fields[5].split(","), *rest[2].split(",")}
        mounts.append(Mount(fields[2], unescape(fields[4]), unescape(rest[1]), "ro" in options))
    return mounts


def at(path: str, mounts: list[Mount]) -> Mount | None:
    """What is mounted at a path: the last one covers the others."""
    return next((mount for mount in reversed(mounts) if mount.path == path), None)


def parse_dumpe2fs(text: str) -> int | None:
    """The size in bytes of an ext4, from `dumpe2fs -h`."""
    found = dict(re.findall(r"^(Block count|Block size):\s+(\d+)$", text, re.MULTILINE))
    return int(found["Block count"]) * int(found["Block size"]) if len(found) == 2 else None


def parse_xfs_info(text: str) -> int | None:
    """The size in bytes of an XFS, from `xfs_info`."""
    found = re.search(r"^data\s+=\s+bsize=(\d+)\s+blocks=(\d+)", text, re.MULTILINE)
    return int(found[1]) * int(found[2]) if found else None


def scan_ranges(size: int) -> list[tuple[int, int]]:
    """Offset and length of what is read to see whether a disk is blank: the first 4 MiB, the last MiB, and 64 KiB at 64 places between.

    A partition begins after the first MiB as a rule, so that its file system is found also when the table was wiped.
    """
    ranges = [(0, 4 * MiB)] + [(size * i // 65 // KiB * KiB, 64 * KiB) for i in range(1, 65)] + [(size - MiB, MiB)]
    return [(max(0, offset), min(length, size - max(0, offset))) for offset, length in ranges]


# --- What is to be done -------------------------------------------------------------------------------------------------


def has_file_system(fstype: str, facts: Facts) -> bool:
    """Whether there is just the file system that is wanted, and nothing else."""
    return facts.type == fstype and not facts.is_ambivalent and not facts.partition_table and not facts.partitions and set(facts.signatures) == {fstype}


def in_use(facts: Facts, mounts: list[Mount]) -> list[str]:
    """Who uses a disk. Not even force changes one that is in use."""
    found = [f"it is mounted at {mount.path}" for mount in mounts if mount.number == facts.number]
    found += [f"it is part of {', '.join(facts.holders)}"] if facts.holders else []
    found += ["it is swap space"] if facts.is_swap else []
    return found or (["the kernel says that it is in use, maybe in a container"] if facts.is_claimed else [])


def content(facts: Facts) -> list[str]:
    """What there is on a disk; nothing if it is blank."""
    found = []
    if facts.partition_table or facts.partitions:
        partitions = f" and the partitions {', '.join(facts.partitions)}" if facts.partitions else ""
        found.append(f"it has a partition table ({facts.partition_table or 'of unknown kind'}){partitions}")
    if facts.is_ambivalent or len(set(facts.signatures)) > 1:
        found.append(f"it has signatures of more than one kind ({', '.join(dict.fromkeys(facts.signatures))})")
    elif facts.type or facts.signatures:
        found.append(f"it holds {facts.type or facts.signatures[0]}")
    if facts.data_at is not None:
        found.append(f"it has data without a known signature, first at byte {facts.data_at}")
    return found


def errors_at(disk: Disk, facts: Facts | None, place: Place, mounts: list[Mount], parents: t.Collection[str] = ()) -> list[str]:
    """What forbids to mount a disk where it is wanted. `parents` are mount points that are yet to come."""
    path = disk["path"]
    there = at(path, mounts)
    if there:
        if facts is None or there.number != facts.number:
            return [f"{path} has {there.source} mounted already"]
        if there.is_read_only and "ro" not in disk["options"]:
            return [f"{path} is mounted, but read-only: the kernel log may say why"]
        return []
    elsewhere = [mount.path for mount in mounts if facts and mount.number == facts.number]
    if elsewhere:
        return [f"it is mounted at {', '.join(elsewhere)}, not at {path}: have it absent there first"]
    if any(path.startswith(parent + "/") for parent in parents):
        return []  # what is there now will be covered
    if place.kind == "other":
        return [f"{path} is not a directory"]
    if place.content:
        return [f"{path} is not empty: {', '.join(place.content)} would be hidden"]
    return []


def steps(disk: Disk, facts: Facts, mounts: list[Mount]) -> tuple[list[str], list[str]]:
    """What is to be done to a disk, of format, mount and grow, and what forbids it."""
    if disk["size"] and facts.size < disk["size"] * GiB:
        return [], [f"{facts.device} has {facts.size / GiB:.1f} GiB, but size is {disk['size']}: it is another disk, or the host has not seen it grow"]
    mount = [] if at(disk["path"], mounts) else ["mount"]
    if has_file_system(disk["fstype"], facts):
        grow = facts.fs_size is not None and facts.size - facts.fs_size >= SLACK
        return mount + (["grow"] if grow else []), []
    found, users = content(facts), in_use(facts, mounts)
    if users:
        return [], [f"{facts.device} is not formatted: {'; '.join(users + found)}"]
    if found and not disk["force_format"]:
        which = disk["id"] or disk["device"]
        refusal = f"{facts.device} is not blank, so that it is not formatted as {disk['fstype']}: {'; '.join(found)}"
        return [], [f"{refusal}. To lose all that, set force_format: {which}"]
    return ["format", *mount], []


def mount_options(disk: Disk) -> list[str]:
    """A disk that is missing must not keep the host from booting; and one that is there gets a minute to appear."""
    fixed = ["nofail", "x-systemd.device-timeout=60"]
    return [option for option in disk["options"] if option not in fixed] + fixed + [MARK + escape(disk["id"] or disk["device"])]


def fstab_line(disk: Disk, uuid: str) -> str:
    """ext4 is checked at boot, xfs repairs itself when it is mounted."""
    fields = [f"UUID={uuid}", escape(disk["path"]), disk["fstype"], ",".join(mount_options(disk)), "0", "2" if disk["fstype"] == "ext4" else "0"]
    return " ".join(fields) + "\n"


class Conflict(Exception):
    """Somebody else's line in fstab is in the way."""


def fstab_with(text: str, disk: Disk, line: str | None, uuid: str | None) -> str:
    """fstab with our line for a disk, or without it. All other lines stay byte for byte.

    Ours is a line that has our mark, or that mounts this very file system there.
    """
    kept: list[str] = []
    place: int | None = None
    for old in text.splitlines(keepends=True):
        fields = old.split()
        if len(fields) < 4 or fields[0].startswith("#"):
            kept.append(old)
            continue
        marks = [option for option in fields[3].split(",") if option.startswith(MARK)]
        is_here = os.path.normpath(unescape(fields[1])) == disk["path"]
        is_ours = MARK + escape(disk["id"] or disk["device"]) in marks
        is_same = is_here and uuid is not None and fields[0].replace('"', "") == f"UUID={uuid}"
        if is_here and not (is_ours or is_same or marks and line):
            if line:
                raise Conflict(f"/etc/fstab has a line for {disk['path']} that is not ours: {old.strip()}")
            kept.append(old)
        elif is_here or is_ours:
            if place is None:
                place = len(kept)
                if line and fields == line.split():
                    kept.append(old)
                elif line:
                    kept.append(line)
        else:
            kept.append(old)
    if line and place is None:
        if kept and not kept[-1].endswith("\n"):
            kept[-1] += "\n"
        kept.append(line)
    return "".join(kept)


def has_line(text: str, disk: Disk) -> bool:
    """Whether fstab has our line for a disk at its mount point."""
    fields = [line.split() for line in text.splitlines() if not line.lstrip().startswith("#")]
    mark = MARK + escape(disk["id"] or disk["device"])
    return any(len(one) > 3 and mark in one[3].split(",") and unescape(one[1]) == disk["path"] for one in fields)


def errors_to_unmount(disk: Disk, facts: Facts | None, is_ours: bool, users: list[str], mounts: list[Mount], going: t.Collection[str]) -> list[str]:
    """What keeps a disk from being let go. `users` are processes, `going` the mount points that are unmounted in the same task."""
    path = disk["path"]
    errors = []
    if is_ours:
        below = sorted({mount.path for mount in mounts if mount.path.startswith(path + "/")} - set(going))
        errors += [f"{path} is busy: {', '.join(below)} is mounted below it"] if below else []
        errors += [f"{path} is busy: {', '.join(users)} has files open there"] if users else []
    if facts:
        elsewhere = [mount.path for mount in mounts if mount.number == facts.number and not (is_ours and mount.path == path)]
        if elsewhere:
            errors.append(f"it is mounted at {', '.join(dict.fromkeys(elsewhere))}, {'too' if is_ours else f'not at {path}'}")
        errors += [f"it is part of {', '.join(facts.holders)}"] if facts.holders else []
        errors += ["it is swap space"] if facts.is_swap else []
        if facts.is_claimed and not errors and not is_ours:
            errors.append("the kernel says that it is in use, maybe in a container")
    return errors
