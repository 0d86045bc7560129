# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _cloud_objects_info

MINE, OTHER = "project-1", "project-2"


def keypair(name):
    return {"keypair": {"name": name, "fingerprint": "aa:bb"}}


def server(server_id, name, **metadata):
    return {"id": server_id, "name": name, "status": "ACTIVE", "created": "2026-11-21T15:29:00Z", "metadata": metadata}


def router(router_id, description, project=MINE):
    return {"id": router_id, "name": "r", "description": description, "project_id": project, "status": "ACTIVE", "created_at": "2026-11-21T15:29:00Z"}


LISTINGS = {
    "servers": [
        server("s2", "demo-worker-2", **_cloud_objects.metadata("demo", pool="worker", slot=2)),
        server("s1", "demo-worker-1", **_cloud_objects.metadata("demo", pool="worker", slot=1)),
        server("s3", "demo-worker-3"),
        server("s4", "other", **_cloud_objects.metadata("other")),
    ],
    "keypairs": [keypair("elastigrid-demo"), keypair("elastigrid-demo2"), keypair("demo"), keypair("my-elastigrid-demo"), keypair("elastigrid-demo old")],
    "server_groups": [
        {"id": "g1", "name": "elastigrid-demo/worker", "policy": "anti-affinity"},
        {"id": "g2", "name": "elastigrid-demo2/worker", "policy": "anti-affinity"},
        {"id": "g3", "name": "elastigrid-demo", "policy": "anti-affinity"},
    ],
    "volumes": [{"id": "v1", "name": None, "metadata": {}, "status": "available", "created_at": "2026-11-21T15:29:00.000000"}],
    "routers": [
        router("r1", _cloud_objects.description("demo")),
        router("r2", _cloud_objects.description("demo"), OTHER),
        router("r3", _cloud_objects.description("demo.2")),
        router("r4", None),
    ],
    "floating_ips": [{"id": "f1", "floating_ip_address": "192.0.2.7", "description": _cloud_objects.description("demo"), "project_id": MINE, "status": "DOWN"}],
}


def ids(objects):
    return {kind: [thing["id"] for thing in things] for kind, things in objects.items()}


def test_what_belongs_to_a_site_is_told_from_what_only_looks_like_it():
    found = _cloud_objects_info.select(LISTINGS, ["demo"], MINE)
    assert ids(found) == {
        "servers": ["s1", "s2"], "keypairs": ["elastigrid-demo"], "server_groups": ["g1"], "volumes": [], "routers": ["r1"], "floating_ips": ["f1"],
    }  # fmt: skip
    assert {thing["site"] for things in found.values() for thing in things} == {"demo"}


def test_without_sites_all_sites_are_found():
    found = _cloud_objects_info.select(LISTINGS, [], MINE)
    assert ids(found) == {
        "servers": ["s1", "s2", "s4"], "keypairs": ["elastigrid-demo", "elastigrid-demo2"], "server_groups": ["g1", "g2"], "volumes": [],
        "routers": ["r1", "r3"], "floating_ips": ["f1"],
    }  # fmt: skip


def test_several_sites():
    assert ids(_cloud_objects_info.select(LISTINGS, ["other", "demo2"], MINE))["servers"] == ["s4"]
    assert ids(_cloud_objects_info.select(LISTINGS, ["other", "demo2"], MINE))["server_groups"] == ["g2"]


@pytest.mark.parametrize(
    ("kind", "thing", "expected"),
    [
        ("servers", LISTINGS["servers"][0],
         {"site": "demo", "id": "s2", "name": "demo-worker-2", "status": "ACTIVE", "created": "2026-11-21T15:29:00Z",
          "marks": {"elastigrid_site": "demo", "elastigrid_pool": "worker", "elastigrid_slot": "2"}}),
        ("keypairs", LISTINGS["keypairs"][0],
         {"site": "demo", "id": "elastigrid-demo", "name": "elastigrid-demo", "status": None, "created": None, "marks": {"elastigrid_site": "demo"}}),
        ("server_groups", LISTINGS["server_groups"][0],
         {"site": "demo", "id": "g1", "name": "elastigrid-demo/worker", "status": None, "created": None,
          "marks": {"elastigrid_site": "demo", "elastigrid_pool": "worker"}}),
        ("floating_ips", LISTINGS["floating_ips"][0],
         {"site": "demo", "id": "f1", "name": "192.0.2.7", "status": "DOWN", "created": None, "marks": {"elastigrid_site": "demo"}}),
    ],
)  # fmt: skip
def test_what_is_told_of_an_object(kind, thing, expected):
    assert _cloud_objects_info.select({kind: [thing]}, [], MINE) == {kind: [expected]}
