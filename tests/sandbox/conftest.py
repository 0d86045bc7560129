# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A converged sandbox to look at and to play with. Each story puts back what it changed; the end of the session compares.

Every test runs real playbooks, real daemons and real jobs; what Ansible says of itself is held against what the hosts say.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import time
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE = "inventories/sandbox"
CONTROLLER = "ctl.grid.test"
LOGIN = "login.grid.test"
CACHE, ORIGIN = "cache.grid.test", "store.away.test"
STORE = "/srv/xrootd/store"
CES = ["ce.grid.test", "ce2.grid.test"]
# Those for which it matters which workers of Slurm there are.
CLUSTER = "slurm_controller:slurm_submit:slurm_worker:arc_ce"
WORKERS = ["wn1.grid.test", "wn2.grid.test"]
# As Slurm and HTCondor call them.
KNOWN = "store.away.test, wn1, wn1.grid.test, wn2, wn2.grid.test"
SERVICES = ["munge", "mariadb", "slurmdbd", "slurmctld", "slurmd", "sackd", "arc-arex*", "chrony", "nfs-server", "nfs-ganesha",
            "condor", "xrootd@*", "squid", "sandbox-issuer"]  # fmt: skip
# What must be as it was when the suite is done.
FILES = "/etc/hosts /etc/passwd /etc/group /etc/munge /etc/slurm /etc/default/slurmd /etc/default/sackd /etc/systemd/system /usr/local/sbin /etc/arc.conf /etc/condor/config.d /etc/condor/tokens.d /etc/xrootd /etc/squid"


class Run(t.NamedTuple):
    """What a playbook ended with."""

    code: int
    output: str
    plays: list[dict]
    stats: dict[str, dict[str, int]]

    def results(self) -> t.Iterator[tuple[str, str, dict]]:
        """Task, host and result, in order."""
        for play in self.plays:
            for task in play["tasks"]:
                for host, result in task["hosts"].items():
                    yield task["task"]["name"].split(" : ")[-1], host, result

    @property
    def hosts(self) -> set[str]:
        """Those that had any task at all."""
        return {host for _task, host, _result in self.results()}

    @property
    def changed(self) -> list[str]:
        return [f"{task} ({host})" for task, host, result in self.results() if result.get("changed")]

    @property
    def errors(self) -> list[str]:
        return [str(result.get("msg", result)) for _task, _host, result in self.results() if result.get("failed") or result.get("unreachable")]

    @property
    def messages(self) -> str:
        return "\n".join(str(result["msg"]) for _task, _host, result in self.results() if "msg" in result)

    def succeeded(self) -> Run:
        assert self.code == 0, "\n".join(self.errors) or self.output[-3000:]
        return self


class Job:
    """A batch job of grid01, submitted on the login host. It writes a line when it starts, so that a second start shows."""

    def __init__(self, site: Site, script: str, *options: str) -> None:
        self.site = site
        name = f"test-{os.getpid()}-{time.monotonic_ns()}"
        self.output_file = f"/shared/grid01/{name}.out"
        command = ["sbatch", "--parsable", "--chdir=/shared/grid01", f"--job-name={name}", f"--output={self.output_file}", "--open-mode=append", *options]
        batch = f"#!/bin/sh\necho started on $(hostname) as $(id -un)\n{script}\necho ended\n"
        self.id = site.ssh(LOGIN, f"sudo -u grid01 {shlex.join(command)}", stdin=batch).strip()

    def records(self) -> list[list[str]]:
        """State, node and exit code of each start, as accounting has them."""
        # Without slurmdbd it knows nothing yet.
        text = self.site.ssh(
            LOGIN, f"sudo sacct --duplicates --allocations --noheader --parsable2 --jobs {self.id} --format State,NodeList,ExitCode", check=False
        )
        return [line.split("|") for line in text.splitlines()]

    @property
    def state(self) -> str:
        return self.site.ssh(CONTROLLER, f"squeue --noheader --states all --jobs {self.id} --format %T 2>/dev/null || true").strip()

    @property
    def output(self) -> str:
        return self.site.ssh(LOGIN, f"sudo cat {self.output_file}")

    def wait(self, state: str, seconds: int = 150) -> Job:
        """Longer than two of Slurm's scheduling cycles of 60 s: a node that has just come back may be seen by the next one only."""
        self.site.wait(f"job {self.id} is {state}", lambda: self.state == state, seconds, lambda: self.site.ssh(CONTROLLER, f"scontrol show job {self.id}"))
        return self

    def ran_once_on(self, node: str, seconds: int = 150) -> None:
        """Waits for the end, and looks at what the user gets and at what is accounted."""
        self.wait("COMPLETED", seconds)
        self.site.wait(f"job {self.id} is accounted", lambda: self.records() == [["COMPLETED", node, "0:0"]], 15, self.records)
        assert self.output.splitlines() == [f"started on {node}.grid.test as grid01", "ended"]

    def cancel(self) -> None:
        self.site.ssh(CONTROLLER, f"sudo scancel --quiet {self.id} || true")


