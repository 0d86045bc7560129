#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: data_disk
short_description: Formats data disks that are provably blank, and mounts them now and at boot
version_added: 0.1.0
description:
  - Ensures that the volumes attached to a host are mounted, each with the file system that it has or, if it is blank, with a new one.
  - A volume is found by the names in C(/dev/disk/by-id) that udev makes of its id, with virtio-blk, virtio-scsi, emulated SCSI, WWN and NVMe alike. C(/dev/vdb)
    and the like are guesses, and not accepted.
  - A disk is formatted only if there is no signature (C(blkid -p), C(wipefs)), no partition, nobody who uses it, and only zeros in its first 4 MiB, in its last
    MiB and at 64 places between. A volume of a cloud that does not give out zeros, or whose formatting was cut off, needs O(disks[].force_format).
  - When the disk has grown, so does the file system. It is never shrunk.
  - C(/etc/fstab) gets one line per disk, by UUID, with an option C(x-elastigrid.disk=ID) by which it is known as ours. All other lines stay as they are, byte
    for byte. It is fstab and not a unit of systemd since that is where whoever looks for mounts looks first, and C(findmnt --verify) checks it.
  - The whole list is looked at first. If anything is wrong, nothing is done.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: It does not wait. A disk that is not there yet is one that will be mounted; whether it would be formatted is not known then.
  diff_mode:
    support: full
    details: Shows C(/etc/fstab), and what is done to each disk.
  platform:
    platforms: posix
requirements:
  - root
  - util-linux >= 2.33, and e2fsprogs or xfsprogs as the file systems require
notes:
  - Tested on loop devices with links in C(/dev/disk/by-id), and on a virtio-blk disk that is plugged into a running virtual machine. The names of virtio-scsi,
    SCSI, WWN and NVMe are those of udev's rules. That a real hypervisor makes them was not seen.
options:
  disks:
    description: The disks. No two may have the same O(disks[].id), O(disks[].device) or O(disks[].path).
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: Id of the volume in OpenStack. Either it or O(disks[].device) is required.
        type: str
      device:
        description: A disk that is no volume, by a name that stays the same, below C(/dev/disk/by-*) or C(/dev/mapper).
        type: str
      path:
        description:
          - Where it is mounted. It is made if it is missing, and must be empty otherwise.
          - V(/) and what the system has in C(/etc), C(/usr) and the like are refused.
        type: str
        required: true
        aliases: [mount]
      fstype:
        description: The file system, V(ext4) or V(xfs). A disk that has another one is an error. V(ext4) without it.
        type: str
      options:
        description: Options of mount(8) in addition to C(nofail) and C(x-systemd.device-timeout=60), which it always has.
        type: list
        elements: str
        default: []
      name:
        description: What messages call it.
        type: str
      serial:
        description: The serial of the disk as the host sees it, where that is not the first 20 characters of O(disks[].id).
        type: str
      size:
        description: How many GiB the device has at least. It is waited until the host sees so many.
        type: int
      force_format:
        description:
          - The O(disks[].id) (or O(disks[].device)) once more, to format the disk although it is not blank. B(What it holds is lost.)
          - A disk that has just one file system, of the type that is wanted, is not formatted even so. Nor is one that is in use.
        type: str
  state:
    description:
      - V(present), the disks are mounted, now and at boot.
      - V(absent), they are not, neither now nor at boot, and may be detached. The data and the mount point stay. A disk that is busy is an error, which says
        by whom.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: How many seconds to wait until all disks are there, and as large as they are to be. With O(state=present) only.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: The data volumes of this host are mounted
  elastigrid.site.data_disk:
    disks:
      - {id: 6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11, path: /srv/shared, fstype: xfs, options: [noatime]}
      - {device: /dev/disk/by-id/nvme-ACME_4711, path: /srv/scratch}
  become: true

- name: What the inventory says about this host is mounted
  elastigrid.site.data_disk:
    disks: "{{ site_volumes | selectattr('mount') }}"
  become: true

- name: A volume is let go
  elastigrid.site.data_disk:
    disks:
      - {id: 6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11, path: /srv/shared}
    state: absent
  become: true
  register: result

- name: It is detached
  elastigrid.site.volume:
    site: grid
    volumes:
      - {name: shared, size: 500}
    unmounted: "{{ result.unmounted }}"
  delegate_to: localhost
"""

RETURN = r"""
disks:
  description:
    - One for each of the list, with the keys C(id), C(path), C(device), C(size) (bytes), C(fstype), C(uuid) of the file system, and C(changes), of which
      there are V(format), V(mount), V(remount), V(grow), V(fstab) and V(unmount).
    - What is not known, as with a device that is not there in check mode, is null.
  type: list
  elements: dict
  returned: success
