# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A worker joins alone, leaves without losing a job, and comes back under its old name. One story: the tests run in this order."""

from __future__ import annotations

import base64
import re

import pytest
from conftest import CES, CLUSTER, CONTROLLER, KNOWN, LOGIN, ROOT, SITE, WORKERS

NEW = "wn3.grid.test"
NODE = "wn3"
WITH_NEW = [SITE, "tests/sandbox/extra/hosts.yml"]
ANEW = [SITE, "tests/sandbox/extra/again.yml"]

pytestmark = pytest.mark.story


@pytest.fixture(scope="module", autouse=True)
def fresh_node(site):
    site.up(*WITH_NEW)
    yield
    site.forget(NEW)


def state_of_the_others(site) -> dict:
    """What a joining worker must leave alone: every daemon, and when files were written."""
    others = site.hosts()
    return {
        "daemons": site.main_pids(others),
        "files": site.everywhere(others, "sudo sh -c 'stat --format \"%n %y %z\" /etc/hosts /etc/munge/munge.key; find /etc/slurm -type f | xargs -r stat --format \"%n %y %z\"'"),
    }


def journal_ends(site, hosts) -> dict[str, str]:
    return {host: text.split("-- cursor: ")[1].strip() for host, text in site.everywhere(hosts, "sudo journalctl --quiet --lines 0 --show-cursor").items()}


def tasks_seen_by(site, host: str, since: str) -> int:
    """How often Ansible became root on the host since then, by what sudo wrote into its journal."""
    return int(site.ssh(host, f"sudo journalctl --quiet --after-cursor '{since}' _COMM=sudo --output cat | grep -c 'COMMAND=.*BECOME-SUCCES[S]' || true"))


def test_check_mode_on_a_fresh_node_says_what_it_would_do_and_does_nothing(site):
    run = site.play("--check", "--diff", "--limit", NEW, inventories=WITH_NEW).succeeded()
    assert run.hosts == {NEW}
    assert f"The packages of this host's parts are installed, and start nothing ({NEW})" in run.changed
    assert site.ssh(NEW, "command -v slurmd munged || true; ls -d /etc/munge /etc/slurm /usr/local/sbin/slurm-node-health 2>/dev/null || true") == ""
    assert "elastigrid" not in site.ssh(NEW, "cat /etc/hosts")


def test_it_joins_without_a_task_on_any_other_host(site):
    """Only the read of the munge key goes elsewhere, once. The munge key shows nowhere in a run with -vvv."""
    others = site.hosts()
    journals = journal_ends(site, [*others, NEW])
    key = base64.b64decode(site.ssh(CONTROLLER, "sudo base64 --wrap 0 /etc/munge/munge.key"))
    before = state_of_the_others(site)

    run = site.play("-vvv", "--diff", "--limit", NEW, inventories=WITH_NEW).succeeded()

    assert run.hosts == {NEW}
    delegated = [task for task, _host, result in run.results() if "_ansible_delegated_vars" in result]
    assert delegated == ["The munge key of the site is read where it was made"]
    assert {host: tasks_seen_by(site, host, journals[host]) for host in others} == {host: int(host == CONTROLLER) for host in others}
    assert tasks_seen_by(site, NEW, journals[NEW]) > 10
    assert state_of_the_others(site) == before

    texts = [run.output, *(path.read_text() for path in (ROOT / ".cache" / "facts").glob("*.grid.test"))]
    for text in texts:
        found = re.sub(r"\\+n|\s", "", text)
        assert base64.b64encode(key).decode()[:40] not in found
        assert key.hex()[:40] not in found.lower()
    assert "The munge key of the site is read where it was made" in run.output


def test_a_job_runs_on_it(site, job):
    site.wait_for_node(NODE, "IDLE")
    job("true", f"--nodelist={NODE}").ran_once_on(NODE)


def test_the_munge_key_is_the_same_on_all_hosts_of_the_cluster_and_readable_by_munge_alone(site):
    seen = site.everywhere([CONTROLLER, LOGIN, CES[0], *WORKERS, NEW], "sudo sh -c 'stat --format \"%U %G %a\" /etc/munge /etc/munge/munge.key; sha256sum </etc/munge/munge.key; find / -xdev -name \"*munge.key*\"'")
    assert len(set(seen.values())) == 1, seen
    assert next(iter(seen.values())).splitlines()[:2] == ["munge munge 700", "munge munge 400"]
    assert next(iter(seen.values())).splitlines()[3:] == ["/etc/munge/munge.key"]