class Site:
    def __init__(self, ssh_sockets: pathlib.Path) -> None:
        self.ssh_words = ["ssh", "-F", ".sandbox/site/ssh_config", "-o", "ControlMaster=auto", "-o", f"ControlPath={ssh_sockets}/%C", "-o", "ControlPersist=60"]
        self.jobs: list[Job] = []

    def run(self, *command: str, check: bool = True, **kwargs) -> subprocess.CompletedProcess:
        result = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False, **kwargs)
        assert not check or result.returncode == 0, f"{shlex.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        return result

    def ssh(self, host: str, command: str, stdin: str = "", check: bool = True) -> str:
        return self.run(*self.ssh_words, host, command, input=stdin, check=check, timeout=180).stdout

    def everywhere(self, hosts: t.Iterable[str], command: str) -> dict[str, str]:
        hosts = list(hosts)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return dict(zip(hosts, pool.map(lambda host: self.ssh(host, command), hosts)))

    def hosts(self, *inventories: str) -> list[str]:
        words = [word for inventory in inventories or [SITE] for word in ("-i", inventory)]
        return sorted(json.loads(self.run("ansible-inventory", *words, "--list").stdout)["_meta"]["hostvars"])

    def play(self, *arguments: str, playbook: str = "playbooks/site.yml", inventories: t.Sequence[str] = (SITE,)) -> Run:
        words = [word for inventory in inventories for word in ("-i", inventory)]
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_NOCOLOR": "1"}
        environment.pop("ANSIBLE_CALLBACKS_ENABLED", None)
        result = self.run("ansible-playbook", *words, playbook, *arguments, check=False, env=environment, stdin=subprocess.DEVNULL)
        start = re.search(r'^{\n    "custom_stats"', result.stdout, re.MULTILINE)
        assert start, f"ansible-playbook gave no results:\n{result.stdout[-3000:]}{result.stderr[-3000:]}"
        # With -v there are words of Ansible around the JSON.
        data = json.JSONDecoder().raw_decode(result.stdout[start.start() :])[0]
        return Run(result.returncode, result.stdout + result.stderr, data["plays"], data["stats"])

    def wait(self, what: str, ready: t.Callable[[], bool], seconds: float = 60, otherwise: t.Callable[[], t.Any] = str) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"waited {seconds} s until {what}\n{otherwise()}"
            time.sleep(0.5)

    def main_pids(self, hosts: t.Iterable[str]) -> dict[str, dict[str, int]]:
        """The daemons that run, by host and unit. A daemon that restarted has another MainPID."""
        command = f"systemctl show --property Id,MainPID {' '.join(map(shlex.quote, SERVICES))}"
        found = {}
        for host, text in self.everywhere(hosts, command).items():
            units = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
            found[host] = {unit["Id"]: int(unit["MainPID"]) for unit in units if unit.get("MainPID", "0") != "0"}
        return found

    def nodes(self) -> dict[str, dict]:
        return {node["name"]: node for node in json.loads(self.ssh(CONTROLLER, "scontrol show nodes --json"))["nodes"]}

    def wait_for_node(self, name: str, *states: str, seconds: float = 60) -> None:
        self.wait(f"node {name} is {'+'.join(states)}", lambda: set(states) == set(self.nodes().get(name, {}).get("state", [])) - {"DYNAMIC_NORM"},
                  seconds, lambda: self.ssh(CONTROLLER, f"scontrol show node {name}", check=False))

    def submit(self, script: str = "true", *options: str) -> Job:
        self.jobs.append(Job(self, script, *options))
        return self.jobs[-1]

    def up(self, *inventories: str) -> None:
        self.run("tools/sandbox.py", "up", *(word for inventory in inventories for word in ("-i", inventory)))

    def forget(self, host: str) -> None:
        """Removes a worker that a story made, whatever became of the story."""
        node = host.split(".")[0]
        name = shlex.quote(node)
        self.ssh(CONTROLLER, f"for job in $(squeue --noheader --nodelist {name} --format %i 2>/dev/null); do sudo scancel $job; done", check=False)
        if host in self.run("tools/sandbox.py", "podman", "--", "ps", "--all", "--format", "{{.Names}}").stdout.split():
            self.run("tools/sandbox.py", "remove", host)
        if node in self.nodes():
            self.ssh(CONTROLLER, f"sudo scontrol update nodename={name} state=down reason=test && sudo scontrol delete nodename={name}")
        (ROOT / ".cache" / "facts" / host).unlink(missing_ok=True)

    def fingerprint(self) -> dict[str, t.Any]:
        """What the site is: configuration, daemons, nodes, containers."""
        hosts = self.hosts()
        files = self.everywhere(
            hosts, f"sudo sh -c 'find {FILES} -type f 2>/dev/null | sort | xargs stat --format \"%n %U %G %a\"; find {FILES} -type f 2>/dev/null | sort | xargs sha256sum'"
        )
        nodes = {name: (sorted(set(node["state"]) - {"ALLOCATED", "MIXED", "IDLE"}), node["reason"], node["features"]) for name, node in self.nodes().items()}
        enabled = self.everywhere(hosts, "systemctl list-unit-files --state enabled,masked --no-legend --plain | sort")
        containers = self.run("tools/sandbox.py", "podman", "--", "ps", "--filter", "label=elastigrid.sandbox=site", "--format", "{{.Names}}").stdout.split()
        daemons = {host: sorted(units) for host, units in self.main_pids(hosts).items()}
        return {"files": files, "nodes": nodes, "enabled": enabled, "daemons": daemons, "containers": sorted(containers)}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> t.Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("ssh"))
    # A run that was killed may have left its worker.
    site.forget("wn3.grid.test")
    before = site.fingerprint()
    yield site
    for job in site.jobs:
        job.cancel()
    site.ssh(LOGIN, f"sudo rm -f /shared/grid01/test-{os.getpid()}-*")
    if request.session.testsfailed:
        site.play().succeeded()
    after = site.fingerprint()
    assert after == before, "the suite did not leave the site as it found it"


@pytest.fixture
def job(site: Site) -> t.Iterator[t.Callable[..., Job]]:
    """Submits jobs; those that are left at the end of the test are cancelled."""
    first = len(site.jobs)
    yield site.submit
    for left in site.jobs[first:]:
        left.cancel()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "story: the tests of the file need each other, in this order; after a failure the rest is skipped")


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> None:
    if "story" in item.keywords and call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
        item.parent.broken = item.name


def pytest_runtest_setup(item: pytest.Item) -> None:
    broken = getattr(item.parent, "broken", None)
    if broken:
        pytest.skip(f"{broken} failed before")