unmounted:
  description: With O(state=absent), the ids of the volumes that nobody on this host uses any more. This is what the module M(elastigrid.site.volume) wants.
  type: list
  elements: str
  returned: success
"""

import glob
import os
import re
import stat
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _data_disk, _files

FSTAB = "/etc/fstab"
# Seconds between two looks for a device: at first, at most, and by what factor they grow.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
FACTOR = 1.5
TOOLS = {"format": {"ext4": "mkfs.ext4", "xfs": "mkfs.xfs"}, "grow": {"ext4": "resize2fs", "xfs": "xfs_growfs"}}
PACKAGES = {"mkfs.ext4": "e2fsprogs", "resize2fs": "e2fsprogs", "mkfs.xfs": "xfsprogs", "xfs_growfs": "xfsprogs"}


class Host:
    """What is read from, and done on, this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        module.run_command_environ_update = {"LC_ALL": "C"}

    def text(self, path: str) -> str:
        return (_files.read(self.module, path) or b"").decode(errors="surrogateescape")

    def mounts(self) -> list[_data_disk.Mount]:
        return _data_disk.parse_mountinfo(self.text("/proc/self/mountinfo"))

    def do(self, *command: str) -> str:
        """Run what must work; the output."""
        rc, out, err = self.module.run_command([self.tool(command[0]), *command[1:]])
        if rc:
            self.module.fail_json(msg=f"`{' '.join(command)}` ended with {rc}: {(err or out).strip()}")
        return out

    def tool(self, name: str) -> str:
        path = self.module.get_bin_path(name, opt_dirs=["/usr/sbin", "/sbin"])
        if not path:
            self.module.fail_json(msg=f"Nothing was done: the command {name} is missing on this host: install the package {PACKAGES.get(name, 'util-linux')}")
        return path

    # --- The device

    def device(self, disk: _data_disk.Disk) -> str | None:
        """The device that the names of a disk lead to, if it is there."""
        links = [link for pattern in _data_disk.names_of(disk) for link in glob.glob(pattern) if not (disk["id"] and re.search(r"-part\d+$", link))]
        devices = sorted({os.path.realpath(link) for link in links if os.path.exists(link)})
        if len(devices) > 1:
            self.module.fail_json(msg=f"{_data_disk.called(disk)} may be {' or '.join(devices)}: {', '.join(links)} lead to different devices")
        if devices and not stat.S_ISBLK(os.stat(devices[0]).st_mode):
            self.module.fail_json(msg=f"{_data_disk.called(disk)}: {devices[0]} is not a block device")
        return devices[0] if devices else None

    def number(self, device: str) -> str:
        status = os.stat(device)
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"

    def sys(self, device: str) -> str:
        return f"/sys/dev/block/{self.number(device)}"

    def size(self, device: str) -> int:
        """In bytes. The kernel counts in 512, whatever the sectors of the disk."""
        return int(self.text(f"{self.sys(device)}/size") or 0) * 512

    def wait(self, disks: list[_data_disk.Disk], seconds: int) -> dict[str, str | None]:
        """The device of each disk, by mount point. Between two looks the host is asked to look for new disks."""
        deadline = time.monotonic() + seconds
        pause = FIRST_PAUSE
        while True:
            devices = {disk["path"]: self.device(disk) for disk in disks}
            left = [disk for disk in disks if not self.is_there(disk, devices[disk["path"]])]
            if not left or self.module.check_mode or time.monotonic() > deadline:
                break
            self.rescan([device for device in devices.values() if device])
            time.sleep(min(pause, max(0.1, deadline - time.monotonic())))
            pause = min(LONGEST_PAUSE, pause * FACTOR)
        missing = [disk for disk in left if not devices[disk["path"]]]
        if missing and not self.module.check_mode:
            tried = [f"{_data_disk.called(disk)} as {', '.join(_data_disk.names_of(disk))}" for disk in missing]
            there = ", ".join(sorted(os.listdir("/dev/disk/by-id")) if os.path.isdir("/dev/disk/by-id") else []) or "nothing"
            said = f"after {seconds} s there is no device for {'; '.join(tried)}. /dev/disk/by-id has {there}. Is the volume attached to this host?"
            self.module.fail_json(msg=f"Nothing was done: {said}")
        return devices

    def is_there(self, disk: _data_disk.Disk, device: str | None) -> bool:
        return device is not None and self.size(device) >= (disk["size"] or 0) * _data_disk.GiB

    def rescan(self, devices: list[str]) -> None:
        """Have the kernel look for SCSI disks, and for the size of those that it knows; then have udev name them. virtio and NVMe tell by themselves."""
        for path in glob.glob("/sys/class/scsi_host/host*/scan"):
            self.order(path, "- - -")
        for device in devices:
            self.order(f"{self.sys(device)}/device/rescan", "1")
        if os.path.exists("/run/udev/control"):
            self.module.run_command(["udevadm", "trigger", "--subsystem-match=block"])
            self.module.run_command(["udevadm", "settle", "--timeout=10"])

    def order(self, path: str, text: str) -> None:
        try:
            with open(path, "w") as handle:
                handle.write(text)
        except OSError:
            pass  # not such a disk, or an adapter that cannot; then the wait ends with an error that says more

    # --- What is on it

    def facts(self, device: str) -> _data_disk.Facts:
        number, size = self.number(device), self.size(device)
        rc, out, err = self.module.run_command([self.tool("blkid"), "-p", "-o", "export", device])
        if rc not in (0, 2, 8):
            self.module.fail_json(msg=f"{device} cannot be read: `blkid -p` ended with {rc}: {err.strip()}")
        probe = _data_disk.parse_blkid(out)
        signatures = self.module.from_json(self.do("wipefs", "--json", device) or "{}").get("signatures") or []
        fstype = probe.get("TYPE")
        mount = next((mount.path for mount in self.mounts() if mount.number == number), None)
        facts = _data_disk.Facts(
            device=device,
            number=number,
            size=size,
            type=fstype,
            uuid=probe.get("UUID"),
            partition_table=probe.get("PTTYPE"),
            is_ambivalent=rc == 8,
            signatures=tuple(signature["type"] for signature in signatures),
            partitions=tuple(sorted(os.path.basename(os.path.dirname(path)) for path in glob.glob(f"{self.sys(device)}/*/partition"))),
            holders=tuple(sorted(os.listdir(f"{self.sys(device)}/holders"))),
            is_swap=any(os.path.realpath(line.split()[0]) == device for line in self.text("/proc/swaps").splitlines()[1:]),
            is_claimed=self.is_claimed(device),
            fs_size=self.fs_size(fstype, device, mount),
        )
        return facts if _data_disk.content(facts) else facts._replace(data_at=self.first_data(device, size))

    def is_claimed(self, device: str) -> bool:
        try:
            os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
        except OSError:
            return True
        return False

    def first_data(self, device: str, size: int) -> int | None:
        """Where the first byte is that is not zero, as far as it is looked."""
        try:
            with open(device, "rb", buffering=0) as handle:
                for offset, length in _data_disk.scan_ranges(size):
                    handle.seek(offset)
                    data = b""
                    while len(data) < length and (more := handle.read(length - len(data))):
                        data += more
                    rest = data.lstrip(b"\0")
                    if rest or len(data) < length:
                        return offset + len(data) - len(rest)
        except OSError as error:
            self.module.fail_json(msg=f"{device} cannot be read: {error.strerror}")
        return None

    def fs_size(self, fstype: str | None, device: str, mount: str | None) -> int | None:
        """How large the file system thinks that it is, in bytes. Without the package of the file system it is not known, and not needed yet."""
        # A mounted XFS is asked itself: what the device shows of it may be old.
        commands = {"ext4": ["dumpe2fs", "-h", device], "xfs": ["xfs_info", mount or device]}
        if fstype not in commands or not self.module.get_bin_path(commands[fstype][0], opt_dirs=["/usr/sbin", "/sbin"]):
            return None
        out = self.do(*commands[fstype])
        return _data_disk.parse_dumpe2fs(out) if fstype == "ext4" else _data_disk.parse_xfs_info(out)

    def place(self, path: str) -> _data_disk.Place:
        if not os.path.lexists(path):
            return _data_disk.Place("missing")
        if os.path.islink(path) or not os.path.isdir(path):
            return _data_disk.Place("other")
        return _data_disk.Place("directory", tuple(sorted(os.listdir(path))[:5]))

    def users(self, path: str) -> list[str]:
        """The processes that have something open in the file system that is mounted at a path."""
        found: list[str] = []
        try:
            device = os.stat(path).st_dev
        except OSError:
            return found  # the device behind it is gone
        for process in sorted(glob.glob("/proc/[0-9]*"), key=lambda name: int(name[6:])):
            for link in [f"{process}/cwd", f"{process}/root", f"{process}/exe", *glob.glob(f"{process}/fd/*")]:
                try:
                    if os.stat(link).st_dev == device:
                        found.append(f"{self.text(f'{process}/comm').strip()} (pid {process[6:]})")
                        break
                except OSError:
                    continue  # it has ended, or has closed the file
        return found

    # --- What is done to it

    def format(self, disk: _data_disk.Disk, device: str) -> None:
        forced = disk["force_format"] is not None
        if forced:
            # mkfs.ext4 leaves the beginning of the disk, where a partition table is, as it is.
            self.do("wipefs", "--all", device)
        force = {"ext4": ["-F"], "xfs": ["-f"]}[disk["fstype"]] if forced else []
        self.do(TOOLS["format"][disk["fstype"]], "-q", *force, device)
        if os.path.exists("/run/udev/control"):
            self.module.run_command(["udevadm", "settle", "--timeout=10"])

    def write_fstab(self, text: str) -> None:
        new = not os.path.exists(FSTAB)
        _files.write(self.module, FSTAB, text.encode(errors="surrogateescape"))
        if new:
            os.chmod(FSTAB, 0o644)
        if os.path.isdir("/run/systemd/system"):
            # Its mount units are made of fstab. One for a former disk would unmount the new one at once.
            self.do("systemctl", "daemon-reload")

    def grow(self, disk: _data_disk.Disk, device: str) -> None:
        self.do(TOOLS["grow"][disk["fstype"]], {"ext4": device, "xfs": disk["path"]}[disk["fstype"]])


