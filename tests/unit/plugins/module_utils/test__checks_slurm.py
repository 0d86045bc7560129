# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import base64

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks import slurm

GROUPS = {"slurm_controller": ["ctl.grid.test"], "slurm_worker": ["wn1.grid.test", "wn2.grid.test"]}
NAME = "must be made of letters, digits, _, - and .; not beginning with - or ."
WORKER = {"slurm_parts": ["worker"], "slurm_node_name": "wn1"}


def key(length):
    return base64.b64encode(b"k" * length).decode()


@pytest.mark.parametrize(
    ("variables", "groups"),
    [
        ({}, {}),
        (WORKER, GROUPS),
        ({"slurm_parts": ["controller"]}, {"slurm_controller": ["ctl"]}),
        # An image for controllers can be made without knowing the site.
        ({"slurm_parts": ["controller"]}, {}),
        # Two workers of one short name, told apart.
        ({"slurm_parts": ["worker"], "slurm_node_name": "b"}, {**GROUPS, "slurm_worker": ["a.x", "a.y"]}),
        ({"slurm_partitions": []}, GROUPS),
        ({"slurm_partitions": [{"name": "a", "default": True}, {"name": "b", "features": ["gpu", "a100.2"], "options": {"MaxTime": 5}}]}, GROUPS),
        ({"slurm_config": {"SlurmctldPort": "6817-6820", "SlurmdPort": 6818, "SlurmctldParameters": ["enable_configless", "x"]}}, GROUPS),
        ({"slurm_config": {"SlurmdPort": None}}, GROUPS),
        ({"slurm_accounting_storage": "none", "slurm_qos": []}, GROUPS),
        ({"slurm_accounting_storage": "external", "slurm_dbd_config": {"StorageHost": "h", "storageuser": "u", "StoragePass": "p"}}, GROUPS),
        ({"slurm_munge_key": key(32)}, GROUPS),
        ({"slurm_munge_key": key(1024)}, GROUPS),
        ({"slurm_required_mounts": ["/shared"]}, GROUPS),
    ],
)
def test_right_clusters(variables, groups):
    assert slurm.check(variables, groups, []) == []


