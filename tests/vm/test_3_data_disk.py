# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A volume as a hypervisor plugs it in: virtio-blk with the first 20 characters of its id as the serial, named by a real udev."""

from __future__ import annotations

import json
import os
import pathlib
import re
import socket
import subprocess
import time

import pytest

GUEST = pathlib.Path(__file__).resolve().parents[2] / ".sandbox" / "vm" / "vm2.grid.test"
VOLUME = "6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11"
GiB = 2**30


def qmp(*commands: dict) -> None:
    """Orders to the guest's qemu; https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html"""
    with socket.socket(socket.AF_UNIX) as connection:
        directory = os.open(GUEST, os.O_RDONLY)
        # The path of a socket may have 107 characters at most.
        connection.connect(f"/proc/self/fd/{directory}/qmp")
        os.close(directory)
        stream = connection.makefile("rw")
        stream.readline()
        for command in ({"execute": "qmp_capabilities"}, *commands):
            stream.write(json.dumps(command) + "\n")
            stream.flush()
            while "event" in (answer := json.loads(stream.readline())):
                pass
            assert "return" in answer, (command, answer)


@pytest.fixture(scope="module")
def disk():
    """A file that may become the guest's disk."""
    path = GUEST / "volume.raw"
    with open(path, "w") as file:
        file.truncate(GiB)
    qmp({"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "volume", "file": {"driver": "file", "filename": str(path)}}})
    return {"id": VOLUME, "path": "/srv/data", "fstype": "ext4"}


def changed(result: subprocess.CompletedProcess) -> bool:
    assert result.returncode == 0, result.stdout
    return re.search(r"changed=(\d+)", result.stdout)[1] != "0"


def test_a_disk_that_is_plugged_in_is_found_formatted_and_mounted(disk, play, on):
    arguments = ("tests/vm/data_disk.yml", "-e", json.dumps({"disks": [disk]}))
    qmp({"execute": "device_add", "arguments": {"driver": "virtio-blk-pci", "id": "volume", "drive": "volume", "serial": VOLUME[:20]}})
    assert changed(play(*arguments))
    assert on("vm2", f"findmnt -no SOURCE,FSTYPE /srv/data; readlink -f /dev/disk/by-id/virtio-{VOLUME[:20]}").split() == ["/dev/vdb", "ext4", "/dev/vdb"]
    assert not changed(play(*arguments))


def test_it_is_mounted_as_it_will_be_at_boot(on):
    on("vm2", "echo data >/srv/data/file && umount /srv/data && systemctl restart local-fs.target && systemctl start srv-data.mount")
    assert on("vm2", "cat /srv/data/file && findmnt --verify | tail -1").split("\n") == ["data", "Success, no errors or warnings detected"]


def test_its_file_system_grows_with_it(disk, play, on):
    qmp({"execute": "block_resize", "arguments": {"node-name": "volume", "size": 2 * GiB}})
    assert changed(play("tests/vm/data_disk.yml", "-e", json.dumps({"disks": [{**disk, "size": 2}]})))
    assert int(on("vm2", "findmnt -bno SIZE /srv/data")) > 1.8 * GiB


def test_it_is_let_go_and_unplugged(disk, play, on):
    assert changed(play("tests/vm/data_disk.yml", "-e", json.dumps({"disks": [disk], "state": "absent"})))
    qmp({"execute": "device_del", "arguments": {"id": "volume"}})
    deadline = time.monotonic() + 60
    while on("vm2", "ls /dev/vdb 2>/dev/null || true"):
        assert time.monotonic() < deadline
        time.sleep(1)
    assert on("vm2", "grep -c /srv/data /etc/fstab /proc/mounts || true") == "/etc/fstab:0\n/proc/mounts:0"
