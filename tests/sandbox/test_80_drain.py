# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Workers of Slurm are drained, given back and updated by playbooks, with jobs running all through. Of HTCondor: molecule/condor."""

from __future__ import annotations

import subprocess

import pytest
from conftest import CONTROLLER, KNOWN, ROOT, WORKERS

pytestmark = pytest.mark.campaign

DRAIN, UPDATE = "playbooks/drain.yml", "playbooks/rolling_update.yml"
NODES = ["wn1", "wn2"]
# Restarts slurmd as an upgrade of its package would.
TASKS = """\
---
- name: The package is unpacked and configured anew
  ansible.builtin.command: apt-get install --reinstall --yes slurmd
  changed_when: true
"""


@pytest.fixture
def given_back(site):
    """Whatever became of the test, the workers take jobs again."""
    yield
    for node in NODES:
        if "DRAIN" in site.nodes()[node]["state"]:
            site.ssh(CONTROLLER, f"sudo scontrol update nodename={node} state=resume", check=False)
        site.wait_for_node(node, "IDLE")


@pytest.mark.parametrize(
    ("playbook", "arguments", "message"),
    [
        (DRAIN, [], "target is not set: name the workers, -e target=HOST[,HOST]"),
        (DRAIN, ["-e", "target=wn9"], f"target has wn9, must be hosts of the inventory or workers that a batch system knows: {KNOWN}"),
        (DRAIN, ["-e", "target=login.grid.test"], "target has login.grid.test, must be workers (groups slurm_worker, condor_startd)"),
        (DRAIN, ["-e", "target=wn1.grid.test", "-e", "drain_state=gone"], "drain_state is gone, must be drained or resumed"),
        (UPDATE, ["-e", "target=login.grid.test"], "target has login.grid.test, must be workers of the inventory (groups slurm_worker, condor_startd)"),
        (UPDATE, ["-e", "rolling_update_tasks=update.yml"], "rolling_update_tasks is update.yml, must be an absolute path"),
    ],
    ids=["none", "unknown", "no worker", "state", "update of no worker", "relative path"],
)
def test_wrong_input_drains_nothing(site, playbook, arguments, message):
    run = site.play(*arguments, playbook=playbook)
    assert run.code != 0
    assert message in "\n".join(run.errors)
    assert run.changed == []
    assert not [name for name, node in site.nodes().items() if "DRAIN" in node["state"]]


def test_check_mode_drains_nothing(site):
    run = site.play("--check", "-e", "target=slurm_worker", playbook=DRAIN).succeeded()
    assert run.changed
    assert not [name for name, node in site.nodes().items() if "DRAIN" in node["state"]]


@pytest.mark.usefixtures("given_back")
def test_a_drain_waits_for_the_last_job_and_can_be_undone(site, job):
    running = job("sleep 20", "--nodelist=wn1").wait("RUNNING")
    site.play("-e", "target=wn1.grid.test", playbook=DRAIN).succeeded()
    running.ran_once_on("wn1", seconds=1)
    assert site.nodes()["wn1"]["reason"] == "elastigrid.site: drain"
    waiting = job("true", "--nodelist=wn1")
    # Names that Slurm alone knows do as well, and a second run changes nothing.
    assert site.play("-e", "target=wn1", playbook=DRAIN).succeeded().changed == []
    assert waiting.state == "PENDING"
    site.play("-e", "target=wn1.grid.test", "-e", "drain_state=resumed", playbook=DRAIN).succeeded()
    waiting.ran_once_on("wn1")


@pytest.mark.usefixtures("given_back")
def test_jobs_that_stay_too_long_are_named_and_go_on(site, job):
    running = job("sleep 40", "--nodelist=wn1").wait("RUNNING")
    run = site.play("-e", "target=wn1.grid.test", "-e", "drain_wait=5", playbook=DRAIN)
    assert run.code != 0
    assert f"{running.id} of grid01 (RUNNING on wn1)" in "\n".join(run.errors)
    assert "DRAIN" in site.nodes()["wn1"]["state"]
    # The drain is undone while the job runs.
    site.play("-e", "target=wn1.grid.test", "-e", "drain_state=resumed", playbook=DRAIN).succeeded()
    running.ran_once_on("wn1")


@pytest.mark.usefixtures("given_back")
def test_what_somebody_else_drained_is_left_alone(site):
    site.ssh(CONTROLLER, "sudo scontrol update nodename=wn1 state=drain reason='disk swap'")
    run = site.play("-e", "target=wn1.grid.test", "-e", "drain_state=resumed", playbook=DRAIN).succeeded()
    assert "left alone" in run.messages
    assert run.changed == []
    run = site.play("-e", "target=wn1.grid.test", playbook=UPDATE).succeeded()
    assert "Left out, for somebody drained them" in run.messages
    assert WORKERS[0] not in run.hosts
    assert site.nodes()["wn1"]["reason"] == "disk swap"


@pytest.mark.usefixtures("given_back")
def test_all_workers_are_updated_one_after_the_other_and_no_job_is_lost(site, job, tmp_path):
    (tmp_path / "update.yml").write_text(TASKS)
    jobs = [job("sleep 8") for _number in range(30)]
    site.wait("jobs run on both", lambda: {"wn1", "wn2"} <= running_on(site), 60)
    before = site.main_pids(WORKERS)
    update = subprocess.Popen(
        ["ansible-playbook", "-i", "inventories/sandbox", UPDATE, "-e", "target=slurm_worker", "-e", f"rolling_update_tasks={tmp_path / 'update.yml'}"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    out_of_service = set()
    while update.poll() is None:
        out_of_service.add(frozenset(name for name, node in site.nodes().items() if "DRAIN" in node["state"]))
    assert update.returncode == 0, update.stdout.read()[-3000:]
    assert out_of_service >= {frozenset(["wn1"]), frozenset(["wn2"])}
    assert frozenset(NODES) not in out_of_service
    after = site.main_pids(WORKERS)
    assert all(before[worker]["slurmd.service"] != after[worker]["slurmd.service"] for worker in WORKERS)
    for one in jobs:
        one.wait("COMPLETED", 300)
        site.wait(f"job {one.id} is accounted", lambda one=one: [record[::2] for record in one.records()] == [["COMPLETED", "0:0"]], 30, one.records)
        assert one.output.count("started on") == 1


@pytest.mark.usefixtures("given_back")
def test_a_worker_gets_what_new_packages_there_are(site, job):
    site.play("-e", "target=wn1.grid.test", playbook=UPDATE).succeeded()
    assert "DRAIN" not in site.nodes()["wn1"]["state"]
    job("true", "--nodelist=wn1").ran_once_on("wn1")


def running_on(site) -> set[str]:
    return set(site.ssh(CONTROLLER, "squeue --noheader --states running --format %N").split())
