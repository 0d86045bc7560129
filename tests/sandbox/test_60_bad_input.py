# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What is wrong in the inventory stops the run before anything is touched, in words that name variable, value and what is allowed."""

from __future__ import annotations

import json

import pytest
from conftest import SITE, WORKERS

FIRST_TASK = "Variables and groups are right"
CASES = {
    "wrong type": ({"slurm_partitions": {"name": "main"}}, ["slurm_partitions", "a dictionary (name)", "must be a list of dictionaries"]),
    "not a number": ({"slurm_max_nodes": "many"}, ["slurm_max_nodes", '"many"', "an integer"]),
    "not a boolean": ({"slurm_constrain_jobs": "perhaps"}, ["slurm_constrain_jobs", '"perhaps"', "true or false"]),
    "unknown choice": ({"slurm_accounting_storage": "postgres"}, ["slurm_accounting_storage", '"postgres"', "one of: mariadb, external, none"]),
    "unknown part": ({"slurm_parts": ["worker", "master"]}, ["slurm_parts[1]", '"master"', "controller, submit, worker"]),
    "unknown key": ({"slurm_partitions": [{"name": "main", "nodes": "ALL"}]}, ["slurm_partitions[0]", "nodes", "name, features, default, options"]),
    "missing key": ({"slurm_accounts": [{"parent": "root"}]}, ["slurm_accounts[0].name", "is not set", "a string"]),
    "duplicate partition": ({"slurm_partitions": [{"name": "main"}, {"name": "gpu"}, {"name": "main"}]}, ["slurm_partitions[2].name", '"main"', "slurm_partitions[0]"]),
    "two defaults": ({"slurm_partitions": [{"name": "a", "default": True}, {"name": "b", "default": True}]}, ["slurm_partitions[0].default", "slurm_partitions[1].default", "one partition at most"]),
    "port out of range": ({"slurm_config": {"SlurmdPort": 70000}}, ["slurm_config.SlurmdPort", "70000", "1..65535"]),
    "the role's own directive": ({"slurm_config": {"NodeName": "wn9"}}, ["slurm_config.NodeName", "slurm_node_config"]),
    "relative path": ({"slurm_required_mounts": ["shared"]}, ["slurm_required_mounts[0]", '"shared"', "absolute path"]),
    "relative shared storage": ({"site_shared_storage": {"path": "shared"}}, ["site_shared_storage.path", '"shared"', "absolute path"]),
    "misspelt variable": ({"slurm_partition": []}, ["slurm_partition is not a variable of role slurm", "did you mean slurm_partitions?"]),
    "misspelt site variable": ({"site_acounts": []}, ["site_acounts is not a site variable", "did you mean site_accounts?"]),
    "stray variable in a strict site": ({"slurm_colour": "blue", "site_strict_variables": True}, ["slurm_colour is not a variable of role slurm"]),
    "duplicate account": ({"site_accounts": [{"name": "a", "uid": 1, "gid": 1}, {"name": "a", "uid": 2, "gid": 2}], "site_vos": []}, ["site_accounts[1].name", '"a"']),
    "VO with an unknown account": ({"site_vos": [{"name": "atlas", "account": "nobody1"}]}, ["site_vos[0].account", '"nobody1"', "site_accounts"]),
    "no base64": ({"slurm_munge_key": "very-secret?"}, ["slurm_munge_key", "must be base64"]),
    "short key": ({"slurm_munge_key": "c2hvcnQ="}, ["slurm_munge_key has 5 bytes", "32 to 1024"]),
}


def refused(run, words) -> None:
    assert run.code != 0
    assert {task for task, _host, _result in run.results()} == {FIRST_TASK}
    for word in words:
        assert any(word in error for error in run.errors), f"{word} is not in:\n" + "\n".join(run.errors)


@pytest.mark.parametrize(("variables", "words"), CASES.values(), ids=CASES.keys())
def test_a_wrong_variable_stops_the_run(site, variables, words):
    run = site.play("-e", json.dumps(variables))
    refused(run, words)
    if "slurm_munge_key" in variables:
        assert variables["slurm_munge_key"] not in run.output


def test_a_wrong_variable_of_one_host_stops_all(site, tmp_path):
    """Nothing is touched on the hosts that are right, either."""
    extra = tmp_path / "hosts.yml"
    extra.write_text(f"all: {{hosts: {{{WORKERS[1]}: {{slurm_required_mounts: [shared]}}}}}}\n")
    refused(site.play(inventories=[SITE, str(extra)]), ["slurm_required_mounts[0]", '"shared"', "absolute path"])


GROUPS = {
    "worker without a controller": ("slurm_worker: {hosts: {lonely.grid.test: {}}}", ["the group slurm_controller is empty", "must have one host"]),
    "two controllers": ("slurm_controller: {hosts: {a.grid.test: {}, b.grid.test: {}}}", ["the group slurm_controller has a.grid.test, b.grid.test", "must have one host"]),
}


@pytest.mark.parametrize(("inventory", "words"), GROUPS.values(), ids=GROUPS.keys())
def test_wrong_groups_stop_the_run(site, tmp_path, inventory, words):
    extra = tmp_path / "hosts.yml"
    extra.write_text(inventory + "\n")
    refused(site.play(inventories=[str(extra)]), words)
