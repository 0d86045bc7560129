# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Our pool of HTCondor beside one of the same daemons with next to nothing configured, and a drain of fifty workers.

Manager and submit host on one node, one worker on another, both with encryption, as the package has it. What is told are ratios; no time is asserted.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import tempfile
import typing as t

import pytest
import yaml
from conftest import ROOT, Run, table

JOBS = int(os.environ.get("BENCHMARK_CONDOR_JOBS", "500"))
ROUNDS = int(os.environ.get("BENCHMARK_CONDOR_ROUNDS", "2"))
BOOTS = int(os.environ.get("BENCHMARK_CONDOR_BOOTS", "5"))
SLOTS, MANY, GOAL = 8, 50, 1.1
ADDRESSES = {
    "cm.htcb.test": "10.89.96.11",
    "wn.htcb.test": "10.89.96.21",
    "cm.bare.test": "10.89.96.12",
    "wn.bare.test": "10.89.96.22",
    "many.htcb.test": "10.89.96.31",
}
POOLS = {"elastigrid.site": ("cm.htcb.test", "wn.htcb.test"), "bare": ("cm.bare.test", "wn.bare.test")}
# The same for both: how soon the negotiator looks again is no matter of what is compared, and the whole of the noise.
CYCLE = {"NEGOTIATOR_INTERVAL": 5, "NEGOTIATOR_MIN_INTERVAL": 2, "NEGOTIATOR_CYCLE_DELAY": 2}
SIZE = {"NUM_CPUS": SLOTS, "MEMORY": 4000}

BARE = """\
echo "10.89.96.12 cm.bare.test
10.89.96.22 wn.bare.test" >>/etc/hosts
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
apt-get -qq update </dev/null
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install condor </dev/null
cat >/etc/condor/config.d/50-bare <<END
use ROLE: {roles}
CONDOR_HOST = cm.bare.test
UID_DOMAIN = bare.test
TRUST_DOMAIN = bare.test
BASE_CGROUP =
{parameters}
END
"""
KEY = "(umask 077; head -c 32 /dev/urandom | base64 >/etc/condor/passwords.d/POOL; condor_token_create -identity condor@bare.test)"
# One line for each job, when it ends.
SUBMIT = """\
su - alice -s /bin/bash -c '
set -e
rm -f job.*
cat >job.sub <<END
executable = {executable}
transfer_executable = false
arguments = {arguments}
should_transfer_files = YES
request_memory = 100
request_disk = 1M
output = job.\\$(Process).out
log = job.log
queue {count}
END
date +%s.%N
condor_submit -terse job.sub
'
"""
WAIT = """\
su - alice -s /bin/bash -c 'condor_wait -wait 900 job.log >/dev/null; date +%s.%N; for i in $(seq 60); do
condor_history {cluster} -af NumJobStarts ExitCode >job.ran; test $(wc -l <job.ran) -ge {count} && break; sleep 1; done; sort job.ran | uniq -c; cat job.0.out'
"""
# Fifty startds of one machine, each with a name of its own.
STARTDS = """\
apt-get -qq update </dev/null
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install condor </dev/null
cat >/etc/condor/config.d/50-many <<END
CONDOR_HOST = cm.htcb.test
UID_DOMAIN = htcb.test
MAXJOBRETIREMENTTIME = 604800
BASE_CGROUP =
NUM_CPUS = 1
MEMORY = 100
RunBenchmarks = false
UPDATE_INTERVAL = 60
DAEMON_LIST = MASTER $(seq -s ' ' -f W%02g {many})
DC_DAEMON_LIST = +$(seq -s ' ' -f W%02g {many})
END
for n in $(seq -f W%02g {many}); do
  echo "10.89.96.31 ${{n,,}}.htcb.test" >>/etc/hosts
  install -d -o condor -g condor /var/lib/condor/execute/$n
  cat >>/etc/condor/config.d/50-many <<END
$n = \\$(STARTD)
${{n}}_ARGS = -f -local-name $n
${{n}}_ENVIRONMENT = _CONDOR_NETWORK_HOSTNAME=${{n,,}}.htcb.test
STARTD.$n.STARTD_LOG = \\$(LOG)/StartLog.$n
STARTD.$n.STARTD_ADDRESS_FILE = \\$(LOG)/.startd_address.$n
STARTD.$n.EXECUTE = /var/lib/condor/execute/$n
END
done
install -d -m 700 /etc/condor/tokens.d
(umask 077; cat >/etc/condor/tokens.d/startd)
systemctl restart condor
"""


