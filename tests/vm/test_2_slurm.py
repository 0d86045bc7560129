# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Slurm on cgroup v2, and a worker whose mount goes and comes. vm1 controls, vm2 works."""

from __future__ import annotations

import pytest

USE = "python3 -c 'import time; block = bytearray({} << 20); time.sleep(1)'"  # MiB


@pytest.fixture
def node(on, until):
    """The state and reason of the worker, which is idle before the test; afterwards it has its mount and no drain."""

    def ask() -> str:
        return on("vm1", "sinfo --noheader --Node --format '%T %E'")

    until("the worker is idle", lambda: ask() == "idle none", seconds=300)
    yield ask
    on("vm2", "mountpoint --quiet /shared || mount /shared")
    on("vm1", "scontrol update nodename=vm2 state=resume 2>/dev/null || true")


def job(on, *options: str, use: int) -> str:
    """The state in accounting of a job that fills so many MiB, after it ended."""
    script = f"cd ~ && sbatch --parsable --wait --output=/dev/null {' '.join(options)} --wrap \"{USE.format(use)}\""
    number = on("vm1", f"{script} || true", user="grid01", timeout=300)
    return on("vm1", f"for i in $(seq 30); do s=$(sacct --noheader --parsable2 --allocations --format State --jobs {number}); "
                     "case $s in ''|RUNNING|PENDING|COMPLETING) sleep 1 ;; *) echo $s; exit ;; esac; done")  # fmt: skip


def test_a_job_that_uses_more_memory_than_it_asked_for_is_killed(on, node):
    assert job(on, "--mem=100M", use=300) == "OUT_OF_MEMORY"


def test_a_job_within_its_memory_is_not(on, node):
    assert job(on, "--mem=400M", use=300) == "COMPLETED"


def test_a_worker_without_its_mount_drains_and_comes_back_by_itself(on, node, until):
    on("vm2", "umount --lazy /shared")
    until("the worker drains", lambda: node().startswith("drained "))
    assert "not ready: /shared is not mounted" in node()
    on("vm2", "mount /shared")
    until("the worker is idle again", lambda: node() == "idle none")


def test_a_drain_by_an_administrator_stays(on, node, until):
    on("vm1", "scontrol update nodename=vm2 state=drain reason='new disk on Monday'")
    on("vm2", "umount --lazy /shared && /usr/local/sbin/slurm-node-health; mount /shared && /usr/local/sbin/slurm-node-health")
    assert node() == "drained new disk on Monday"
