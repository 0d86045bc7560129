# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A changed setting comes into force by the least that its manual page demands, and no running job notices."""

from __future__ import annotations

import json

import pytest
from conftest import CONTROLLER, LOGIN, WORKERS

CLUSTER = "slurm_controller:slurm_worker"
ALLOWED = ["--limit", CLUSTER, "-e", "slurm_restart_workers=true"]
# As in the inventory; -e replaces the whole variable.
USUAL = {"HealthCheckInterval": 10}


def slurm_config(**settings) -> list[str]:
    return ["-e", json.dumps({"slurm_config": {**USUAL, **settings}})]


@pytest.fixture(scope="module", autouse=True)
def restored(site):
    """A run replaces what the run before it has set, so that once is enough."""
    yield
    site.play(*ALLOWED).succeeded()
    # A port is taken up by idle nodes only; they are.
    for node in ("wn1", "wn2"):
        site.wait_for_node(node, "IDLE")


def configuration_of(site, host: str) -> str:
    """What the daemons of a host without a slurm.conf of its own were handed out."""
    return site.ssh(host, "cat /run/slurm/conf/slurm.conf")


def listening(site, host: str, port: int) -> list[str]:
    return site.ssh(host, f"ss --listening --tcp --numeric --no-header 'sport = :{port}' | awk '{{print $4}}'").split()


def test_what_a_reconfigure_suffices_for_is_reconfigured(site, job):
    """The workers and submit hosts get the new file, although only the controller had tasks; slurmd goes on as it was."""
    running = job("sleep 15", "--nodelist=wn1").wait("RUNNING")
    run = site.play("--limit", CONTROLLER, *slurm_config(DefMemPerCPU=900)).succeeded()
    assert run.hosts == {CONTROLLER}
    assert run.changed == [f"The configuration of Slurm is in place ({CONTROLLER})", f"The workers have this configuration ({CONTROLLER})"]
    for host in [*WORKERS, LOGIN]:
        site.wait(f"{host} has the new configuration", lambda host=host: "DefMemPerCPU=900\n" in configuration_of(site, host), 15)
    assert "DefMemPerCPU            = 900\n" in site.ssh(LOGIN, "scontrol show config")
    running.ran_once_on("wn1")


def test_what_demands_a_restart_of_the_controller_restarts_the_controller(site, job):
    """slurm.conf(5): changes to TCP listening settings require a daemon restart."""
    assert listening(site, CONTROLLER, 6817) == ["0.0.0.0:6817"]
    running = job("sleep 15", "--nodelist=wn1").wait("RUNNING")
    run = site.play("--limit", CONTROLLER, *slurm_config(CommunicationParameters=["NoCtldInAddrAny"])).succeeded()
    assert f"Slurmctld runs ({CONTROLLER})" in run.changed
    assert listening(site, CONTROLLER, 6817) == ["10.89.77.10:6817"]
    running.ran_once_on("wn1")


@pytest.mark.parametrize("how", [["--limit", CLUSTER], ["--limit", CONTROLLER, "--check"]], ids=["run", "check"])
def test_what_demands_a_restart_of_all_workers_is_refused_before_anything_is_written(site, how):
    before = site.main_pids(site.hosts()), site.ssh(CONTROLLER, "cat /etc/slurm/slurm.conf; stat --format %y /etc/slurm/*")
    run = site.play(*how, *slurm_config(SlurmdPort=6828, DefMemPerCPU=900))
    assert run.code != 0
    assert run.errors == [
        "/etc/slurm/slurm.conf was not written: slurmd would have to be restarted on all workers for SlurmdPort: unset -> 6828. "
        "To allow it: -e slurm_restart_workers=true"
    ]
    assert run.changed == []
    assert (site.main_pids(site.hosts()), site.ssh(CONTROLLER, "cat /etc/slurm/slurm.conf; stat --format %y /etc/slurm/*")) == before


@pytest.mark.campaign
def test_with_leave_it_restarts_all_workers_under_running_jobs(site, job):
    """Each slurmd is restarted once and only once: a second run with the same words changes nothing."""
    allowed = [*ALLOWED, "-e", "slurm_restart_batch=1", *slurm_config(CommunicationParameters=["NoInAddrAny"])]
    running = [job("sleep 30", f"--nodelist={node}").wait("RUNNING") for node in ("wn1", "wn2")]
    before = site.main_pids(WORKERS)

    run = site.play(*allowed).succeeded()

    assert [task for task in run.changed if "Slurmd has read" in task] == [f"Slurmd has read the configuration ({worker})" for worker in WORKERS]
    after = site.main_pids(WORKERS)
    for worker in WORKERS:
        assert after[worker]["slurmd.service"] != before[worker]["slurmd.service"]
        assert after[worker]["munge.service"] == before[worker]["munge.service"]
        assert listening(site, worker, 6818) not in ([], ["0.0.0.0:6818"])
    for one, node in zip(running, ("wn1", "wn2")):
        one.ran_once_on(node)
    job("true", "--nodelist=wn1").ran_once_on("wn1")

    again = site.play(*allowed).succeeded()
    assert again.changed == []
    assert site.main_pids(WORKERS) == after


@pytest.mark.campaign
def test_another_port_of_slurmd_waits_for_the_last_job_of_a_worker(site, job):
    """An idle worker registers anew at once; a busy one keeps its old port, at which the controller knows it, until its job has ended."""
    # Longer than the playbook takes on a busy machine.
    busy = job("sleep 75", "--nodelist=wn1").wait("RUNNING")
    site.play(*ALLOWED, *slurm_config(SlurmdPort=6828)).succeeded()
    assert listening(site, WORKERS[1], 6828) and not listening(site, WORKERS[1], 6818)
    assert listening(site, WORKERS[0], 6818) and not listening(site, WORKERS[0], 6828)
    busy.ran_once_on("wn1")
    site.wait("wn1 registers anew", lambda: site.nodes().get("wn1", {}).get("port") == 6828, 60, site.nodes)
    for node in ("wn1", "wn2"):
        site.wait_for_node(node, "IDLE")
        job("true", f"--nodelist={node}").ran_once_on(node)
    # srun goes to the worker itself, by the configuration of the submit host.
    assert site.ssh(LOGIN, "cd /shared && sudo -u grid01 timeout 60 srun --nodelist=wn2 hostname") == "wn2.grid.test\n"


def test_an_unknown_parameter_never_reaches_the_file(site):
    before = site.ssh(CONTROLLER, "cat /etc/slurm/slurm.conf")
    run = site.play("--limit", CONTROLLER, *slurm_config(DefMemPerGPU="plenty"))
    assert run.code != 0
    assert "/etc/slurm/slurm.conf was not written" in run.errors[0]
    assert site.ssh(CONTROLLER, "cat /etc/slurm/slurm.conf") == before
