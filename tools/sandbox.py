#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Systemd nodes under podman that are reached over ssh, exactly as virtual machines would be.

    tools/sandbox.py up [-i INVENTORY]...      create and start the nodes of the inventory that are missing
    tools/sandbox.py remove NODE...            remove single nodes
    tools/sandbox.py destroy                   remove every node, the network, the volume and the keys
    tools/sandbox.py clean                     the same, and the node images
    tools/sandbox.py info                      say how to log in
    tools/sandbox.py podman -- ARGS...         the podman that the nodes run under

The nodes are the inventory's hosts that have `site_address`; the inventory's `sandbox` variable names the sandbox:

    sandbox: {name: site, subnet: 10.89.77.0/24, shared: /shared}

A host with `sandbox_closed_ports` cannot be called at these TCP ports by others, as behind NAT.

What is kept in `.cache/` (image, packages) survives `destroy`; `.sandbox/` is the running sandbox.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import hashlib
import io
import ipaddress
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import typing as t

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
STATE = ROOT / ".sandbox"
KEY = STATE / "ssh" / "id_ed25519"
BASE = "docker.io/library/debian:13-slim"
LABEL = "elastigrid.sandbox"
# One for all checkouts, as podman's containers are.
KEEPER = pathlib.Path("/run/elastigrid-sandbox.pid")
PACKAGES = (
    "apt-cacher-ng ca-certificates dbus iproute2 iputils-ping less nftables openssh-server openssl "
    "procps python3 python3-apt sudo systemd systemd-sysv vim-tiny"
).split()

# What every node needs beyond its packages: a user as on a cloud image, no key material, no daemon of ours running.
IMAGE_SETUP = """\
set -e
useradd --create-home --shell /bin/bash debian
echo 'debian ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/debian
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/nftables.conf /etc/apt/apt.conf.d/docker-clean
systemctl disable -q apt-cacher-ng.service apt-daily.timer apt-daily-upgrade.timer
systemctl mask -q systemd-modules-load.service systemd-udevd.service systemd-timesyncd.service systemd-resolved.service
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io
printf 'path-exclude=/usr/share/%s/*\\n' doc man locale >/etc/dpkg/dpkg.cfg.d/no-docs
"""
# Named by what it is made of, so that a change makes a new one.
IMAGE = f"localhost/elastigrid-node:{hashlib.sha256(f'{BASE} {PACKAGES} {IMAGE_SETUP}'.encode()).hexdigest()[:12]}"


class SandboxError(Exception):
    """Something that the user can act on; shown without a traceback."""


def say(message: str) -> None:
    print(f"sandbox: {message}", flush=True)


def run(*command: str, **kwargs) -> subprocess.CompletedProcess:
    """Run a command; on failure raise with what it said."""
    kwargs.setdefault("text", True)
    result = subprocess.run(command, capture_output=True, check=False, **kwargs)
    if result.returncode:
        said = (result.stderr or result.stdout or "").strip() if kwargs["text"] else result.stderr.decode()
        raise SandboxError(f"`{' '.join(map(str, command))[:300]}` ended with {result.returncode}:\n{said}")
    return result


def as_root(*command: str) -> str:
    return run(*(["sudo"] if os.geteuid() else []), *command).stdout


# --- The host: what an unusual one needs is found out here, and nowhere else -------------------------------------------


@functools.cache
def podman_command() -> tuple[str, ...]:
    """The words before podman's arguments on this host.

    Nothing but `podman` on a host with systemd and plain cgroup v2. crun refuses hybrid cgroups, so that a host that has
    them lends podman one mount namespace with a plain cgroup2 view; it must be one and the same for all calls, since the
    pins of the network namespaces lie in it.
    """
    if not shutil.which("podman"):
        raise SandboxError("podman is missing: install it (Debian: apt install podman crun netavark; Fedora: dnf install podman)")
    if os.geteuid():
        return ("sudo", "podman")
    settings = container_settings()
    prefix: tuple[str, ...] = ()
    if settings:
        path = STATE / "containers.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(settings)
        prefix = ("env", f"CONTAINERS_CONF={path}")
    if not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        prefix = ("nsenter", f"--mount=/proc/{mount_namespace_keeper()}/ns/mnt", *prefix)
    return (*prefix, "podman")


