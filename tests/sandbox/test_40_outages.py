# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Daemons that restart, and a worker that loses its shared storage."""

from __future__ import annotations

import pytest
from conftest import CONTROLLER, WORKERS

WORKER, NODE = WORKERS[1], "wn2"


def test_jobs_survive_a_restart_of_slurmctld(site, job):
    running = job("sleep 10", f"--nodelist={NODE}").wait("RUNNING")
    pending = job("true", f"--nodelist={NODE}", f"--dependency=afterok:{running.id}")
    assert pending.state == "PENDING"
    site.ssh(CONTROLLER, "sudo systemctl restart slurmctld")
    site.wait("slurmctld answers", lambda: "is UP" in site.ssh(CONTROLLER, "scontrol ping", check=False), 30)
    assert pending.state == "PENDING"
    running.ran_once_on(NODE)
    pending.ran_once_on(NODE)


def test_accounting_survives_an_outage_of_its_database(site, job):
    """Jobs run and end while there is neither MariaDB nor slurmdbd; afterwards they are accounted, and older ones still are."""
    older = job("true", f"--nodelist={NODE}")
    older.ran_once_on(NODE)
    try:
        site.ssh(CONTROLLER, "sudo systemctl stop slurmdbd mariadb")
        during = job("true", f"--nodelist={NODE}").wait("COMPLETED")
    finally:
        site.ssh(CONTROLLER, "sudo systemctl start mariadb slurmdbd")
        site.wait("slurmdbd answers", lambda: "sandbox" in site.ssh(CONTROLLER, "sacctmgr --noheader show cluster", check=False), 60)
    site.wait("slurmctld tells slurmdbd", lambda: during.records() == [["COMPLETED", NODE, "0:0"]], 60, during.records)
    assert [record[0] for record in older.records()] == ["COMPLETED"]


@pytest.fixture
def unmounted(site):
    """The worker without its shared storage, which waits beside. Mounts it again at the end."""
    site.wait_for_node(NODE, "IDLE")
    site.ssh(WORKER, "sudo sh -c 'mkdir -p /run/aside && mount --bind /shared /run/aside && umount /shared'")
    mounted_again = "sudo sh -c 'mountpoint -q /shared || mount --bind /run/aside /shared; umount /run/aside 2>/dev/null && rmdir /run/aside; true'"
    try:
        yield lambda: site.ssh(WORKER, mounted_again)
    finally:
        site.ssh(WORKER, mounted_again)
        site.ssh(CONTROLLER, f"sudo scontrol update nodename={NODE} state=resume", check=False)
        site.wait(f"{NODE} is back", lambda: "IDLE" in site.nodes()[NODE]["state"] and "DRAIN" not in site.nodes()[NODE]["state"])


def test_a_worker_without_its_mounts_takes_no_job_and_comes_back_by_itself(site, job, unmounted):
    site.wait("the health check drains it", lambda: "DRAIN" in site.nodes()[NODE]["state"], 30)
    assert site.nodes()[NODE]["reason"] == "elastigrid.site: not ready: /shared is not mounted"
    waiting = job("true", f"--nodelist={NODE}")

    refused = site.run(*site.ssh_words, WORKER, "sudo systemctl restart slurmd", check=False)
    assert refused.returncode != 0
    assert "not ready: /shared is not mounted" in site.ssh(WORKER, "sudo journalctl --quiet --unit slurmd --lines 20 --output cat")
    assert "slurmd.service" not in site.main_pids([WORKER])[WORKER]
    assert waiting.state == "PENDING"

    unmounted()
    site.wait("slurmd starts by itself", lambda: "slurmd.service" in site.main_pids([WORKER])[WORKER], 30)
    site.wait_for_node(NODE, "IDLE")
    waiting.ran_once_on(NODE)


def test_a_playbook_stops_at_a_worker_without_its_mounts(site, unmounted):
    run = site.play("--limit", WORKER)
    assert run.code != 0
    assert "not ready: /shared is not mounted" in run.output


def test_the_drain_of_an_administrator_stays(site, unmounted):
    """The health check neither overwrites its reason while the mount is missing, nor resumes the node when it is back."""
    check = f"sudo /usr/local/sbin/slurm-node-health; scontrol --oneliner show node {NODE}"
    site.ssh(CONTROLLER, f"sudo scontrol update nodename={NODE} state=drain reason='disk swap'")
    assert "Reason=disk swap [" in site.ssh(WORKER, check)
    unmounted()
    assert "Reason=disk swap [" in site.ssh(WORKER, check)
    assert "DRAIN" in site.nodes()[NODE]["state"]
    # Nor does the playbook.
    site.play("--limit", WORKER).succeeded()
    assert "DRAIN" in site.nodes()[NODE]["state"]


@pytest.mark.campaign
def test_a_changed_feature_waits_for_the_last_job(site, job):
    """A changed feature of a busy node comes into force after its job, and no job is lost."""
    # Longer than the playbook takes on a busy machine.
    running = job("sleep 75", f"--nodelist={NODE}").wait("RUNNING")
    try:
        site.play("--limit", WORKER, "-e", '{"slurm_node_features": ["tested"]}').succeeded()
        assert site.nodes()[NODE]["features"] == []
        running.ran_once_on(NODE)
        site.wait("the node registers anew", lambda: site.nodes().get(NODE, {}).get("features") == ["tested"], 60, site.nodes)
        site.wait_for_node(NODE, "IDLE")
        job("true", "--constraint=tested").ran_once_on(NODE)
    finally:
        site.wait("the node is there", lambda: NODE in site.nodes(), 60)
        site.play("--limit", WORKER).succeeded()
    site.wait("the feature is gone", lambda: site.nodes().get(NODE, {}).get("features") == [], 60)
