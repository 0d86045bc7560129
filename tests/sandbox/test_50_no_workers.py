# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""From two workers to none and back: a site without workers is a valid site. One story: the tests run in this order."""

from __future__ import annotations

import shutil

import pytest
import yaml
from conftest import CES, CLUSTER, CONTROLLER, LOGIN, ROOT, SITE, WORKERS

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def without_workers(site):
    """An inventory that is the sandbox's, but for its workers. It lies where inventory_dir leads to the same keys."""
    place = ROOT / ".sandbox" / "no-workers"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / SITE, place)
    hosts = yaml.safe_load((place / "hosts.yml").read_text())
    for worker in WORKERS:
        for group in (hosts["all"], *(hosts["all"]["children"][name] for name in ("slurm_worker", "condor_startd"))):
            del group["hosts"][worker]
    (place / "hosts.yml").write_text(yaml.safe_dump(hosts))
    yield str(place.relative_to(ROOT))
    shutil.rmtree(place)
    # Where the story broke off, the workers come back all the same.
    if len(site.nodes()) < len(WORKERS):
        site.play("--limit", ",".join(WORKERS)).succeeded()


@pytest.fixture(scope="module")
def waiting(site):
    return site.submit()


def test_the_last_workers_are_removed(site):
    site.play("-e", "target=slurm_worker", playbook="playbooks/remove_worker.yml").succeeded()
    assert site.nodes() == {}


def test_a_site_without_workers_is_converged(site, without_workers):
    before = site.main_pids(site.hosts(without_workers))
    run = site.play("--limit", CLUSTER, inventories=[without_workers]).succeeded()
    assert run.hosts == {CONTROLLER, LOGIN, *CES}
    assert run.changed == []
    assert site.main_pids(site.hosts(without_workers)) == before


def test_without_workers_the_controller_starts_and_jobs_wait(site, waiting):
    assert waiting.state == "PENDING"
    site.ssh(CONTROLLER, "sudo systemctl restart slurmctld")
    site.wait("slurmctld answers", lambda: "is UP" in site.ssh(CONTROLLER, "scontrol ping", check=False), 30)
    assert waiting.state == "PENDING"


def test_workers_come_back_and_the_job_runs(site, without_workers, waiting):
    run = site.play("--limit", ",".join(WORKERS)).succeeded()
    assert run.hosts == {*WORKERS}
    waiting.wait("COMPLETED")
    assert sorted(site.nodes()) == ["wn1", "wn2"]
    for node in ("wn1", "wn2"):
        site.submit("true", f"--nodelist={node}").ran_once_on(node)