def container_settings() -> str:
    """containers.conf for a host without systemd as pid 1 or where root may not raise limits; else nothing."""
    engine, containers = [], []
    if pathlib.Path("/proc/1/comm").read_text().strip() != "systemd":
        engine += ['cgroup_manager = "cgroupfs"', 'events_logger = "file"']
        containers += ["pids_limit = 0"]
    capabilities = int(pathlib.Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0], 16)
    if not capabilities >> 24 & 1:  # CAP_SYS_RESOURCE
        containers += ['default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]']
    if not engine and not containers:
        return ""
    return "\n".join(["[containers]", *containers, "[engine]", *engine, ""])


def mount_namespace_keeper() -> int:
    """The pid of the process that holds the mount namespace, started if need be."""
    if KEEPER.exists():
        pid = int(KEEPER.read_text())
        if b"elastigrid-sandbox" in read_bytes(f"/proc/{pid}/cmdline"):
            return pid
    # Where a keeper before it was ended with nodes left, podman would stumble over their pins at each call, a removal included: new ones will do.
    script = (
        "umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount --make-rshared / && "
        "for pin in /run/netns/netns-*; do "
        'if [[ -e $pin && $(stat --file-system --format %T "$pin") != nsfs ]]; then unshare --net="$pin" true; fi; done && '
        "echo ready && exec -a elastigrid-sandbox sleep infinity"
    )
    keeper = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", script],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, cwd="/",
    )
    if keeper.stdout.readline() != b"ready\n":
        raise SandboxError("this host has no plain cgroup v2 (systemd.unified_cgroup_hierarchy=1) and does not let root mount one")
    KEEPER.write_text(str(keeper.pid))
    return keeper.pid


def end_mount_namespace() -> None:
    if KEEPER.exists():
        pid = int(KEEPER.read_text())
        if b"elastigrid-sandbox" in read_bytes(f"/proc/{pid}/cmdline"):
            os.kill(pid, 15)
        KEEPER.unlink()


def ensure_inotify_instances() -> None:
    """Each systemd node takes about eight of what the kernel gives to one user, 128 by default."""
    limit = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text()) < 1024:
        as_root("sysctl", "--quiet", "--write", "fs.inotify.max_user_instances=1024")