@pytest.mark.parametrize(
    ("variables", "groups", "errors"),
    [
        (WORKER, {"slurm_worker": ["wn1"]}, ["the group slurm_controller is empty, must have one host: this host is a Slurm worker"]),
        ({"slurm_parts": ["submit", "worker"]}, {"slurm_controller": []},
         ["the group slurm_controller is empty, must have one host: this host is a Slurm submit and worker"]),
        ({"slurm_parts": ["controller"]}, {"slurm_controller": ["c1", "c2"]},
         ["the group slurm_controller has c1, c2, must have one host: a second controller is not supported"]),
        ({"slurm_parts": ["worker"], "slurm_node_name": "10"}, {**GROUPS, "slurm_worker": ["10.0.0.1", "10.0.0.2", "wn3"]},
         ['slurm_node_name is "10", the short name of 10.0.0.1, 10.0.0.2; must be another one on each of them']),
        ({"slurm_parts": ["worker"], "slurm_node_name": "wn[1-3]"}, GROUPS, [f'slurm_node_name is "wn[1-3]", {NAME}']),
        ({"slurm_partitions": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, GROUPS,
         ['slurm_partitions[0].name and slurm_partitions[2].name are both "a", must differ']),
        ({"slurm_partitions": [{"name": "a b"}, {"name": "default"}, {"name": "-x"}]}, GROUPS,
         [f'slurm_partitions[0].name is "a b", {NAME}; and not DEFAULT',
          f'slurm_partitions[1].name is "default", {NAME}; and not DEFAULT',
          f'slurm_partitions[2].name is "-x", {NAME}; and not DEFAULT']),
        ({"slurm_partitions": [{"name": "a", "default": True}, {"name": "b", "default": True}]}, GROUPS,
         ["slurm_partitions[0].default and slurm_partitions[1].default are true, must be true for one partition at most"]),
        ({"slurm_partitions": [{"name": "a", "features": ["x", "y,z"]}]}, GROUPS, [f'slurm_partitions[0].features[1] is "y,z", {NAME}']),
        ({"slurm_partitions": [{"name": "a", "options": {"nodes": "ALL"}}]}, GROUPS,
         ["slurm_partitions[0].options.nodes is the role's business, must not be set: use slurm_partitions[].features"]),
        ({"slurm_config": {"ClusterName": "x", "maxnodecount": 3}}, GROUPS,
         ["slurm_config.ClusterName is the role's business, must not be set: use slurm_cluster_name",
          "slurm_config.maxnodecount is the role's business, must not be set: use slurm_max_nodes"]),
        ({"slurm_config": {"SlurmdPort": 70000}}, GROUPS, ["slurm_config.SlurmdPort is 70000, must be a port in 1..65535"]),
        ({"slurm_config": {"slurmctldport": "6817-0"}}, GROUPS, ['slurm_config.slurmctldport is "6817-0", must be a port in 1..65535']),
        ({"slurm_config": {"SlurmdPort": "6817-6820"}}, GROUPS, ['slurm_config.SlurmdPort is "6817-6820", must be a port in 1..65535']),
        ({"slurm_config": {"SlurmdPort": True}}, GROUPS, ["slurm_config.SlurmdPort is true, must be a port in 1..65535"]),
        ({"slurm_dbd_config": {"DbdPort": 0}}, GROUPS, ["slurm_dbd_config.DbdPort is 0, must be a port in 1..65535"]),
        ({"slurm_config": {"ReturnToService": 1, "returntoservice": 2}}, GROUPS,
         ["slurm_config.ReturnToService and slurm_config.returntoservice are one parameter for Slurm, must be given once"]),
        ({"slurm_config": {"SlurmctldParameters": ["idle_on_node_suspend"]}}, GROUPS,
         ["slurm_config.SlurmctldParameters has no enable_configless, must have it: workers get their configuration by it"]),
        ({"slurm_config": {"SlurmctldParameters": None}}, GROUPS,
         ["slurm_config.SlurmctldParameters has no enable_configless, must have it: workers get their configuration by it"]),
        ({"slurm_node_config": {"CPUs": 2, "Feature": "gpu"}}, GROUPS,
         ["slurm_node_config.Feature is the role's business, must not be set: use slurm_node_features"]),
        ({"slurm_accounting_storage": "none", "slurm_qos": [{"name": "long"}]}, GROUPS,
         ["slurm_qos has entries, must be empty while slurm_accounting_storage is none"]),
        ({"slurm_accounting_storage": "external", "slurm_dbd_config": {"StorageHost": "h"}}, GROUPS,
         ["slurm_dbd_config.StorageUser is not set, must be while slurm_accounting_storage is external",
          "slurm_dbd_config.StoragePass is not set, must be while slurm_accounting_storage is external"]),
        ({"slurm_qos": [{"name": "a"}, {"name": "a"}]}, GROUPS, ['slurm_qos[0].name and slurm_qos[1].name are both "a", must differ']),
        ({"slurm_cluster_name": "My Site"}, GROUPS,
         ['slurm_cluster_name is "My Site" (site_name unless set), must be made of at most 40 letters, digits, _ and -']),
        ({"slurm_max_nodes": 0, "slurm_restart_batch": -1}, GROUPS,
         ["slurm_max_nodes is 0, must be at least 1", "slurm_restart_batch is -1, must be at least 1"]),
        ({"slurm_node_features": ["a b"]}, GROUPS, [f'slurm_node_features[0] is "a b", {NAME}']),
        ({"slurm_required_mounts": ["/a", "b"]}, GROUPS, ['slurm_required_mounts[1] is "b", must be an absolute path']),
        ({"slurm_munge_key": key(31)}, GROUPS, ["slurm_munge_key has 31 bytes, must have 32 to 1024"]),
        ({"slurm_munge_key": key(1025)}, GROUPS, ["slurm_munge_key has 1025 bytes, must have 32 to 1024"]),
        ({"slurm_munge_key": "hunter2!"}, GROUPS, ["slurm_munge_key is set to a value that is not shown, must be base64 (content is not valid base64)"]),
    ],
)
def test_wrong_clusters(variables, groups, errors):
    assert slurm.check(variables, groups, []) == errors


def test_passwords_of_the_database_are_not_shown():
    errors = slurm.check({"slurm_dbd_config": {"StoragePass": "hunter2", "storagepass": "hunter3", "DbdPort": 0}}, GROUPS, [])
    assert len(errors) == 2
    assert "hunter" not in " ".join(errors)
