#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Debian 13 virtual machines under qemu, for what containers cannot show: kernel NFS, cgroup limits, hot-plugged disks.

    tools/vm.py up [-i inventories/vm/hosts.yml]    build the image if it is missing, boot the guests, wait for ssh
    tools/vm.py down                                stop the guests and remove every trace but .cache/

A guest has two networks: qemu's user network (ssh from 127.0.0.1:<ansible_port>, the way out) and a private segment that
the guests share (a multicast socket on the loopback device), where it has its `site_address`. Neither needs a device on
the host. What makes a guest itself (name, addresses, keys) is handed in as systemd credentials, so that all guests share
one read-only image and own only an overlay.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "vm"
APT_CACHE = ROOT / ".cache" / "apt" / "archives"
RUN = ROOT / ".sandbox" / "vm"
KEY = ROOT / ".sandbox" / "ssh" / "id_ed25519"
SSH_PATIENCE = 600  # seconds; without KVM and beside other work a boot takes one to three minutes

SUITE = "trixie"
PACKAGES = (
    "linux-image-cloud-amd64 initramfs-tools systemd systemd-sysv dbus udev kmod "
    "python3 python3-apt openssh-server sudo iproute2 procps ca-certificates "
    # What the roles of the scenario install: here already, so that the play is short and needs no mirror.
    "chrony munge slurmctld slurmdbd slurmd sackd slurm-client slurm-wlm-mysql-plugin mariadb-server python3-pymysql "
    "condor nftables nfs-kernel-server nfs-common e2fsprogs"
).split()
# A package enables its daemon; starting it is for the role to do.
DISABLED_UNITS = (
    "chrony condor munge sackd slurmd slurmctld slurmdbd mariadb nfs-server nfs-blkmap rpcbind.service rpcbind.socket "
    "apt-daily.timer apt-daily-upgrade.timer"
).split()
IMAGE_SIZE = "6G"  # sparse


def fail(sentence: str) -> None:
    sys.exit(f"vm.py: {sentence}")


def run(*command: str | Path, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], check=True, **kwargs)


# ---- the host ------------------------------------------------------------------------------------------------------


def accelerator(kernel: Path) -> list[str]:
    """KVM if a kernel really starts under it (a /dev/kvm can be there and not work), else emulation."""
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        # Without a disk the kernel must end in a panic, and panic=-1 with -no-reboot ends qemu: about one second.
        trial = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256", "-kernel", str(kernel), "-no-reboot",
                 "-append", "console=ttyS0 panic=-1", "-nic", "none", "-display", "none", "-serial", "stdio"]  # fmt: skip
        try:
            output = subprocess.run(trial, stdin=subprocess.DEVNULL, capture_output=True, timeout=15, check=False).stdout
        except subprocess.TimeoutExpired as expired:
            output = expired.stdout or b""
        if b"Kernel panic" in output:
            return ["-accel", "kvm", "-cpu", "host"]
    # With cmpxchg16b, or with -cpu max, recent kernels panic at random under emulation.
    return ["-accel", "tcg,thread=multi", "-cpu", "qemu64,-cx16"]


# ---- the image -----------------------------------------------------------------------------------------------------


def ensure_image() -> Path:
    """The directory of the image: root.raw, vmlinuz, initrd.img. Its name changes with this file's recipe."""
    recipe = f"{PACKAGES}{DISABLED_UNITS}{IMAGE_SIZE}{inspect.getsource(ensure_image)}{inspect.getsource(finish_tree)}"
    image = CACHE / f"{SUITE}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if image.exists():
        return image
    if os.geteuid() != 0:
        fail("building the image needs root (once): sudo tools/vm.py up")
    print(f"building {image.relative_to(ROOT)}: some minutes, once", flush=True)
    building = CACHE / "building"
    shutil.rmtree(building, ignore_errors=True)
    tree = building / "tree"
    (APT_CACHE / "partial").mkdir(parents=True, exist_ok=True)
    building.mkdir(parents=True)
    run(
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={','.join(PACKAGES)}",
        "--skip=essential/unlink",
        '--setup-hook=mkdir -p "$1"/var/cache/apt/archives/',
        f"--setup-hook=sync-in {APT_CACHE} /var/cache/apt/archives/",
        f"--customize-hook=sync-out /var/cache/apt/archives {APT_CACHE}",
        SUITE, tree,
    )  # fmt: skip
    finish_tree(tree)
    shutil.copy((tree / "vmlinuz").resolve(), building / "vmlinuz")
    shutil.copy((tree / "initrd.img").resolve(), building / "initrd.img")
    run("truncate", "--size", IMAGE_SIZE, building / "root.raw")
    run("mkfs.ext4", "-q", "-d", tree, building / "root.raw")
    shutil.rmtree(tree)
    building.rename(image)
    for old in CACHE.glob(f"{SUITE}-*"):
        if old != image:
            shutil.rmtree(old)
    return image


