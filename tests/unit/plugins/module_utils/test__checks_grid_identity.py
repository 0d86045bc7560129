# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks import grid_identity

JANE = "/DC=org/CN=Jane"
GRIDMAP = {"name": "list", "type": "gridmap", "path": "/etc/list"}
GOOD = {
    "grid_identity_vos": [{"name": "vo", "members": [JANE], "account": ".pool", "sources": [GRIDMAP]}],
    "site_accounts": [{"name": "pool01", "uid": 1, "gid": 1}],
    "grid_identity_accounts": ["pool01"],
    "grid_identity_entries": [{"dn": JANE, "account": ".pool"}],
    "grid_identity_bans": ["CN=Joe,DC=org"],
    "grid_identity_ban_sources": [{**GRIDMAP, "name": "bans"}],
    "grid_identity_force": ["bans"],
    "grid_identity_outputs": [{"type": "json", "path": "/etc/all.json", "mode": "0600"}],
    "grid_identity_renew_command": ["/usr/bin/renew"],
    "grid_identity_host_names": ["ce.example.org"],
    "grid_identity_igtf": ["classic"],
    "grid_identity_schedule": "hourly",
}


def check(**changes):
    variables = {**GOOD, **{f"grid_identity_{name}": value for name, value in changes.items()}}
    return grid_identity.check(variables, {}, ["arc_ce"])


def test_what_is_right():
    assert check() == []
    assert grid_identity.check({}, {}, []) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vos": [{"name": "vo", "members": ["Jane"]}]}, 'grid_identity_vos[0].members[0] is "Jane", must be a DN such as'),
        ({"vos": [{"name": "vo", "members": ['/CN=a\n"b']}]}, "grid_identity_vos[0].members[0]"),
        ({"vos": [{"name": "vo", "account": "nobody"}]}, 'grid_identity_vos[0].account is "nobody", must be in site_accounts'),
        ({"vos": [{"name": "vo", "sources": [{**GRIDMAP, "path": None, "url": "https://me:word@example.org/x"}]}]}, "holds a user name or password"),
        ({"vos": [{"name": "vo", "voms": [{"host": "v", "dn": "x", "ca": "/CN=a"}]}]}, "grid_identity_vos[0].voms[0].dn"),
        ({"entries": [{"dn": JANE, "account": "a"}, {"dn": "CN=Jane,DC=org", "account": "b"}]}, "grid_identity_entries[1] maps CN=Jane,DC=org to b, but"),
        ({"entries": [{"dn": JANE, "account": ".other"}]}, 'grid_identity_entries[0].account is ".other", must be a pool'),
        ({"bans": ["Joe"]}, "grid_identity_bans[0]"),
        ({"ban_sources": [{**GRIDMAP, "type": "list"}]}, "grid_identity_ban_sources[0].type is list, must be one of"),
        ({"ban_sources": [GRIDMAP]}, 'grid_identity_ban_sources and the VOs: sources have the same name "list" more than once'),
        ({"outputs": [{"type": "json", "path": "x"}]}, 'grid_identity_outputs[0].path is "x", must be an absolute path'),
        ({"force": ["list", "lst"]}, 'grid_identity_force has "lst", must be names of sources (list, bans)'),
        ({"max_shrink": 101}, "grid_identity_max_shrink is 101, must be in 0..100"),
        ({"max_age": 0}, "grid_identity_max_age is 0, must be at least 1"),
        ({"timeout": 0}, "grid_identity_timeout is 0"),
        ({"source_key": "/etc/key"}, "grid_identity_source_key is given without"),
        ({"igtf": ["classic"], "ca_dir": "/etc/cas"}, 'grid_identity_igtf is set, but grid_identity_ca_dir is "/etc/cas"'),
        ({"lease_days": -1}, "grid_identity_lease_days is -1, must be at least 0"),
        ({"schedule": "hourly\nx"}, "grid_identity_schedule is"),
        ({"host_names": []}, "grid_identity_host_names is an empty list"),
        ({"host_names": ["ce_1"]}, 'grid_identity_host_names[0] is "ce_1", must be a DNS name'),
        ({"renew_command": ["renew"]}, 'grid_identity_renew_command[0] is "renew", must be an absolute path'),
        ({"renew_days": 0}, "grid_identity_renew_days is 0, must be at least 1"),
        ({"warn_days": -1}, "grid_identity_warn_days is -1"),
        ({"host_certificate": False}, "grid_identity_renew_command is set while grid_identity_host_certificate is false"),
    ],
)
def test_what_is_wrong(changes, words):
    errors = check(**changes)
    assert len(errors) == 1, errors
    assert words in errors[0]


def test_what_is_wrong_with_the_vos_of_the_site_is_said_once():
    vos = [{"name": "vo", "members": ["Jane"]}]
    assert grid_identity.check({"site_vos": vos, "grid_identity_vos": vos}, {}, []) == []