def test_then_the_whole_cluster_is_converged(site):
    run = site.play("--limit", CLUSTER, inventories=WITH_NEW).succeeded()
    assert run.hosts == {CONTROLLER, LOGIN, *CES, *WORKERS, NEW}
    assert run.changed == []


def test_a_node_that_is_missing_in_the_inventory_is_named_but_not_removed(site):
    run = site.play("--limit", CONTROLLER).succeeded()
    assert f"registered with Slurm, but in no group slurm_worker of this inventory: {NODE}\n" in run.messages + "\n"
    assert run.changed == []
    assert set(site.nodes()) == {NODE, *(worker.split(".")[0] for worker in WORKERS)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "target is not set: name the workers, -e target=HOST[,HOST]"),
        (["-e", "target="], "target is not set: name the workers, -e target=HOST[,HOST]"),
        (["-e", "target=wn9.grid.test"], f"target has wn9.grid.test, must be hosts of the inventory or workers that a batch system knows: {KNOWN}, wn3"),
        (["-e", "target=login.grid.test"], "target has login.grid.test, must be workers (groups slurm_worker, condor_startd)"),
        (["-e", f"target={NEW}", "--limit", NEW], "--limit leaves out ctl.grid.test, store.away.test, which must drain the workers"),
    ],
    ids=["none", "empty", "unknown", "no worker", "limit"],
)
def test_a_removal_that_does_not_say_which_worker_touches_nothing(site, arguments, message):
    before = site.main_pids(WORKERS), site.nodes().keys()
    run = site.play(*arguments, playbook="playbooks/remove_worker.yml", inventories=WITH_NEW)
    assert run.code != 0
    assert message in "\n".join(run.errors)
    assert run.changed == []
    assert (site.main_pids(WORKERS), site.nodes().keys()) == before
    assert not [name for name, node in site.nodes().items() if "DRAIN" in node["state"]]


def test_a_removal_in_check_mode_removes_nothing(site):
    run = site.play("--check", "-e", f"target={NEW}", playbook="playbooks/remove_worker.yml", inventories=WITH_NEW).succeeded()
    assert run.changed
    assert "DRAIN" not in site.nodes()[NODE]["state"]
    assert "slurmd.service" in site.main_pids([NEW])[NEW]


def test_a_busy_worker_is_removed_after_its_last_job(site, job):
    """The job is started once, ends by itself, and is accounted; only then Slurm forgets the node."""
    busy = job("sleep 20", f"--nodelist={NODE}").wait("RUNNING")
    site.play("-e", f"target={NEW}", playbook="playbooks/remove_worker.yml", inventories=WITH_NEW).succeeded()
    busy.ran_once_on(NODE, seconds=1)
    assert NODE not in site.nodes()
    assert site.ssh(NEW, "systemctl is-active slurmd; systemctl is-enabled slurmd", check=False).split() == ["inactive", "disabled"]
    assert site.nodes().keys() == {worker.split(".")[0] for worker in WORKERS}


def test_a_machine_made_anew_joins_under_the_old_name_at_another_address(site, job):
    site.run("tools/sandbox.py", "remove", NEW)
    site.up(*ANEW)
    before = state_of_the_others(site)
    run = site.play("--limit", NEW, inventories=ANEW).succeeded()
    assert run.hosts == {NEW}
    assert state_of_the_others(site) == before
    site.wait_for_node(NODE, "IDLE")
    assert site.nodes()[NODE]["address"] == "10.89.77.33"
    job("true", f"--nodelist={NODE}").ran_once_on(NODE)


def test_a_worker_that_is_gone_for_good_can_still_be_removed(site):
    """Its machine does not answer any more; its node is deregistered all the same."""
    site.run("tools/sandbox.py", "remove", NEW)
    site.play("-e", f"target={NODE}", playbook="playbooks/remove_worker.yml").succeeded()
    assert NODE not in site.nodes()