def finish_tree(tree: Path) -> None:
    run("chroot", tree, "useradd", "--create-home", "--shell", "/bin/bash", "debian")
    (tree / "etc/sudoers.d/debian").write_text("debian ALL=(ALL) NOPASSWD: ALL\n")
    (tree / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")  # the resolver of qemu's user network
    (tree / "etc/machine-id").write_text("")  # empty: the guest makes its own, and no "first boot" enables every unit
    for path in (tree / "etc/hostname", tree / "etc/hosts", *tree.glob("etc/ssh/ssh_host_*")):
        path.unlink(missing_ok=True)
    run("systemctl", f"--root={tree}", "--quiet", "disable", *DISABLED_UNITS)
    run("systemctl", f"--root={tree}", "--quiet", "enable", "systemd-networkd", "ssh")


# ---- the guests ----------------------------------------------------------------------------------------------------


def guests(inventory: str) -> dict[str, dict]:
    """The hosts of the inventory with their variables, as Ansible sees them."""
    if not shutil.which("ansible-inventory"):
        fail("ansible-inventory is not on PATH; `make venv` puts it into .cache/venv/bin")
    return json.loads(run("ansible-inventory", "-i", inventory, "--list", stdout=subprocess.PIPE).stdout)["_meta"]["hostvars"]


def make_key(path: Path, comment: str) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)


def credentials(name: str, variables: dict) -> dict[str, str]:
    """What makes the image this guest, as systemd credentials: files that are made if missing, and two networks."""
    address = variables["site_address"]

    def line(path: str, mode: str, owner: str, content: str) -> str:
        return f"f~ {path} {mode} {owner} {owner} - {base64.b64encode(content.encode()).decode()}\n"

    return {
        "tmpfiles.extra": line("/etc/hostname", "0644", "root", f"{name}\n")
        + line("/etc/hosts", "0644", "root", f"127.0.0.1 localhost\n{address} {name} {name.split('.')[0]}\n")
        + line("/etc/ssh/ssh_host_ed25519_key", "0600", "root", (RUN / name / "host_key").read_text())
        + line("/etc/ssh/ssh_host_ed25519_key.pub", "0644", "root", (RUN / name / "host_key.pub").read_text())
        # The package lists pass for fresh: what the image lacks is a mistake here, not to be fetched in every run.
        + "f /var/lib/apt/periodic/update-success-stamp\n"
        + "d /home/debian/.ssh 0700 debian debian\n"
        + line("/home/debian/.ssh/authorized_keys", "0600", "debian", KEY.with_suffix(".pub").read_text()),
        "network.network.10-site": f"[Match]\nMACAddress={mac(address, 'site')}\n[Network]\nAddress={address}/24\n",
        "network.network.20-out": f"[Match]\nMACAddress={mac(address, 'out')}\n[Network]\nDHCP=ipv4\n",
    }


def mac(address: str, network: str) -> str:
    octets = [int(octet) for octet in address.split(".")[1:]]
    return ":".join(f"{octet:02x}" for octet in (0x52, 0x54, {"out": 0, "site": 1}[network], *octets))


def pid_of(directory: Path) -> int | None:
    """The guest's qemu, if it runs: the pid file names a process, and that process has the directory on its command line."""
    try:
        pid = int((directory / "pid").read_text())
        return pid if str(directory / "pid").encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") else None
    except (FileNotFoundError, ValueError):
        return None


