# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The example inventory from credentials to a finished grid job and back to nothing: provision, site, verify and teardown as a user
runs them, on servers of the real OpenStack that have a body by the stand-in for a hypervisor. The tests build on each other.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest
from conftest import ROOT, Hypervisor, belonging, clean, wait

SITE = "demo"
WORKER = "demo-worker-2.grid.test"
CONTROLLER = "demo-controller-1.grid.test"
BASTION = "demo-ce-1.grid.test"


class Admin:
    """Somebody with a home directory, an ssh agent and clouds.yaml."""

    def __init__(self, home: pathlib.Path, cloud_name: str) -> None:
        self.home = home
        self.known_hosts = home / ".ssh" / f"known_hosts.elastigrid-{SITE}"
        (home / ".ssh").mkdir(mode=0o700)
        self.public_key = home / ".ssh" / "id_ed25519.pub"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.public_key.with_suffix("")], check=True)
        self.inventory = ["-i", "inventories/openstack", "-i", "tests/cloud/site"]
        self.environment = os.environ | {
            "HOME": str(home),
            "OS_CLOUD": cloud_name,
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(home / "facts"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(home / "cp"),
            "ANSIBLE_NOCOLOR": "1",
        }
        self.environment.pop("ANSIBLE_CALLBACKS_ENABLED", None)
        agent = subprocess.run(["ssh-agent", "-s"], text=True, capture_output=True, check=True).stdout
        self.environment |= dict(re.findall(r"(SSH_\w+)=([^;]+);", agent))
        subprocess.run(["ssh-add", "-q", self.public_key.with_suffix("")], env=self.environment, check=True)

    def leave(self) -> None:
        subprocess.run(["ssh-agent", "-k"], env=self.environment, capture_output=True, check=True)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, env=self.environment, text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def play(self, name: str, *arguments: str) -> str:
        done = self.run("ansible-playbook", *self.inventory, f"playbooks/{name}.yml", "-e", f"site_public_key='{self.public_key.read_text().strip()}'", *arguments)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        return done.stdout

    def ask(self, host: str, command: str, *arguments: str) -> str:
        """What a command on a host prints; on failure also why there was none."""
        done = self.run("ansible", *self.inventory, host, "-b", "-m", "ansible.builtin.shell", "-a", command, *arguments)
        return done.stdout + done.stderr

    def hosts(self) -> dict[str, dict[str, t.Any]]:
        done = self.run("ansible-inventory", *self.inventory, "--list")
        assert done.returncode == 0, done.stderr
        # What comes from the cloud is marked as no template.
        return json.loads(done.stdout, object_hook=lambda thing: thing.get("__ansible_unsafe", thing))["_meta"]["hostvars"]


def changes(output: str) -> dict[str, int]:
    """How many tasks changed something, by host."""
    return {host: int(count) for host, count in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.MULTILINE)}


@pytest.fixture(scope="module")
def admin(cloud: t.Any, cloud_name: str, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Admin]:
    clean(cloud, SITE)
    place = tmp_path_factory.mktemp("site")
    hypervisor = Hypervisor(cloud_name, place / "hypervisor.log")
    hypervisor.domain = "grid.test"
    home = place / "home"
    home.mkdir()
    admin = Admin(home, cloud_name)
    hypervisor.start()
    yield admin
    clean(cloud, SITE)
    hypervisor.down()
    print(hypervisor.log.read_text())
    admin.leave()


def test_provision(admin: Admin) -> None:
    """From nothing to servers that answer; the second run changes nothing."""
    assert changes(admin.play("provision"))["localhost"] > 0
    assert set(admin.hosts()) == {BASTION, CONTROLLER, "demo-worker-1.grid.test", WORKER}
    assert set(changes(admin.play("provision")).values()) == {0}


def test_site_and_a_job_through_it(admin: Admin) -> None:
    admin.play("site")
    admin.play("verify")
    assert set(changes(admin.play("site")).values()) == {0}


def test_volumes_are_mounted(admin: Admin) -> None:
    said = admin.ask(CONTROLLER, "findmnt --noheadings --output TARGET,FSTYPE /srv/state; findmnt --noheadings --output TARGET,FSTYPE /srv/scratch; cat /etc/fstab")
    assert re.search(r"/srv/state +ext4", said) and re.search(r"/srv/scratch +xfs", said), said
    assert len(re.findall(r"UUID=\S+\s+/srv/(?:state|scratch)\s", said)) == 2, said