class Task:
    """The wishes of one task, on one host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.host = Host(module)
        # A disk that is mounted below another one comes after it.
        self.disks = sorted(module.params["disks"], key=lambda disk: disk["path"])
        self.fstab = self.before = self.host.text(FSTAB)
        self.changes: dict[str, list[str]] = {disk["path"]: [] for disk in self.disks}
        self.facts: dict[str, _data_disk.Facts | None] = {}

    def fail(self, errors: list[str]) -> None:
        if errors:
            self.module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")

    def look(self, disk: _data_disk.Disk, device: str | None) -> _data_disk.Facts | None:
        self.facts[disk["path"]] = self.host.facts(device) if device else None
        return self.facts[disk["path"]]

    # --- present

    def present(self, wait: int) -> None:
        devices = self.host.wait(self.disks, wait)
        errors = []
        for i, disk in enumerate(self.disks):
            parents = [other["path"] for other in self.disks[:i] if "mount" in self.changes[other["path"]]]
            faults = self.plan(disk, devices[disk["path"]], parents)
            same = [other["path"] for other in self.disks[:i] if devices[disk["path"]] and devices[other["path"]] == devices[disk["path"]]]
            faults += [f"it is the same device ({devices[disk['path']]}) as that of {path}" for path in same]
            errors += [f"{_data_disk.called(disk)}: {fault}" for fault in faults]
        self.fail(errors)
        if not self.module.check_mode:
            for command in {TOOLS[step][disk["fstype"]] for disk in self.disks for step in self.changes[disk["path"]] if step in TOOLS}:
                self.host.tool(command)
            self.fstab = self.before
            for disk in self.disks:
                self.ensure(disk, devices[disk["path"]])

    def plan(self, disk: _data_disk.Disk, device: str | None, parents: list[str]) -> list[str]:
        """Note the changes of one disk; what forbids them."""
        facts, mounts = self.look(disk, device), self.host.mounts()
        errors = _data_disk.errors_at(disk, facts, self.host.place(disk["path"]), mounts, parents)
        steps, more = _data_disk.steps(disk, facts, mounts) if facts else (["mount"], [])
        is_new = facts is None or "format" in steps
        try:
            self.line(disk, "(new)" if is_new else facts.uuid, steps)
        except _data_disk.Conflict as error:
            more.append(str(error))
        self.changes[disk["path"]] = steps
        return errors + more

    def line(self, disk: _data_disk.Disk, uuid: str, steps: list[str]) -> bool:
        """Put the line of a disk into fstab as it is to be; whether it was different."""
        text = _data_disk.fstab_with(self.fstab, disk, _data_disk.fstab_line(disk, uuid), uuid)
        if text == self.fstab:
            return False
        steps.insert(steps.index("mount") if "mount" in steps else len(steps), "fstab")
        if "mount" not in steps:
            steps.append("remount")
        self.fstab = text
        return True

    def ensure(self, disk: _data_disk.Disk, device: str) -> None:
        """Look once more, since disks may hang together, and do it."""
        errors = self.plan(disk, device, [])
        if errors:
            self.module.fail_json(msg=f"{_data_disk.called(disk)}: {'; '.join(errors)}")
        steps, path = self.changes[disk["path"]], disk["path"]
        if "format" in steps:
            self.host.format(disk, device)
            facts = self.look(disk, device)
            if not _data_disk.has_file_system(disk["fstype"], facts):
                self.module.fail_json(msg=f"{_data_disk.called(disk)}: after mkfs.{disk['fstype']} {device} still has: {'; '.join(_data_disk.content(facts))}")
            self.fstab = _data_disk.fstab_with(self.host.text(FSTAB), disk, _data_disk.fstab_line(disk, facts.uuid), facts.uuid)
        if "fstab" in steps:
            self.host.write_fstab(self.fstab)
        if "mount" in steps:
            os.makedirs(path, 0o755, exist_ok=True)
            self.host.do("mount", path)
        if "remount" in steps:
            self.host.do("mount", "-o", "remount", path)
        if "grow" in steps:
            self.host.grow(disk, device)
        errors = _data_disk.errors_at(disk, self.look(disk, device), self.host.place(path), self.host.mounts())
        if errors or not _data_disk.at(path, self.host.mounts()):
            self.module.fail_json(msg=f"{_data_disk.called(disk)}: it was mounted, but {'; '.join(errors) or f'{path} is not a mount point'}")

    # --- absent

    def absent(self) -> None:
        self.disks.reverse()
        devices = {disk["path"]: self.host.device(disk) for disk in self.disks}
        errors = []
        going = []
        for disk in self.disks:
            path, steps = disk["path"], self.changes[disk["path"]]
            facts, mounts = self.look(disk, devices[disk["path"]]), self.host.mounts()
            there = _data_disk.at(path, mounts)
            is_ours = there is not None and (there.number == facts.number if facts else _data_disk.has_line(self.before, disk))
            users = self.host.users(path) if is_ours else []
            errors += [f"{_data_disk.called(disk)}: {error}" for error in _data_disk.errors_to_unmount(disk, facts, is_ours, users, mounts, going)]
            going += [path] if is_ours else []
            text = _data_disk.fstab_with(self.fstab, disk, None, facts.uuid if facts else None)
            steps += (["unmount"] if is_ours else []) + (["fstab"] if text != self.fstab else [])
            self.fstab = text
        self.fail(errors)
        if self.module.check_mode:
            return
        if self.fstab != self.before:
            # First, so that nothing mounts it again.
            self.host.write_fstab(self.fstab)
        for path in going:
            self.host.do("umount", path)
        for disk in self.disks:
            device = devices[disk["path"]]
            if device and self.host.is_claimed(device):
                self.module.fail_json(msg=f"{_data_disk.called(disk)}: it is unmounted, but {device} is still in use, maybe in a container")

    # --- both

    def report(self, disk: _data_disk.Disk) -> dict[str, t.Any]:
        facts = self.facts[disk["path"]]
        return {
            "id": disk["id"],
            "path": disk["path"],
            "device": facts.device if facts else None,
            "size": facts.size if facts else None,
            "fstype": facts.type if facts else None,
            "uuid": facts.uuid if facts else None,
            "changes": self.changes[disk["path"]],
        }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "disks": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "id": {"type": "str"},
                    "device": {"type": "str"},
                    "path": {"type": "str", "required": True, "aliases": ["mount"]},
                    "fstype": {"type": "str"},
                    "options": {"type": "list", "elements": "str", "default": []},
                    "name": {"type": "str"},
                    "serial": {"type": "str"},
                    "size": {"type": "int"},
                    "force_format": {"type": "str"},
                },
                "required_one_of": [("id", "device")],
                "mutually_exclusive": [("id", "device")],
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    for disk in module.params["disks"]:
        disk["fstype"] = disk["fstype"] or "ext4"
    errors = _data_disk.input_errors(module.params["disks"], module.params["wait"])
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")
    if os.geteuid():
        module.fail_json(msg="Disks are mounted by root only: use become")

    task = Task(module)
    try:
        if module.params["state"] == "present":
            task.present(module.params["wait"])
        else:
            task.absent()
    except OSError as error:
        # A device that fails, or goes while it is looked at.
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    shown = {path: ", ".join(changes) for path, changes in task.changes.items() if changes}
    module.exit_json(
        changed=bool(shown),
        disks=[task.report(disk) for disk in sorted(task.disks, key=module.params["disks"].index)],
        unmounted=[disk["id"] for disk in module.params["disks"] if disk["id"] and module.params["state"] == "absent"],
        diff=[
            {"before_header": FSTAB, "after_header": FSTAB, "before": task.before, "after": task.fstab},
            {"before_header": "disks", "after_header": "disks", "before": "", "after": "".join(f"{path}: {changes}\n" for path, changes in shown.items())},
        ],
    )


if __name__ == "__main__":
    main()