def read_bytes(path: str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def podman(*arguments: str, **kwargs) -> str:
    return run(*podman_command(), *arguments, **kwargs).stdout


# --- The inventory: the one list of nodes -------------------------------------------------------------------------------


def read_inventory(sources: list[str]) -> tuple[dict, dict[str, dict]]:
    """The `sandbox` variable, and the variables of each host that is to be a node."""
    words = [word for source in sources for word in ("-i", source)]
    hostvars = json.loads(run("ansible-inventory", *words, "--list").stdout)["_meta"]["hostvars"]
    nodes = {name: variables for name, variables in hostvars.items() if "site_address" in variables}
    settings = next((variables["sandbox"] for variables in nodes.values() if "sandbox" in variables), None)
    if not nodes or not settings:
        raise SandboxError(f"no host with `site_address`, or no `sandbox` variable, in {' '.join(sources)}")
    return settings, nodes


# --- Image and package cache --------------------------------------------------------------------------------------------


def ensure_image() -> None:
    if not subprocess.run([*podman_command(), "image", "exists", IMAGE], check=False).returncode:
        return
    started = time.monotonic()
    archives = CACHE / "apt" / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    pull = subprocess.run([*podman_command(), "pull", "--quiet", BASE], capture_output=True, check=False, timeout=600)
    if not pull.returncode:
        say(f"building the node image from {BASE}")
        containerfile = f"FROM {BASE}\nRUN apt-get update && apt-get install -y --no-install-recommends {' '.join(PACKAGES)}\n"
        containerfile += f"RUN {json.dumps(['sh', '-c', IMAGE_SETUP])}\nCMD [\"/sbin/init\"]\n"
        podman("build", "--tag", IMAGE, "--volume", f"{archives}:/var/cache/apt/archives", "--file", "-", str(CACHE / "apt"), input=containerfile)
    elif shutil.which("mmdebstrap"):
        say("no container registry answers: building the node image by mmdebstrap")
        tree = CACHE / "node.tar"
        run(
            "mmdebstrap", "--variant=minbase", "--skip=essential/unlink", f"--include={','.join(PACKAGES)}",
            '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*',
            f"--setup-hook=mkdir -p $1/var/cache/apt/archives && cp -al {archives}/. $1/var/cache/apt/archives/ 2>/dev/null || cp -a {archives}/. $1/var/cache/apt/archives/",
            f"--customize-hook=cp -n $1/var/cache/apt/archives/*.deb {archives}/",
            '--customize-hook=chroot $1 sh -c "$IMAGE_SETUP"',
            "trixie", str(tree), env={**os.environ, "IMAGE_SETUP": IMAGE_SETUP},
        )
        podman("import", "--change", 'CMD ["/sbin/init"]', str(tree), IMAGE)
        tree.unlink()
    else:
        raise SandboxError(f"{BASE} cannot be pulled and mmdebstrap is missing: one of the two is needed to build the node image")
    say(f"node image built in {time.monotonic() - started:.0f} s")


def ensure_package_cache(settings: dict, address: str) -> None:
    """One node runs apt-cacher-ng, so that a package is downloaded once, not once per node and sandbox."""
    store = CACHE / "apt-cacher-ng"
    store.mkdir(parents=True, exist_ok=True)
    name = f"{settings['name']}-packages"
    if exists("container", name):
        podman("start", name)
        return
    podman(
        "run", "--detach", "--name", name, "--label", f"{LABEL}={settings['name']}", "--network", network_name(settings), "--ip", address, "--privileged",
        "--volume", f"{store}:/var/cache/apt-cacher-ng", IMAGE,
        "sh", "-c", "chown apt-cacher-ng: /var/cache/apt-cacher-ng && mkdir -p /run/apt-cacher-ng && chown apt-cacher-ng: /run/apt-cacher-ng && "
        "exec setpriv --reuid apt-cacher-ng --regid apt-cacher-ng --init-groups apt-cacher-ng -c /etc/apt-cacher-ng ForeGround=1",
    )  # fmt: skip


def remove_left_bridge(gateway: str) -> None:
    """The bridge outlives a network whose nodes were killed with the host's other processes; podman then refuses the subnet."""
    known = {network.get("network_interface") for network in json.loads(podman("network", "inspect", *podman("network", "ls", "--quiet").split()))}
    ports = {link.get("master") for link in json.loads(run("ip", "-json", "link", "show").stdout)}
    for link in json.loads(run("ip", "-json", "address", "show", "type", "bridge").stdout):
        name = link.get("ifname", "")
        if any(address["local"] == gateway for address in link.get("addr_info", [])) and name.startswith("podman") and name not in known | ports:
            as_root("ip", "link", "delete", name)


def ensure_network(settings: dict) -> str:
    """Image, network, shared volume and package cache: all that nodes need. Returns the address of the latter."""
    subnet = ipaddress.ip_network(settings["subnet"])
    gateway, proxy = str(subnet[1]), str(subnet[2])
    ensure_inotify_instances()
    ensure_image()
    if not exists("network", network_name(settings)):
        remove_left_bridge(gateway)
        podman("network", "create", "--disable-dns", "--subnet", str(subnet), "--gateway", gateway, network_name(settings))
    if not exists("volume", network_name(settings)):
        podman("volume", "create", network_name(settings))
    ensure_package_cache(settings, proxy)
    return proxy


# --- Nodes --------------------------------------------------------------------------------------------------------------


def network_name(settings: dict) -> str:
    return f"elastigrid-{settings['name']}"


def exists(kind: str, name: str) -> bool:
    return not subprocess.run([*podman_command(), kind, "exists", name], check=False, stderr=subprocess.DEVNULL).returncode


def owned(settings: dict) -> list[str]:
    return podman("ps", "--all", "--filter", f"label={LABEL}={settings['name']}", "--format", "{{.Names}}").split()


def ensure_key(path: pathlib.Path) -> str:
    """Make an ed25519 key pair once; return its public half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "elastigrid-sandbox", "-f", str(path))
    return path.with_suffix(".pub").read_text()


# Nobody else calls these ports.
CLOSED_PORTS = """\
#!/usr/sbin/nft -f
flush ruleset
table inet closed {
  chain in {
    type filter hook input priority filter
    iifname != lo tcp dport { %s } ct state new drop
  }
}
"""


def seed(name: str, address: str, hostkey: pathlib.Path, authorized_keys: str, proxy: str, closed_ports: t.Sequence[int] = ()) -> bytes:
    """What cloud-init would give a virtual machine, as a tar archive: its keys, its name, its package proxy and its packet filter."""
    short = name.split(".")[0]
    files = {
        "etc/hosts": (f"127.0.0.1 localhost\n{address} {name} {short}\n", 0o644, 0),
        "etc/apt/apt.conf.d/01sandbox": (f'Acquire::http::Proxy "http://{proxy}:3142";\n', 0o644, 0),
        "etc/ssh/ssh_host_ed25519_key": (hostkey.read_text(), 0o600, 0),
        "etc/ssh/ssh_host_ed25519_key.pub": (hostkey.with_suffix(".pub").read_text(), 0o644, 0),
        "home/debian/.ssh/authorized_keys": (authorized_keys, 0o600, 1000),
    }
    if closed_ports:
        files["etc/nftables.conf"] = (CLOSED_PORTS % ", ".join(map(str, closed_ports)), 0o755, 0)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path, (text, mode, owner) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.uid, entry.gid = len(text.encode()), mode, owner, owner
            archive.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def start_container(settings: dict, name: str, address: str, *options: str, image: str = IMAGE) -> None:
    """A new container that runs systemd and belongs to the sandbox."""
    podman(
        "run", "--detach", "--name", name, "--label", f"{LABEL}={settings['name']}", "--network", network_name(settings), "--ip", address,
        "--privileged", "--systemd=always", *options, image, "/sbin/init",
    )  # fmt: skip


def wait_for_systemd(name: str) -> None:
    wait(f"systemd in {name}", lambda: answers(name, "systemctl", "show", "--property=Version"))


def start_node(settings: dict, name: str, address: str, hostname: str, *options: str) -> None:
    shared = f"{network_name(settings)}:{settings['shared']}"
    start_container(settings, name, address, "--hostname", hostname, "--no-hosts", "--volume", shared, *options)


def is_seeded(name: str) -> bool:
    """False also for a node that a former run made and then was cut off."""
    return answers(name, "test", "-e", "/etc/ssh/ssh_host_ed25519_key")


def plant(name: str, archive: bytes) -> None:
    """Give a node its seed; sshd listens from then on."""
    wait_for_systemd(name)
    podman("exec", "--interactive", name, "tar", "--extract", "--directory=/", input=archive, text=False)
    # The package lists count as old however young the image is: they are empty.
    script = "chown -R debian: /home/debian/.ssh && chmod 700 /home/debian/.ssh && touch --date @0 /var/lib/apt/lists"
    filter_ports = "{ [ ! -e /etc/nftables.conf ] || systemctl enable --quiet --now nftables; }"
    podman("exec", name, "sh", "-c", f"{script} && systemctl reset-failed ssh && systemctl restart ssh && {filter_ports}")


def ensure_node(settings: dict, name: str, variables: dict, proxy: str) -> bool:
    """Create and start one node; True if it was not there."""
    address = variables["site_address"]
    hostkey = STATE / settings["name"] / "hosts" / name / "ssh_host_ed25519_key"
    new = not exists("container", name)
    if not new and not hostkey.exists():
        raise SandboxError(f"there is a container {name} whose keys are not in {STATE}: another checkout's; destroy that sandbox there")
    ensure_key(hostkey)
    if new:
        for facts in (CACHE / "facts").glob(f"*{name}"):  # of a former node of this name
            facts.unlink()
        start_node(settings, name, address, name)
    else:
        podman("start", name)
    if not is_seeded(name):
        plant(name, seed(name, address, hostkey, ensure_key(KEY), proxy, variables.get("sandbox_closed_ports", [])))
    wait_for_ssh(name, address)
    return new


def answers(name: str, *command: str) -> bool:
    return not subprocess.run([*podman_command(), "exec", name, *command], check=False, capture_output=True).returncode


def wait(what: str, ready, seconds: int = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SandboxError(f"waited {seconds} s for {what}")
        time.sleep(0.2)


def wait_for_ssh(name: str, address: str) -> None:
    def greets() -> bool:
        try:
            with socket.create_connection((address, 22), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    wait(f"ssh on {name} ({address})", greets)


def write_ssh_files(settings: dict, nodes: dict[str, dict]) -> None:
    """known_hosts with the keys that we made, and a configuration for `ssh -F`."""
    place = STATE / settings["name"]
    known, config = [], []
    for name, variables in nodes.items():
        key = (place / "hosts" / name / "ssh_host_ed25519_key.pub").read_text().rsplit(" ", 1)[0]
        known.append(f"{name},{variables['site_address']} {key}\n")
        config.append(f"Host {name} {name.split('.')[0]}\n  HostName {variables['site_address']}\n  HostKeyAlias {name}\n")
    config.append(f"Host *\n  User debian\n  IdentityFile {KEY}\n  UserKnownHostsFile {place / 'known_hosts'}\n  StrictHostKeyChecking yes\n")
    (place / "known_hosts").write_text("".join(known))
    (place / "ssh_config").write_text("".join(config))
    (place / "nodes.json").write_text(json.dumps({name: variables["site_address"] for name, variables in nodes.items()}))


# --- Commands -----------------------------------------------------------------------------------------------------------


def up(settings: dict, nodes: dict[str, dict]) -> None:
    started = time.monotonic()
    proxy = ensure_network(settings)
    known = STATE / settings["name"] / "nodes.json"
    others = json.loads(known.read_text()) if known.exists() else {}
    ensure_key(KEY)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda item: ensure_node(settings, *item, proxy), nodes.items()))
    alive = set(owned(settings))
    everyone = {name: {"site_address": address} for name, address in others.items() if name in alive} | nodes
    write_ssh_files(settings, everyone)
    say(f"{len(nodes)} nodes are up ({sum(made)} new) after {time.monotonic() - started:.0f} s")


def remove(settings: dict, names: list[str]) -> None:
    unknown = set(names) - set(owned(settings))
    if unknown:
        raise SandboxError(f"no such node: {', '.join(sorted(unknown))} (there are: {', '.join(sorted(owned(settings)))})")
    podman("rm", "--force", "--time", "5", *names)


def destroy(settings: dict) -> None:
    names = owned(settings)
    if names:
        podman("rm", "--force", "--time", "2", "--volumes", *names)
    for kind in ("network", "volume"):
        if exists(kind, network_name(settings)):
            podman(kind, "rm", "--force", network_name(settings))
    shutil.rmtree(STATE / settings["name"], ignore_errors=True)
    # Every podman container of this host was started in that namespace, not only ours.
    if not podman("ps", "--all", "--quiet").strip():
        end_mount_namespace()
        if not any(path.is_dir() and path != KEY.parent for path in STATE.iterdir()):
            shutil.rmtree(STATE)
    say(f"{len(names)} containers, their network, volume and keys are gone; packages and image stay cached (make clean removes them)")


def clean(settings: dict) -> None:
    images = podman("images", "--quiet", "--filter", f"reference={IMAGE.split(':')[0]}").split()
    if images:
        podman("rmi", "--force", *images)
    destroy(settings)


def info(settings: dict, nodes: dict[str, dict]) -> None:
    """How to log in and, once playbooks/verify.yml has looked at the site, what it offers."""
    config = (STATE / settings["name"] / "ssh_config").relative_to(ROOT)
    width = max(map(len, nodes))
    print(f"\nLog in from {ROOT}:")
    for name, variables in nodes.items():
        print(f"  ssh -F {config} {name:<{width}}   # {variables['site_address']}")
    report = ROOT / "reports" / "site.json"
    if not report.exists():
        return
    site = json.loads(report.read_text())
    for endpoint in site["endpoints"]:
        print(f"\n{endpoint['name']}: {endpoint['url']}")
    for way in site["submit"]:
        print(f"\n{way['title']}:", *way["commands"], sep="\n  ")
    print(f"\nReport: {report.with_suffix('.html')}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["up", "remove", "destroy", "clean", "info", "podman"])
    parser.add_argument("-i", "--inventory", action="append", help="inventory, may be given more than once (default: inventories/sandbox)")
    parser.add_argument("arguments", nargs="*", help="nodes to remove, or arguments of podman (after --)")
    options = parser.parse_args()
    try:
        if options.command == "podman":
            return subprocess.run([*podman_command(), *options.arguments], check=False).returncode
        settings, nodes = read_inventory(options.inventory or [str(ROOT / "inventories" / "sandbox")])
        {
            "up": lambda: up(settings, nodes),
            "remove": lambda: remove(settings, options.arguments),
            "destroy": lambda: destroy(settings),
            "clean": lambda: clean(settings),
            "info": lambda: info(settings, nodes),
        }[options.command]()
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
