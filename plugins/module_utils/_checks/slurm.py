# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the argument spec of the role slurm cannot express. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils._checks._common import at_least, each, port, show, twice
from ansible_collections.elastigrid.site.plugins.module_utils._files import decode_secret

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
NAME_IN_WORDS = "must be made of letters, digits, _, - and .; not beginning with - or ."

# Parameters (in lower case, as Slurm does not care) that the role writes itself, and what to set instead.
OWNED = {
    "slurm_config": {
        "clustername": "slurm_cluster_name",
        "slurmctldhost": "the group slurm_controller",
        "maxnodecount": "slurm_max_nodes",
        "partitionname": "slurm_partitions",
        "nodeset": "slurm_partitions[].features",
        "nodename": "slurm_node_config",
        "accountingstoragetype": "slurm_accounting_storage",
        "accountingstoragehost": "slurm_accounting_storage",
        "healthcheckprogram": "slurm_required_mounts",
    },
    "slurm_partitions[].options": {
        "partitionname": "slurm_partitions[].name",
        "nodes": "slurm_partitions[].features",
        "default": "slurm_partitions[].default",
    },
    "slurm_node_config": {
        "nodename": "slurm_node_name",
        "feature": "slurm_node_features",
        "features": "slurm_node_features",
    },
}
PORTS = {
    "slurm_config": {"slurmctldport", "slurmdport", "accountingstorageport"},
    "slurm_dbd_config": {"dbdport", "storageport"},
    "slurm_node_config": {"port"},
}


def check(variables: dict[str, t.Any], groups: dict[str, list[str]], group_names: list[str]) -> list[str]:
    """What is wrong between the variables of a host of the Slurm cluster, and with its groups."""
    return [
        *_hosts(variables, groups),
        *_partitions(variables.get("slurm_partitions", [])),
        *_accounting(variables),
        *_directives("slurm_config", variables.get("slurm_config", {})),
        *_directives("slurm_dbd_config", variables.get("slurm_dbd_config", {})),
        *_directives("slurm_node_config", variables.get("slurm_node_config", {})),
        *_values(variables),
    ]


def _hosts(variables: dict[str, t.Any], groups: dict[str, list[str]]) -> t.Iterator[str]:
    controllers = groups.get("slurm_controller", [])
    parts = variables.get("slurm_parts", [])
    if len(controllers) > 1:
        yield f"the group slurm_controller has {', '.join(controllers)}, must have one host: a second controller is not supported"
    if not controllers and parts and "controller" not in parts:
        yield f"the group slurm_controller is empty, must have one host: this host is a Slurm {' and '.join(parts)}"

    name = variables.get("slurm_node_name")
    if "worker" in parts and name is not None:
        if not NAME.fullmatch(name):
            yield f"slurm_node_name is {show(name)}, {NAME_IN_WORDS}"
        same = [host for host in groups.get("slurm_worker", []) if host.split(".")[0] == name]
        if len(same) > 1:
            yield f"slurm_node_name is {show(name)}, the short name of {', '.join(same)}; must be another one on each of them"


def _partitions(partitions: list[dict[str, t.Any]]) -> t.Iterator[str]:
    for path, partition in each("slurm_partitions", partitions):
        name = partition["name"]
        if name.upper() == "DEFAULT" or not NAME.fullmatch(name):
            yield f"{path}.name is {show(name)}, {NAME_IN_WORDS}; and not DEFAULT"
        yield from _features(f"{path}.features", partition.get("features", []))
        yield from _directives(f"{path}.options", partition.get("options", {}), OWNED["slurm_partitions[].options"])
    yield from twice("slurm_partitions", partitions, "name")
    default = [path for path, partition in each("slurm_partitions", partitions) if partition.get("default")]
    if len(default) > 1:
        yield f"{' and '.join(path + '.default' for path in default)} are true, must be true for one partition at most"


def _features(path: str, features: list[str]) -> t.Iterator[str]:
    for where, feature in each(path, features):
        if not NAME.fullmatch(feature):
            yield f"{where} is {show(feature)}, {NAME_IN_WORDS}"


def _accounting(variables: dict[str, t.Any]) -> t.Iterator[str]:
    storage = variables.get("slurm_accounting_storage")
    for name in ("slurm_qos", "slurm_accounts", "slurm_users"):
        if storage == "none" and variables.get(name):
            yield f"{name} has entries, must be empty while slurm_accounting_storage is none"
    yield from twice("slurm_qos", variables.get("slurm_qos", []), "name")
    yield from twice("slurm_accounts", variables.get("slurm_accounts", []), "name")
    if storage == "external" and "slurm_dbd_config" in variables:
        given = {key.lower() for key in variables["slurm_dbd_config"]}
        for key in ("StorageHost", "StorageUser", "StoragePass"):
            if key.lower() not in given:
                yield f"slurm_dbd_config.{key} is not set, must be while slurm_accounting_storage is external"


def _directives(path: str, directives: dict[str, t.Any], owned: dict[str, str] | None = None) -> t.Iterator[str]:
    owned = owned or OWNED.get(path, {})
    spellings: dict[str, str] = {}
    for key, value in directives.items():
        lower = str(key).lower()
        if lower in spellings:
            yield f"{path}.{spellings[lower]} and {path}.{key} are one parameter for Slurm, must be given once"
        spellings[lower] = key
        if lower in owned:
            yield f"{path}.{key} is the role's business, must not be set: use {owned[lower]}"
        if lower in PORTS.get(path, ()) and value is not None:
            yield from port(f"{path}.{key}", value, ranges=lower == "slurmctldport")
    parameters = next((value for key, value in directives.items() if key.lower() == "slurmctldparameters"), None)
    if path == "slurm_config" and "slurmctldparameters" in spellings and "enable_configless" not in str(parameters):
        yield f"{path}.SlurmctldParameters has no enable_configless, must have it: workers get their configuration by it"


def _values(variables: dict[str, t.Any]) -> t.Iterator[str]:
    cluster = variables.get("slurm_cluster_name")
    if cluster is not None and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,39}", cluster):
        yield f"slurm_cluster_name is {show(cluster)} (site_name unless set), must be made of at most 40 letters, digits, _ and -"
    yield from _features("slurm_node_features", variables.get("slurm_node_features", []))
    yield from at_least(1, variables, "slurm_max_nodes", "slurm_restart_batch")
    for path, mount in each("slurm_required_mounts", variables.get("slurm_required_mounts", [])):
        if not mount.startswith("/"):
            yield f"{path} is {show(mount)}, must be an absolute path"
    if "slurm_munge_key" in variables:
        try:
            length = len(decode_secret(variables["slurm_munge_key"]))
        except ValueError as error:
            yield f"slurm_munge_key is set to a value that is not shown, must be base64 ({error})"
        else:
            if not 32 <= length <= 1024:
                yield f"slurm_munge_key has {length} bytes, must have 32 to 1024"
