# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which device a volume is on a host, whether it may be formatted, and what its line in fstab says. Pure; private to this collection."""

from __future__ import annotations


def serial(volume_id: str) -> str:
    """What a guest sees as the serial of the disk: virtio-blk and NVMe have room for 20 characters."""
    return volume_id[:20]


def names(volume_id: str) -> list[str]:
    """All names below /dev/disk/by-id that udev gives to the disk of a volume, as patterns of glob(7).

    In this order: virtio-blk, virtio-scsi and emulated SCSI (each with the serial that the hypervisor cut off, or left whole), WWN, NVMe.
    """
    short = serial(volume_id)
    found = [f"{kind}{text}" for kind in ("virtio-", "scsi-0QEMU_QEMU_HARDDISK_", "scsi-SQEMU_QEMU_HARDDISK_") for text in (short, volume_id)]
    found += [f"wwn-0x{volume_id.replace('-', '')}", f"nvme-*_{short}"]
    return [f"/dev/disk/by-id/{name}" for name in found]