class Pools:
    def __init__(self, place: pathlib.Path) -> None:
        self.place = place
        self.inventory = place / "hosts.yml"
        group = {"condor_manager": ["cm.htcb.test"], "condor_schedd": ["cm.htcb.test"], "condor_startd": ["wn.htcb.test"]}
        state = ROOT / ".sandbox"
        variables = {
            "sandbox": {"name": "htcb", "subnet": "10.89.96.0/24", "shared": "/shared"},
            "ansible_host": "{{ site_address }}",
            "ansible_user": "debian",
            "ansible_ssh_private_key_file": str(state / "ssh" / "id_ed25519"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={state}/htcb/known_hosts -o StrictHostKeyChecking=yes",
            "site_domain": "htcb.test",
            "site_accounts": [{"name": "alice", "uid": 30001, "gid": 30001}],
            "base_create_homes": True,
            "condor_startd_constrain_jobs": False,
            "condor_config": CYCLE,
            "condor_startd_config": SIZE,
        }
        hosts = {host: {"site_address": address} for host, address in ADDRESSES.items()}
        made = {"nodes": {"hosts": hosts, "vars": variables}, **{name: {"hosts": dict.fromkeys(members)} for name, members in group.items()}}
        self.inventory.write_text(yaml.safe_dump(made))

    def sandbox(self, command: str) -> None:
        done = subprocess.run(["tools/sandbox.py", command, "-i", str(self.inventory)], cwd=ROOT, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def play(self, playbook: str, *arguments: str) -> Run:
        environment = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.place / "facts")}
        return Run("ansible-playbook", "-i", str(self.inventory), playbook, *arguments, environment=environment)

    def ssh(self, host: str, command: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["ssh", "-F", str(ROOT / ".sandbox" / "htcb" / "ssh_config"), host, f"sudo bash -ec {quoted(command)}"],
            input=stdin, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"on {host}:\n{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def bare(self) -> None:
        cm, wn = POOLS["bare"]
        self.ssh(cm, BARE.format(roles="CentralManager, Submit", parameters=lines(CYCLE)))
        token = self.ssh(cm, f"install -d -m 700 /etc/condor/passwords.d; {KEY}; systemctl restart condor")
        self.ssh(wn, BARE.format(roles="Execute", parameters=lines(SIZE)))
        self.ssh(wn, "install -d -m 700 /etc/condor/tokens.d; (umask 077; cat >/etc/condor/tokens.d/pool); systemctl restart condor", token)

    def submit(self, pool: str, executable: str, arguments: str, count: int) -> tuple[float, str]:
        """When, and the cluster."""
        began, job = self.ssh(POOLS[pool][0], SUBMIT.format(executable=executable, arguments=arguments, count=count)).split("\n")[:2]
        return float(began), job.split(".")[0]

    def wait(self, pool: str, cluster: str, count: int) -> tuple[float, str]:
        """When all have ended, each having been started once, and what the first has said."""
        ended, ran, said = self.ssh(POOLS[pool][0], WAIT.format(cluster=cluster, count=count)).split("\n", 2)
        assert ran.split() == [str(count), "1", "0"], f"jobs, starts, exit code: {ran} {said}"
        return float(ended), said


def quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"


def lines(parameters: dict[str, t.Any]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in parameters.items())


@pytest.fixture(scope="module")
def pools() -> t.Iterator[Pools]:
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        made = Pools(pathlib.Path(place))
        try:
            made.sandbox("destroy")
            made.sandbox("up")
            made.play("playbooks/site.yml")
            made.bare()
            for pool in POOLS:
                # The first job of a pool finds nothing that is warm.
                made.wait(pool, made.submit(pool, "/bin/true", "", SLOTS)[1], SLOTS)
            yield made
        finally:
            made.sandbox("destroy")


def compared(values: dict[str, list[float]]) -> tuple[list[list[t.Any]], str]:
    rows = [[pool, statistics.median(some), ", ".join(f"{one:.1f}" for one in some)] for pool, some in values.items()]
    ratio = rows[0][1] / rows[1][1]
    return rows, f"{ratio:.2f} times as long as the bare pool (goal, at most {GOAL}: {'met' if ratio <= GOAL else 'not met'})."


def test_jobs_per_minute(pools, report):
    seconds: dict[str, list[float]] = {pool: [] for pool in POOLS}
    for number in range(ROUNDS):
        for pool in list(POOLS)[:: 1 if number % 2 == 0 else -1]:
            began, cluster = pools.submit(pool, "/bin/sleep", "1", JOBS)
            seconds[pool].append(pools.wait(pool, cluster, JOBS)[0] - began)
    rows, verdict = compared(seconds)
    report += [f"### {JOBS} jobs of one second, {SLOTS} places", ""]
    report += table(["pool", "jobs per minute", "s (median)", "s (all, in turns)"], *([row[0], 60 * JOBS / row[1], *row[1:]] for row in rows))
    report += [verdict, ""]


def test_from_boot_to_the_first_job(pools, report):
    seconds: dict[str, list[float]] = {pool: [] for pool in POOLS}
    for number in range(BOOTS):
        for pool in list(POOLS)[:: 1 if number % 2 == 0 else -1]:
            worker = POOLS[pool][1]
            pools.ssh(worker, "systemctl stop condor")
            cluster = pools.submit(pool, "/bin/date", "+%s.%N", 1)[1]
            began = float(pools.ssh(worker, "date +%s.%N; systemctl start condor"))
            seconds[pool].append(float(pools.wait(pool, cluster, 1)[1]) - began)
    rows, verdict = compared(seconds)
    report += [
        f"### From the start of a worker's daemons to the first line of its first job, which waits (negotiator every {CYCLE['NEGOTIATOR_INTERVAL']} s)",
        "",
    ]
    report += table(["pool", "s (median)", "s (all, in turns)"], *rows)
    report += [verdict, ""]


def test_fifty_workers_are_drained_by_one_task(pools, report):
    names = [f"w{number:02}.htcb.test" for number in range(1, MANY + 1)]
    pools.ssh("many.htcb.test", STARTDS.format(many=MANY), pools.ssh("cm.htcb.test", "cat /etc/condor/issued.d/startd@htcb.test"))
    pools.ssh("cm.htcb.test", f"for n in {' '.join(names)}; do echo 10.89.96.31 $n; done >>/etc/hosts")
    count = 'condor_status -constraint \'regexp("^w[0-9]+[.]htcb", Machine)'
    pools.ssh("cm.htcb.test", f"for i in $(seq 120); do test $({count}' -af Machine | wc -l) = {MANY} && exit; sleep 1; done; exit 1")
    rows = []
    for state, drained in (("drained", MANY), ("resumed", 0)):
        run = pools.play("playbooks/drain.yml", "-e", f"target={','.join(names)}", "-e", f"drain_state={state}")
        tasks = [task for task in run.tasks if any(result.get("changed") for result in task.hosts.values())]
        assert [task.action for task in tasks] == ["elastigrid.site.condor_drain"]
        assert sorted(tasks[0].hosts["cm.htcb.test"][state]) == names
        assert pools.ssh("cm.htcb.test", f'{count} && State == "Drained"\' -af Machine | wc -l').split() == [str(drained)]
        rows.append([state, tasks[0].seconds, run.seconds])
    loop = "date +%s.%N; for n in $(seq -f w%02g {0}); do condor_drain {1} $n.htcb.test >/dev/null; done; date +%s.%N"
    for row, option in zip(rows, ("-graceful -reason loop", "-cancel")):
        began, ended = pools.ssh("cm.htcb.test", loop.format(MANY, option)).split()
        row.insert(2, float(ended) - float(began))
    report += [f"### {MANY} idle workers, by one task", ""]
    report += table(["", "condor_drain (module), until the pool says so, s", f"{MANY} bare commands, s", "drain.yml in all, s"], *rows)