def boot(name: str, variables: dict, image: Path, accel: list[str]) -> None:
    directory = RUN / name
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_key(directory / "host_key", name)
    disk = directory / "disk.qcow2"
    if not disk.exists():
        for facts in (ROOT / ".cache/facts").glob(f"*{name}"):  # of a former guest of this name
            facts.unlink()
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image / "root.raw", disk)
    handed_in = []
    for credential, content in credentials(name, variables).items():
        path = directory / f"credential.{credential}"
        path.write_text(content)
        handed_in += ["-fw_cfg", f"name=opt/io.systemd.credentials/{credential},file={path}"]
    run(
        "qemu-system-x86_64", "-name", name, *accel, "-smp", variables["vm_cpus"], "-m", variables["vm_memory"],
        "-kernel", image / "vmlinuz", "-initrd", image / "initrd.img",
        "-append", f"root=/dev/vda rw console=ttyS0 panic=-1 mitigations=off systemd.hostname={name}",
        # The guest is thrown away in the end: no write needs to reach the host's disk.
        "-drive", f"if=virtio,format=qcow2,cache=unsafe,file={disk}",
        "-netdev", f"user,id=out,hostfwd=tcp:127.0.0.1:{variables['ansible_port']}-:22",
        "-device", f"virtio-net-pci,netdev=out,mac={mac(variables['site_address'], 'out')}",
        "-netdev", f"socket,id=site,mcast={segment()},localaddr=127.0.0.1",
        "-device", f"virtio-net-pci,netdev=site,mac={mac(variables['site_address'], 'site')}",
        "-device", "virtio-rng-pci", "-display", "none", "-serial", f"file:{directory}/console.log",
        "-qmp", "unix:qmp,server=on,wait=off",  # relative: a socket's path may have 107 characters at most
        *handed_in, "-pidfile", directory / "pid", "-daemonize",
        cwd=directory,
    )  # fmt: skip


def segment() -> str:
    """Multicast group and port of this checkout's segment; another checkout's guests have another one."""
    digest = hashlib.sha256(str(ROOT).encode()).digest()
    return f"239.255.{digest[0]}.{digest[1]}:{20000 + digest[2] * 16}"


def write_ssh_files(hosts: dict[str, dict]) -> None:
    """known_hosts with the keys that were made here, and a configuration for `ssh -F .sandbox/vm/ssh_config vm1.grid.test`."""
    known, config = [], []
    for name, variables in hosts.items():
        known.append(f"{name} {' '.join((RUN / name / 'host_key.pub').read_text().split()[:2])}\n")
        config.append(f"Host {name}\n  Port {variables['ansible_port']}\n  HostKeyAlias {name}\n")
    config.append(f"Host *\n  HostName 127.0.0.1\n  User debian\n  IdentityFile {KEY}\n  UserKnownHostsFile {RUN}/known_hosts\n"
                  "  StrictHostKeyChecking yes\n  BatchMode yes\n  ConnectTimeout 20\n")  # fmt: skip
    (RUN / "known_hosts").write_text("".join(known))
    (RUN / "ssh_config").write_text("".join(config))


def wait_for_ssh(name: str, deadline: float) -> None:
    while True:
        answer = subprocess.run(["ssh", "-F", str(RUN / "ssh_config"), name, "true"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return
        said = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
        if not pid_of(RUN / name):
            fail(f"{name} ended during its boot; its last words are in .sandbox/vm/{name}/console.log")
        if "HOST IDENTIFICATION" in answer.stderr or time.monotonic() > deadline:
            fail(f"{name} does not answer by ssh ({said}); see .sandbox/vm/{name}/console.log")
        time.sleep(2)


def up(inventory: str) -> None:
    run(ROOT / "tools/bootstrap", "base", "vm")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    hosts = guests(inventory)
    image = ensure_image()
    start = time.monotonic()
    make_key(KEY, "elastigrid-sandbox")
    stopped = [name for name in hosts if not pid_of(RUN / name)]
    accel = accelerator(image / "vmlinuz") if stopped else []
    for name in stopped:
        boot(name, hosts[name], image, accel)
    write_ssh_files(hosts)
    for name in hosts:
        wait_for_ssh(name, start + SSH_PATIENCE)
        print(f"{name} answers after {time.monotonic() - start:.0f} s: ssh -F .sandbox/vm/ssh_config {name}", flush=True)


def down() -> None:
    for directory in RUN.glob("*/"):
        if pid := pid_of(directory):
            os.kill(pid, signal.SIGTERM)
            while pid_of(directory):
                time.sleep(0.1)
    shutil.rmtree(RUN, ignore_errors=True)
    if RUN.parent.exists() and [path.name for path in RUN.parent.iterdir()] == ["ssh"]:
        shutil.rmtree(RUN.parent)  # only the key is left: no container sandbox uses it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up").add_argument("-i", "--inventory", default=str(ROOT / "inventories/vm/hosts.yml"))
    commands.add_parser("down")
    arguments = parser.parse_args()
    up(arguments.inventory) if arguments.command == "up" else down()


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        fail(f"{Path(error.cmd[0]).name} failed (exit {error.returncode})")
