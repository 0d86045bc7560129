# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What a site costs to converge. These fail if what they run fails, or if a joining worker bothers other hosts; never for a time."""

from __future__ import annotations

import collections
import datetime
import os
import re
import shlex
import time
import typing as t

from conftest import CONTROLLER, NEW, SIZES, Bench, Run, Task, table

# What the role arc_ce does before it installs packages: they make no test CA.
BEFORE_APT = """\
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
mkdir -p /etc/grid-security && touch /etc/grid-security/testCA-hostcert.pem
"""


def is_service(task: Task) -> bool:
    return bool(re.search(r"/tasks/service\w*\.yml|/handlers/", task.path))


def parts(result: dict) -> list[dict]:
    return result.get("results", [result])


def batches(run: Run) -> list[dict[str, list[str]]]:
    """The packages that each task of the run installed, by host."""
    found = []
    for task in run.tasks:
        packages = {host: result["invocation"]["module_args"]["name"] for host, result in task.hosts.items() if task.action == "package" and result.get("changed")}
        if packages:
            found.append(packages)
    return found


def bare_apt(bench: Bench, wanted: list[dict[str, list[str]]]) -> float:
    """Seconds of apt-get for the same packages on the same hosts at once, and one after the other where Ansible does so."""
    bench.everywhere(dict.fromkeys(bench.hosts, BEFORE_APT))
    updated: set[str] = set()
    began = time.monotonic()
    for batch in wanted:
        install = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install"
        bench.everywhere({host: f"{'' if host in updated else 'apt-get -qq update; '}{install} {shlex.join(packages)}" for host, packages in batch.items()})
        updated |= batch.keys()
    return time.monotonic() - began


def service_start(bench: Bench, run: Run) -> float:
    """Seconds until the services answered, on the slowest host of each task: for a unit that a task started, what systemd says
    it took to become active; for a task that waits, its commands, or all of it if it had to ask again."""
    script = "systemctl show --property=Id,InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic '*.service'"
    units: dict[str, dict[str, float]] = {}
    for host, text in bench.everywhere(dict.fromkeys(bench.hosts, script)).items():
        found = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
        units[host] = {
            unit["Id"].removesuffix(".service"): (int(unit["ActiveEnterTimestampMonotonic"]) - int(unit["InactiveExitTimestampMonotonic"])) / 1e6 for unit in found
        }

    def seconds(task: Task, host: str, result: dict) -> float:
        if result.get("attempts", 1) > 1:
            return task.seconds
        if "elapsed" in result:
            return float(result["elapsed"])
        if "delta" in result:
            return (datetime.datetime.strptime(result["delta"], "%H:%M:%S.%f") - datetime.datetime(1900, 1, 1)).total_seconds()
        # A unit that is started twice counts once, by its last start.
        return max(0.0, units[host].pop(result["name"], 0.0)) if result.get("changed") and "name" in result else 0.0

    return sum(max(sum(seconds(task, host, part) for part in parts(result)) for host, result in task.hosts.items()) for task in run.tasks if is_service(task) and task.hosts)


def test_cold_converge(bench: Bench, report: list[str]) -> None:
    """Fresh nodes are converged, and others like them get the same packages by apt-get alone; the package cache is warm for both."""
    bench.fresh()
    wanted = batches(bench.play())
    bench.fresh()
    load = os.getloadavg()[0]
    apt = bare_apt(bench, wanted)
    bench.fresh()
    run = bench.play()
    bench.is_converged = True
    assert batches(run) == wanted
    service = service_start(bench, run)
    overhead = run.seconds - apt - service
    packages = sum(task.seconds for task in run.tasks if task.action == "package")
    report += [f"### Cold converge of {len(bench.hosts)} nodes (load {run.load:.1f}; {load:.1f} for `apt-get` alone)", ""]
    report += table(
        ("part", "seconds", "share of all, %"),
        ("`apt-get install` alone, same packages, same hosts at once", apt, 100 * apt / run.seconds),
        ("start of services (systemd's time per unit started, and waiting for answers)", service, 100 * service / run.seconds),
        ("Ansible overhead (the rest)", overhead, 100 * overhead / run.seconds),
        ("... of it in package tasks, beyond `apt-get` alone", packages - apt, 100 * (packages - apt) / run.seconds),
        ("... of it elsewhere", overhead - packages + apt, 100 * (overhead - packages + apt) / run.seconds),
        ("`site.yml` in all", run.seconds, 100.0),
    )
    met = "met" if overhead <= apt + service else "not met"
    report += [f"Goal, an overhead no larger than the other two together: {met} ({overhead / (apt + service):.2f} of them).", ""]
    report += [f"ansible-playbook used {run.cpu:.1f} s of processor time on the control node.", ""]


