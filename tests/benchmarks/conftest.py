# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A sandbox to measure in: the site of inventories/sandbox under names and addresses of its own. It is made and destroyed here.

A machine may have other things to do, so that no time is asserted; what is compared is measured side by side in one run.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import tempfile
import time
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# pytest-ansible reads it when it is configured, which is after this file is loaded. The link in there is made by `make venv`.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
SIZES = [int(size) for size in os.environ.get("BENCHMARK_SIZES", "2,8,16").split(",")]
CONTROLLER = "ctl.bench.test"
NEW = "new.bench.test"
RENAMED = {
    "{{ inventory_dir }}/../..": str(ROOT),
    "  name: site\n": "  name: bench\n",
    "grid.test": "bench.test",
    "10.89.77.": "10.89.82.",
}
DOCUMENT = ROOT / "docs" / "benchmarks.md"
# Each file of benchmarks writes its own part of the document, when all that is in it has passed.
BEGIN, END = "<!-- begin: {} -->", "<!-- end: {} -->"
SECTIONS: dict[str, dict[str, list[str]]] = {}


class Task(t.NamedTuple):
    """A task of a run on all its hosts. Its time is that until the next one starts: loading an included file belongs to the include."""

    name: str
    path: str
    action: str
    seconds: float
    hosts: dict[str, dict]

    @property
    def role(self) -> str:
        found = re.search(r"roles/(\w+)/", self.path)
        return found[1] if found else ""

    @property
    def is_skipped(self) -> bool:
        return all(result.get("skipped") for result in self.hosts.values())


