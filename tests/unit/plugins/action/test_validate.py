# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The action as ansible-playbook runs it: one host per case, none of which can be reached."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CASES = {
    "right": ({"slurm_config": {"DebugFlags": "{{ none_such | default(omit) }}"}, "slurm_cluster_name": "{{ omit }}", "other": "{{ undefined }}"}, []),
    "templates": ({"wanted": "many", "slurm_max_nodes": "{{ wanted }}"}, ['slurm_max_nodes is "many", must be an integer']),
    "undefined": ({"slurm_config": "{{ none_such }}", "slurm_max_nodes": 0},
                  ["slurm_config has no value: 'none_such' is undefined", "slurm_max_nodes is 0, must be at least 1"]),
    "misspelt": ({"slurm_partition": [], "site_vo": []},
                 ["site_vo is not a site variable; did you mean site_vos?", "slurm_partition is not a variable of role slurm; did you mean slurm_partitions?"]),
    "strict": ({"slurm_colour": "red", "site_strict_variables": "yes"}, ["slurm_colour is not a variable of role slurm"]),
    "stray": ({"slurm_colour": "red"}, []),
    "secret": ({"slurm_munge_key": "hunter2!"}, ["slurm_munge_key is set to a value that is not shown, must be base64 (content is not valid base64)"]),
    "told": ({"slurm_munge_key": "hunter2!", "slurm_cluster_name": "hunter2!"},
             ['slurm_cluster_name is "********" (site_name unless set), must be made of at most 40 letters, digits, _ and -',
              "slurm_munge_key is set to a value that is not shown, must be base64 (content is not valid base64)"]),
    "template_of_a_secret": ({"slurm_munge_key": "{{ 'hunter2!' | from_json }}"}, ["slurm_munge_key has no value: its template fails"]),
    # slurm_required_mounts is made of it: the cause is enough.
    "cause": ({"site_shared_storage": {"path": "shared"}}, ['site_shared_storage.path is "shared", must be an absolute path']),
    "derived": ({"site_shared_storage": {}}, ["site_shared_storage.path is not set, must be an absolute path"]),
    "defaults": ({"site_name": "My Site"},
                 ['slurm_cluster_name is "My Site" (site_name unless set), must be made of at most 40 letters, digits, _ and -']),
}
PLAYBOOK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"elastigrid.site.validate": None, "register": "outcome", "ignore_errors": True},
            {"ansible.builtin.copy": {"content": "{{ outcome }}", "dest": "{{ results }}/{{ inventory_hostname }}"}, "delegate_to": "localhost"},
        ],
    }
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What the action returned for each host, and everything that ansible-playbook has said."""
    directory = tmp_path_factory.mktemp("validate")
    hosts = {name: {"ansible_host": "192.0.2.1", **variables} for name, (variables, errors) in CASES.items()}
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {
        "slurm_worker": {"hosts": hosts},
        "slurm_controller": {"hosts": {"controller": {"ansible_host": "192.0.2.1"}}},
        # A group of this name is no variable.
        "slurm_partitons": {"hosts": {"right": {}}},
        "ungrouped": {"hosts": {"localhost": local}},
    }
    (directory / "hosts.json").write_text(json.dumps({**inventory, "all": {"vars": {"results": str(directory)}}}))
    (directory / "play.yml").write_text(json.dumps(PLAYBOOK))
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-vvv", "-i", "hosts.json", "play.yml"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.name: json.loads(path.read_text()) for path in directory.iterdir() if path.suffix == ""}, done.stdout + done.stderr


@pytest.mark.parametrize("name", CASES)
def test_errors(run, name):
    result = run[0][name]
    assert sorted(result["errors"]) == sorted(CASES[name][1])
    assert result["failed"] == bool(CASES[name][1])
    assert result["changed"] is False


def test_every_error_stands_in_the_message(run):
    for result in run[0].values():
        assert all(f"\n- {error}" in result["msg"] for error in result["errors"])


def test_hosts_without_the_service_are_not_bothered(run):
    assert run[0]["localhost"]["errors"] == []
    assert run[0]["controller"]["errors"] == []


def test_what_is_far_from_any_name_gives_one_warning(run):
    assert run[0]["stray"]["warnings"] == ["elastigrid.site does not know these variables and ignores them: slurm_colour"]
    assert "warnings" not in run[0]["right"]


def test_secrets_are_not_shown(run):
    assert "slurm_munge_key" in run[1]
    assert "hunter2!" not in run[1]