def test_no_op(bench: Bench, report: list[str]) -> None:
    """A site that is as it should be is converged again, twice; the faster run counts, since the other was disturbed more."""
    bench.converged()
    runs = [bench.play() for _ in range(2)]
    assert [run.changed for run in runs] == [[], []]
    run = min(runs, key=lambda run: run.seconds)
    report += [f"### No-op `site.yml` on {len(bench.hosts)} nodes (load {run.load:.1f})", ""]
    report += [f"{run.seconds:.1f} s (both runs: {', '.join(f'{one.seconds:.1f}' for one in runs)}), {run.cpu:.1f} s of processor time; {len(run.tasks)} tasks.", ""]
    counts: dict[str, collections.Counter] = {host: collections.Counter() for host in bench.hosts}
    for task, host, result in run.results():
        counts[host]["skipped" if result.get("skipped") else "include" if task.action == "include_tasks" else "run"] += 1
    report += table(("host", "tasks run", "includes", "skipped"), *((host, count["run"], count["include"], count["skipped"]) for host, count in counts.items()))
    report += grouped(run, "action", lambda task: "(skipped on all hosts)" if task.is_skipped else task.action)
    report += grouped(run, "role", lambda task: task.role or "(play)")
    slowest = sorted(run.tasks, key=lambda task: -task.seconds)[:10]
    report += table(("slowest tasks", "hosts", "seconds"), *((task.name, len(task.hosts), task.seconds) for task in slowest))


def grouped(run: Run, title: str, key: t.Callable[[Task], str]) -> list[str]:
    """The groups that took longest."""
    groups: dict[str, list[float]] = collections.defaultdict(list)
    groups["(start of ansible-playbook)"].append(run.startup)
    for task in run.tasks:
        groups[key(task)].append(task.seconds)
    rows = [(name, len(seconds), sum(seconds), 100 * sum(seconds) / run.seconds) for name, seconds in groups.items()]
    return table((title, "tasks", "seconds", "share, %"), *sorted(rows, key=lambda row: -row[2])[:16])


def test_one_more_worker(bench: Bench, report: list[str]) -> None:
    """A fresh worker joins sites of several sizes. The others' journals say whether Ansible was there."""
    bench.converged()
    rows: list[tuple] = []
    for size in SIZES:
        if grown := bench.workers(size):
            bench.play("--limit", ",".join(grown))
        others = bench.hosts
        bench.workers(size, new=True)
        since = int(time.time())
        run = bench.play("--limit", NEW)
        assert {host for _task, host, _result in run.results()} == {NEW}
        script = f"journalctl --quiet --since @{since} _COMM=sudo --grep BECOME-SUCCESS --output cat | grep -c COMMAND= || true"
        tasks = {host: int(text) for host, text in bench.everywhere(dict.fromkeys(others, script)).items()}
        reads = sum("_ansible_delegated_vars" in result for _task, _host, result in run.results())
        assert (reads, tasks[CONTROLLER]) == (1, 1), "the controller is asked for its munge key, and for nothing else"
        elsewhere = sum(tasks.values()) - reads
        assert elsewhere == 0, tasks
        first = rows[0] if rows else (0, run.seconds, 0, run.cpu)
        rows.append((size, run.seconds, f"{run.seconds / first[1]:.2f}", run.cpu, f"{run.cpu / first[3]:.2f}", len(run.tasks), elsewhere, reads, run.load))
        assert "IDLE" in bench.ssh(CONTROLLER, "scontrol show node new").upper()
        bench.forget(NEW)
    report += ["### One more worker (`site.yml --limit`), a fresh node each time", ""]
    report += table(("workers before", "seconds", "ratio", "processor s", "ratio", "its tasks", "tasks elsewhere", "munge key read", "load"), *rows)