class Run:
    """What ansible-playbook did, and what it took: wall clock, processor time on the control node, load when it started."""

    def __init__(self, *command: str, environment: dict[str, str]) -> None:
        self.load = os.getloadavg()[0]
        began, cpu = time.time(), cpu_seconds()
        # Other callbacks write beside the JSON.
        environment = {name: value for name, value in os.environ.items() if name != "ANSIBLE_CALLBACKS_ENABLED"} | environment
        done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False)
        self.seconds, self.cpu = time.time() - began, cpu_seconds() - cpu
        found = re.search(r'^\{\n? *"custom_stats"', done.stdout, re.MULTILINE)
        assert found, f"ansible-playbook gave no results:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        plays = json.loads(done.stdout[found.start() :])["plays"]
        tasks = [task for play in plays for task in play["tasks"]]
        starts = [instant(task["task"]["duration"]["start"]) for task in tasks]
        # Until the first task; what comes after the last one belongs to that.
        self.startup = starts[0] - began
        self.tasks = [
            Task(task["task"]["name"], task["task"].get("path", ""), action_of(task["hosts"]), end - start, task["hosts"])
            for task, start, end in zip(tasks, starts, [*starts[1:], began + self.seconds])
        ]
        failed = [f"{task.name} ({host}): {result.get('msg', result)}" for task, host, result in self.results() if result.get("failed") or result.get("unreachable")]
        assert done.returncode == 0, "\n".join(failed) or done.stdout[-3000:] + done.stderr[-3000:]

    def results(self) -> t.Iterator[tuple[Task, str, dict]]:
        return ((task, host, result) for task in self.tasks for host, result in task.hosts.items())

    @property
    def changed(self) -> list[str]:
        return [f"{task.name} ({host})" for task, host, result in self.results() if result.get("changed")]


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def instant(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def action_of(hosts: dict[str, dict]) -> str:
    return next((result["action"] for result in hosts.values()), "none").replace("ansible.builtin.", "").replace("ansible.legacy.", "")


class Bench:
    def __init__(self, place: pathlib.Path) -> None:
        self.place = place
        self.inventory = place / "inventory"
        self.is_converged = False
        shutil.copytree(ROOT / "inventories" / "sandbox", self.inventory)
        # Health checks every 10 s are for tests; 16 nodes of them would be most of what is measured.
        (self.inventory / "group_vars" / "slurm_controller.yml").unlink()
        for path in filter(pathlib.Path.is_file, self.inventory.rglob("*")):
            text = path.read_text()
            for old, new in RENAMED.items():
                text = text.replace(old, new)
            path.write_text(text)
            if "grid.test" in path.name:
                path.rename(path.with_name(path.name.replace("grid.test", "bench.test")))

    def sandbox(self, command: str, *arguments: str) -> None:
        done = subprocess.run(["tools/sandbox.py", command, *arguments, "-i", str(self.inventory)], cwd=ROOT, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def hosts(self) -> list[str]:
        done = subprocess.run(["ansible-inventory", "-i", str(self.inventory), "--list"], cwd=ROOT, text=True, capture_output=True, check=True)
        return sorted(json.loads(done.stdout)["_meta"]["hostvars"])

    def fresh(self) -> None:
        """All nodes new, and nothing known about the former ones."""
        self.sandbox("destroy")
        for name in ("facts", "ssh"):
            shutil.rmtree(self.place / name, ignore_errors=True)
        self.sandbox("up")

    def play(self, *arguments: str) -> Run:
        environment = {
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.place / "facts"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.place / "ssh"),
        }
        return Run("ansible-playbook", "-i", str(self.inventory), "playbooks/site.yml", *arguments, environment=environment)

    def converged(self) -> Bench:
        if not self.is_converged:
            self.fresh()
            self.play()
            self.is_converged = True
        return self

    def ssh(self, host: str, script: str) -> str:
        done = subprocess.run(
            ["ssh", "-F", str(ROOT / ".sandbox" / "bench" / "ssh_config"), host, "sudo bash -e"], input=script, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, f"on {host}:\n{script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def everywhere(self, scripts: dict[str, str]) -> dict[str, str]:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            return dict(zip(scripts, pool.map(self.ssh, scripts, scripts.values())))

    def workers(self, size: int, new: bool = False) -> list[str]:
        """Nodes for so many workers, and maybe a new one; returns those that the inventory did not have."""
        before = self.hosts
        more = {f"wn{number}.bench.test": {"site_address": f"10.89.82.{100 + number}"} for number in range(3, size + 1)}
        if new:
            more[NEW] = {"site_address": "10.89.82.99"}
        (self.inventory / "workers.yml").write_text(json.dumps({"slurm_worker": {"hosts": more}}))
        self.sandbox("up")
        return sorted(set(self.hosts) - set(before))

    def forget(self, host: str) -> None:
        node = host.split(".")[0]
        self.sandbox("remove", host)
        self.ssh(CONTROLLER, f"scontrol update nodename={node} state=down reason=benchmark && scontrol delete nodename={node}")
        for path in (self.place / "facts").glob(f"*{host}"):
            path.unlink()


@pytest.fixture(scope="session")
def bench() -> t.Iterator[Bench]:
    # Paths of ssh's sockets are short.
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        bench = Bench(pathlib.Path(place))
        try:
            yield bench
        finally:
            bench.sandbox("destroy")


@pytest.fixture
def report(request: pytest.FixtureRequest) -> list[str]:
    """The lines that a benchmark tells, in Markdown."""
    return SECTIONS.setdefault(request.path.stem, {}).setdefault(request.node.name, [])


def table(*rows: t.Sequence[t.Any]) -> list[str]:
    """Numbers to the right, one decimal."""
    cells = [[f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    numbers = [all(isinstance(cell, (int, float)) for cell in column) for column in zip(*rows[1:])]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["| " + " | ".join(cell.rjust(width) if number else cell.ljust(width) for cell, width, number in zip(row, widths, numbers)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * (width - 1) + (":" if number else "-") for width, number in zip(widths, numbers)) + " |")
    return [*lines, ""]


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, text=True, capture_output=True, check=False).stdout.strip()


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash["load"] = " ".join(f"{load:.1f}" for load in os.getloadavg())


def pytest_terminal_summary(terminalreporter, exitstatus: int, config: pytest.Config) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = git("rev-parse", "--short", "HEAD") + (" with changes" if git("status", "--porcelain", "--", "roles", "plugins", "playbooks", "ansible.cfg") else "")
    passed = {report.nodeid for report in terminalreporter.stats.get("passed", [])}
    for name, sections in SECTIONS.items():
        lines = [
            f"{datetime.date.today()}, commit {commit}; {os.cpu_count()} cores, {memory:.0f} GiB, load average at the start {config.stash['load']}.",
            f"Command: `{settings()}pytest tests/benchmarks/{name}.py`",
            "",
            *(line for section in sections.values() for line in section),
        ]
        text = "\n".join(lines).strip()
        terminalreporter.write(f"\n{text}\n\n")
        if exitstatus == 0 and passed >= {item.nodeid for item in terminalreporter._session.items if item.path.stem == name}:
            before, rest = DOCUMENT.read_text().split(BEGIN.format(name))
            after = rest.split(END.format(name))[1]
            DOCUMENT.write_text(f"{before}{BEGIN.format(name)}\n\n{text}\n\n{END.format(name)}{after}")


def settings() -> str:
    """The environment variables that make a run larger or smaller than usual, as words of a command."""
    return "".join(f"{name}={value} " for name, value in sorted(os.environ.items()) if name.startswith("BENCHMARK_"))
