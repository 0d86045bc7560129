# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What is converged stays as it is."""

from __future__ import annotations


def test_a_second_run_changes_nothing_and_restarts_no_daemon(site):
    before = site.main_pids(site.hosts())
    assert all(before.values()), "there is a host without a daemon of ours"
    run = site.play().succeeded()
    assert run.changed == []
    assert {host: stats["changed"] for host, stats in run.stats.items()} == dict.fromkeys(site.hosts(), 0)
    assert site.main_pids(site.hosts()) == before


def test_check_mode_finds_nothing_to_do(site):
    """--check --diff on a converged site: no task fails, none would change anything, nothing changes."""
    before = site.main_pids(site.hosts())
    run = site.play("--check", "--diff").succeeded()
    assert run.changed == []
    assert {host: (stats["changed"], stats["failures"]) for host, stats in run.stats.items()} == dict.fromkeys(site.hosts(), (0, 0))
    assert site.main_pids(site.hosts()) == before