def test_workers_are_reached_through_the_bastion(admin: Admin) -> None:
    hosts = admin.hosts()
    assert hosts[BASTION]["ansible_host"] != hosts[BASTION]["site_address"], "it is reached by its floating IP"
    said = admin.run("ansible", *admin.inventory, WORKER, "-m", "ansible.builtin.command", "-a", "printenv SSH_CONNECTION").stdout
    assert said.splitlines()[-1].split()[0] == hosts[BASTION]["site_address"], said


def test_a_new_server_at_the_address_of_an_old_one(admin: Admin, cloud: t.Any) -> None:
    """ssh takes it for what it is; Slurm gets its worker back."""
    before = admin.hosts()
    cloud.delete("compute", f"/servers/{before[WORKER]['openstack']['id']}")
    wait("the server to go", lambda: WORKER not in admin.hosts())
    admin.play("provision")
    after = admin.hosts()
    assert after[WORKER]["site_address"] == before[WORKER]["site_address"]
    assert after[WORKER]["openstack"]["id"] != before[WORKER]["openstack"]["id"]
    # The facts are those of the former server.
    said = admin.play("site", "--limit", WORKER, "--flush-cache")
    assert set(changes(said)) == {WORKER}
    state = admin.ask(CONTROLLER, "scontrol show node demo-worker-2")
    assert "State=IDLE" in state, state


def test_a_server_whose_key_has_changed_is_refused(admin: Admin) -> None:
    place = "/etc/ssh/ssh_host_ed25519_key"
    admin.ask(WORKER, f"mv {place} {place}.kept && ssh-keygen -q -t ed25519 -N '' -f {place}.new && mv {place}.new {place} && systemctl restart ssh")
    # Not through the connection that is open already.
    fresh = ("-e", "ansible_ssh_extra_args='-o ControlPath=none'")
    said = admin.ask(WORKER, "true", *fresh)
    assert "UNREACHABLE" in said and "REMOTE HOST IDENTIFICATION HAS CHANGED" in said, said
    said = admin.ask(WORKER, f"mv {place}.kept {place} && systemctl restart ssh")
    assert "UNREACHABLE" not in said, said
    assert "UNREACHABLE" not in admin.ask(WORKER, "true", *fresh)


def test_host_keys_from_the_console(admin: Admin, tmp_path: pathlib.Path) -> None:
    """Without a known_hosts file the keys are those that cloud-init printed. A server that printed none is refused."""
    text = (ROOT / "inventories" / "openstack" / "openstack.yml").read_text()
    known_hosts = tmp_path / "known_hosts"
    source = tmp_path / "openstack.yml"
    source.write_text(f"{text}host_key_source: console\nknown_hosts: {known_hosts}\n")
    console = ROOT / ".sandbox" / "cloud" / "console" / admin.hosts()[WORKER]["openstack"]["id"]
    printed = console.read_text()
    console.write_text("Debian GNU/Linux 13\n")
    command = ["ansible", "-i", str(source), "all", "-m", "ansible.builtin.ping", "-u", "debian", "-e", "ansible_ssh_extra_args='-o ControlPath=none'"]
    try:
        refused = admin.run(*command)
    finally:
        console.write_text(printed)
    unreachable = {line.split()[0] for line in refused.stdout.splitlines() if "UNREACHABLE" in line}
    assert unreachable == {WORKER}, refused.stdout + refused.stderr
    assert "ssh will refuse server demo-worker-2 " in refused.stderr
    assert len(known_hosts.read_text().splitlines()) == 3
    done = admin.run(*command)
    assert done.returncode == 0, done.stdout


def test_teardown(admin: Admin, cloud: t.Any) -> None:
    """Nothing stays but the volume that is to be kept, which then goes by its id."""
    servers = {variables["openstack"]["id"] for variables in admin.hosts().values()}
    assert all(server in admin.known_hosts.read_text() for server in servers)
    said = admin.play("teardown", "-e", f"teardown={SITE}")
    left = belonging(cloud, SITE)
    assert list(left) == ["volume"] and len(left["volume"]) == 1, left
    assert left["volume"][0] in said and "demo-controller-1-state" in said, said
    assert not any(server in admin.known_hosts.read_text() for server in servers)
    admin.play("teardown", "-e", f"teardown={SITE}", "-e", f"teardown_volumes={left['volume'][0]}")
    assert belonging(cloud, SITE) == {}
