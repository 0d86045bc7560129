# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The module data_disk on a sandbox node of its own. Its disks are loop devices, and the names that udev would make are links made here.

So what is not seen here is a device that is plugged in, named and rescanned by a real kernel and udev; see tests/vm.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOST = "node.disks.test"
# There is no udev in a container. The devices are the host's, and so are their numbers.
SETUP = """
apt-get update -qq && apt-get install -qq --no-install-recommends e2fsprogs xfsprogs >/dev/null 2>&1
for i in $(seq 0 255); do test -e /dev/loop$i || mknod /dev/loop$i b 7 $i; done
mkdir -p /dev/disk/by-id /var/disks
"""
# Tabs, two spaces, a comment, no line feed at the end: all of it is to stay.
FSTAB = "# by hand\nproc\t/proc  proc defaults 0 0\n\n#UUID=1 /srv/old ext4\nLABEL=none /mnt/none ext4 noauto 0 0"


class Node:
    def __init__(self, place: pathlib.Path) -> None:
        self.inventory = place / "inventory.json"
        ssh = ROOT / ".sandbox" / "disks" / "ssh_config"
        settings = {
            "sandbox": {"name": "disks", "subnet": "10.89.85.0/24", "shared": "/shared"},
            "ansible_ssh_common_args": f"-F {ssh}",
            "ansible_become": True,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        self.inventory.write_text(json.dumps({"all": {"hosts": {HOST: {"site_address": "10.89.85.10"}}, "vars": settings}}))
        self.ssh = ["ssh", "-F", str(ssh), HOST, "sudo bash -e"]

    def sandbox(self, command: str) -> None:
        done = subprocess.run(["tools/sandbox.py", command, "-i", str(self.inventory)], cwd=ROOT, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def sh(self, script: str) -> str:
        done = subprocess.run(self.ssh, input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def data_disk(self, *disks: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        words = [HOST, "-i", str(self.inventory), "--diff", *(["--check"] if check else []), "-m", "elastigrid.site.data_disk"]
        words += ["-a", json.dumps({"disks": disks, **options})]
        environment = os.environ | {"ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_NOCOLOR": "1"}
        environment.pop("ANSIBLE_CALLBACKS_ENABLED", None)
        done = subprocess.run(["ansible", *words], cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
        start = done.stdout.find('{\n    "custom_stats"')
        assert start >= 0, done.stdout + done.stderr
        result = json.loads(done.stdout[start:])["plays"][0]["tasks"][0]["hosts"][HOST]
        print(json.dumps(result))
        return result

    def disk(self, megabytes: int = 320, link: str = "virtio-{short}", script: str = "") -> str:
        """A blank volume, or one on which a script (in which $d is the device) has left something; its id."""
        volume = str(uuid.uuid4())
        self.sh(f"""
            truncate -s {megabytes}M /var/disks/{volume}
            d=$(losetup --find --show /var/disks/{volume})
            {script}
            ln -s $d /dev/disk/by-id/{link.format(id=volume, short=volume[:20], hex=volume.replace("-", ""))}
        """)
        return volume

    def clean(self) -> None:
        """No disk of a test is left, and fstab is as it was."""
        self.sh(f"""
            findmnt --raw --noheadings --output TARGET | grep ^/srv/ | sort --reverse | xargs --no-run-if-empty umount
            for file in $(find /var/disks -type f); do
                losetup --detach $(losetup --noheadings --output NAME --associated $file)
                rm $file
            done
            rm -rf /dev/disk/by-id/* /srv/*
            printf '{FSTAB.encode("unicode_escape").decode()}' >/etc/fstab
            systemctl daemon-reload
        """)


@pytest.fixture(scope="module")
def the_node(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("disks"))
    try:
        node.sandbox("up")
        node.sh(SETUP)
        yield node
        # A loop device outlives the container.
        node.clean()
    finally:
        node.sandbox("destroy")


@pytest.fixture
def node(the_node: Node) -> Node:
    the_node.clean()
    return the_node


def test_blank_disks_are_formatted_mounted_and_left_alone(node):
    one, two = node.disk(), node.disk(link="scsi-0QEMU_QEMU_HARDDISK_{id}")
    disks = [{"id": two, "path": "/srv/one/two", "options": ["noatime"]}, {"id": one, "path": "/srv/one", "fstype": "xfs", "name": "one", "size": None}]
    planned = node.data_disk(*disks, check=True)
    assert planned["changed"]
    assert node.sh("blkid -p /dev/disk/by-id/* || ls /srv") == ""
    made = node.data_disk(*disks)
    assert [disk["changes"] for disk in made["disks"]] == [disk["changes"] for disk in planned["disks"]] == [["format", "fstab", "mount"]] * 2
    two_uuid, one_uuid = (disk["uuid"] for disk in made["disks"])
    after = f"""{FSTAB}
UUID={one_uuid} /srv/one xfs nofail,x-systemd.device-timeout=60,x-elastigrid.disk={one} 0 0
UUID={two_uuid} /srv/one/two ext4 noatime,nofail,x-systemd.device-timeout=60,x-elastigrid.disk={two} 0 2
"""
    assert node.sh("cat /etc/fstab") == after.strip()
    assert made["diff"][0]["after"] == after
    assert planned["diff"][0]["after"] == after.replace(one_uuid, "(new)").replace(two_uuid, "(new)")
    assert node.sh("findmnt -no FSTYPE /srv/one; findmnt -no FSTYPE,OPTIONS /srv/one/two").split()[:2] == ["xfs", "ext4"]
    assert "noatime" in node.sh("findmnt -no OPTIONS /srv/one/two")

    node.sh("echo data >/srv/one/file; echo data >/srv/one/two/file")
    inode = node.sh("stat -c %i /etc/fstab")
    assert not node.data_disk(*disks)["changed"]
    assert node.sh("stat -c %i /etc/fstab") == inode
    # As at boot.
    node.sh("umount -R /srv/one; mount -a; cat /srv/one/file /srv/one/two/file; umount /srv/one/two")
    again = node.data_disk(*disks)
    assert [disk["changes"] for disk in again["disks"]] == [["mount"], []]
    assert node.sh("cat /srv/one/two/file") == "data"

    disks[0]["options"] = ["noexec"]
    changed = node.data_disk(*disks)
    assert [disk["changes"] for disk in changed["disks"]] == [["fstab", "remount"], []]
    assert "noexec" in node.sh("findmnt -no OPTIONS /srv/one/two")


PUT = "dd of=$d bs=1 conv=notrunc status=none"
MBR = f"printf '\\200\\0\\1\\0\\203\\3\\40\\0\\0\\10\\0\\0\\0\\360\\7\\0' | {PUT} seek=446; printf '\\125\\252' | {PUT} seek=510"
HIDDEN = "mkfs.ext4 -q -E offset=$((1 << 20)) $d 20000"
LEFTOVERS = {
    # What community.general.filesystem formats, all three.
    f"{MBR}; {HIDDEN}": (320, "it has a partition table (dos)"),
    "mkfs.xfs -q $d; truncate -s 8M /tmp/ext4; mkfs.ext4 -q /tmp/ext4; dd if=/tmp/ext4 of=$d bs=1k skip=1 seek=1 count=1 conv=notrunc status=none":
        (320, "it has signatures of more than one kind ("),
    "dd if=/dev/urandom of=$d bs=1M count=32 status=none": (32, "it has data without a known signature, first at byte 0"),
    "mkswap -q $d": (32, "it holds swap"),
    "mkfs.xfs -q $d": (320, "it holds xfs"),
    # A table that was wiped, the file systems behind it not.
    HIDDEN: (32, "it has data without a known signature, first at byte 104"),
    f"printf x | {PUT} seek=$((32 * 1048576 - 1))": (32, f"first at byte {2**25 - 1}"),
    f"printf x | {PUT}": (32, "first at byte 0"),
}


def test_what_is_not_blank_is_refused_and_stays_as_it_is(node):
    blank = node.disk()
    volumes = {node.disk(size, script=script): found for script, (size, found) in LEFTOVERS.items()}
    before = node.sh("cd /var/disks; sha256sum *")
    disks = [{"id": volume, "path": f"/srv/{number}"} for number, volume in enumerate([blank, *volumes])]
    for check in (True, False):
        said = node.data_disk(*disks, check=check)["msg"]
        assert said.startswith("Nothing was done: ")
        for volume, found in volumes.items():
            assert found in said.split(f"{volume}: ", 1)[1].split("set force_format", 1)[0], (found, said)
        assert blank not in said
    assert node.sh("cd /var/disks; sha256sum *") == before
    assert node.sh("cat /etc/fstab; ls /srv") == FSTAB


def test_force_names_the_disk(node):
    volumes = [node.disk(size, script=script) for script, (size, found) in list(LEFTOVERS.items())[:5]]
    disks = [{"id": volume, "path": f"/srv/{number}", "force_format": volume} for number, volume in enumerate(volumes)]
    disks[0]["fstype"] = "xfs"
    said = node.data_disk({"id": volumes[0], "path": "/srv/0", "force_format": volumes[1]})["msg"]
    assert said == f"Nothing was done: disks[0].force_format is '{volumes[1]}', must be '{volumes[0]}', the disk itself, or be left out"
    # Force is for what lies there, not for what is in use.
    node.sh(f"mkdir -p /srv/used; mount /dev/disk/by-id/virtio-{volumes[4][:20]} /srv/used")
    assert "it is mounted at /srv/used" in node.data_disk(*disks)["msg"]
    node.sh("umount /srv/used")
    assert [disk["changes"] for disk in node.data_disk(*disks)["disks"]] == [["format", "fstab", "mount"]] * 5
    node.sh("for i in 0 1 2 3 4; do echo data >/srv/$i/file; done")
    # The option may stay where it is: what has the right file system is not formatted again.
    assert not node.data_disk(*disks)["changed"]
    node.sh("umount /srv/0 /srv/1")
    assert [disk["changes"] for disk in node.data_disk(*disks)["disks"]] == [["mount"], ["mount"], [], [], []]
    assert node.sh("cat /srv/*/file").split() == ["data"] * 5


@pytest.mark.parametrize("fstype", ["ext4", "xfs"])
def test_a_file_system_grows_with_its_disk(node, fstype):
    # The kernel's condition for it, and the only one: where root has it, nothing is skipped (tests/vm/test_3_data_disk.py shows it in any case).
    if fstype == "ext4" and not int(node.sh("grep CapEff /proc/self/status").split()[1], 16) >> 24 & 1:
        pytest.skip("root of this machine has no CAP_SYS_RESOURCE, without which the kernel resizes no mounted ext4; tests/vm does")
    disk = {"id": node.disk(), "path": "/srv/data", "fstype": fstype}
    node.data_disk(disk)
    node.sh(f"truncate -s 640M /var/disks/{disk['id']}; losetup -c $(losetup -nO NAME -j /var/disks/{disk['id']})")
    assert node.data_disk(disk, check=True)["disks"][0]["changes"] == ["grow"]
    node.sh("umount /srv/data")
    planned, grown = node.data_disk(disk, check=True), node.data_disk(disk)
    assert planned["disks"][0]["changes"] == grown["disks"][0]["changes"] == ["mount", "grow"]
    assert not node.data_disk(disk)["changed"]
    assert int(node.sh("findmnt -bno SIZE /srv/data")) > 560 * 2**20
    said = node.data_disk({**disk, "size": 1}, wait=0)["msg"]
    assert "has 0.6 GiB, but size is 1: it is another disk, or the host has not seen it grow" in said


@pytest.mark.campaign
def test_a_disk_that_comes_late_is_waited_for_and_one_that_never_comes_is_named(node):
    late, never = node.disk(link="nvme-ACME_{short}"), str(uuid.uuid4())
    node.sh(f"mv /dev/disk/by-id/nvme-ACME_{late[:20]} /tmp/link")
    planned = node.data_disk({"id": late, "path": "/srv/late"}, check=True)
    assert (planned["changed"], planned["disks"][0]["device"], planned["disks"][0]["changes"]) == (True, None, ["fstab", "mount"])
    node.sh(f"nohup sh -c 'sleep 4; mv /tmp/link /dev/disk/by-id/nvme-ACME_{late[:20]}' >/dev/null 2>&1 &")
    assert node.data_disk({"id": late, "path": "/srv/late"}, wait=60)["disks"][0]["changes"] == ["format", "fstab", "mount"]
    said = node.data_disk({"id": late, "path": "/srv/late"}, {"id": never, "path": "/srv/never", "name": "data"}, wait=2)["msg"]
    assert f"after 2 s there is no device for data ({never}) as /dev/disk/by-id/virtio-{never[:20]}, " in said
    assert f"wwn-0x{never.replace('-', '')}" in said
    assert f"by-id has nvme-ACME_{late[:20]}." in said


@pytest.mark.campaign
def test_all_names_that_a_volume_may_have_lead_to_it(node):
    links = ["virtio-{short}", "virtio-{id}", "scsi-0QEMU_QEMU_HARDDISK_{short}", "scsi-0QEMU_QEMU_HARDDISK_{id}", "wwn-0x{hex}", "nvme-QEMU_NVMe_Ctrl_{short}"]
    volumes = [node.disk(link=link) for link in links]
    node.sh(f"ln -s /dev/null /dev/disk/by-id/virtio-{volumes[0][:20]}-part1")
    found = node.data_disk(*({"id": volume, "path": f"/srv/{volume}"} for volume in volumes), check=True)
    devices = [node.sh(f"losetup -nO NAME -j /var/disks/{volume}") for volume in volumes]
    assert [disk["device"] for disk in found["disks"]] == devices
    node.sh(f"ln -s {devices[1]} /dev/disk/by-id/virtio-{volumes[0]}")
    assert "lead to different devices" in node.data_disk({"id": volumes[0], "path": "/srv/0"})["msg"]
    said = node.data_disk({"id": volumes[1], "path": "/srv/0"}, {"device": f"/dev/disk/by-id/virtio-{volumes[1]}", "path": "/srv/1"})["msg"]
    assert f"it is the same device ({devices[1]}) as that of /srv/0" in said


@pytest.mark.campaign
def test_the_mount_point_is_looked_at(node):
    one, two = node.disk(), node.disk()
    node.data_disk({"id": one, "path": "/srv/one"})
    node.sh("mkdir -p /srv/full; touch /srv/full/file; echo /dev/vdx /srv/theirs ext4 defaults 0 0 >>/etc/fstab; ln -s /srv/full /srv/link")
    said = [node.data_disk({"id": two, "path": path})["msg"] for path in ("/srv/one", "/srv/full", "/srv/link", "/srv/theirs")]
    parts = ["/srv/one has /dev/loop", "/srv/full is not empty: file would be hidden", "/srv/link is not a directory", "that is not ours: /dev/vdx"]
    for text, part in zip(said, parts):
        assert text.startswith(f"Nothing was done: {two}: ") and part in text
    assert "it is mounted at /srv/one, not at /srv/other" in node.data_disk({"id": one, "path": "/srv/other"})["msg"]
    node.sh("mount -o remount,ro /srv/one")
    assert "/srv/one is mounted, but read-only" in node.data_disk({"id": one, "path": "/srv/one"})["msg"]
    assert node.sh(f"blkid -p /dev/disk/by-id/virtio-{two[:20]} || echo blank") == "blank"


@pytest.mark.campaign
def test_a_disk_is_let_go_when_nobody_uses_it(node):
    disks = [{"id": node.disk(), "path": "/srv/one"}, {"id": node.disk(), "path": "/srv/one/two"}, {"id": str(uuid.uuid4()), "path": "/srv/never"}]
    node.data_disk(*disks[:2])
    before = node.sh("cat /etc/fstab")
    pid = node.sh("cd /srv/one/two; sleep 1000 >/dev/null 2>&1 & echo $!")
    for check in (True, False):
        assert f"/srv/one/two is busy: sleep (pid {pid}) has files open there" in node.data_disk(*disks, state="absent", check=check)["msg"]
    assert "/srv/one is busy: /srv/one/two is mounted below it" in node.data_disk(disks[0], state="absent")["msg"]
    node.sh(f"kill {pid}; echo data >/srv/one/two/file")
    assert node.sh("cat /etc/fstab") == before
    planned = node.data_disk(*disks, state="absent", check=True)
    gone = node.data_disk(*disks, state="absent")
    assert [disk["changes"] for disk in planned["disks"]] == [disk["changes"] for disk in gone["disks"]] == [["unmount", "fstab"]] * 2 + [[]]
    assert gone["unmounted"] == [disk["id"] for disk in disks]
    assert node.sh("cat /etc/fstab; findmnt /srv/one || true") == FSTAB
    assert not node.data_disk(*disks, state="absent")["changed"]
    assert [disk["changes"] for disk in node.data_disk(*disks[:2])["disks"]] == [["fstab", "mount"]] * 2
    assert node.sh("cat /srv/one/two/file") == "data"


def test_wrong_entries_are_told(node):
    volume = str(uuid.uuid4())
    said = node.data_disk(
        {"id": volume, "path": "srv"}, {"id": "data", "path": "/etc/x"}, {"device": "/dev/vdb", "path": "/srv/a"}, {"id": volume, "path": "/srv/a"}, wait=-1
    )["msg"]
    for part in (
        "wait is -1, must be 0 or more seconds",
        "disks[0].path is 'srv', must be an absolute path",
        "disks[1].id is 'data', must be the id of a volume",
        "disks[1].path is '/etc/x', which belongs to the system",
        "disks[2].device is '/dev/vdb', must be a name that stays the same",
        f"disks[0] and disks[3] have the same id '{volume}'",
        "disks[2] and disks[3] have the same path '/srv/a'",
    ):
        assert part in said


def test_the_role_base_mounts_what_the_inventory_says(node, tmp_path):
    one, two = node.disk(), node.disk()
    rest = {"name": "data", "size": None}
    volumes = [
        {"id": one, "serial": one[:20], "mount": "/srv/one", "fstype": "xfs", **rest},
        {"id": two, "serial": two[:20], "mount": "/srv/two", "fstype": None, **rest},
        # Attached, but not for us to mount.
        {"id": str(uuid.uuid4()), "serial": None, "mount": None, "fstype": None, **rest},
    ]
    path = tmp_path / "play.json"
    facts = ["!all", "!min", "distribution", "virtual"]
    play = {"hosts": HOST, "gather_subset": facts, "roles": ["elastigrid.site.base"], "vars": {"site_volumes": volumes}}
    path.write_text(json.dumps([play]))
    environment = os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts")}
    said = []
    for _run in range(2):
        done = subprocess.run(["ansible-playbook", "-i", str(node.inventory), str(path)], cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)
    assert "changed: [node.disks.test]" in said[0]
    assert " changed=0 " in said[1]
    assert node.sh("findmnt -no FSTYPE /srv/one; findmnt -no FSTYPE /srv/two").split() == ["xfs", "ext4"]
