# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks import condor, condor_startd

GROUPS = {"condor_manager": ["cm.grid.test"], "condor_startd": ["wn.grid.test"]}
WORKER = {"condor_startd_manager": "cm.grid.test"}
RIGHTS = "condor:/ADVERTISE_STARTD condor:/ADVERTISE_MASTER condor:/READ"
SECRET = "condor_startd_token is set to a value that is not shown"


def token(**claims):
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "HS256"}, claims, "s"))


@pytest.mark.parametrize(
    ("variables", "groups", "error"),
    [
        ({"condor_parts": ["manager"], "condor_trust_domain": "grid.test"}, GROUPS, None),
        ({"condor_parts": ["schedd"]}, {}, "the group condor_manager is empty, must have one host: this host is a submit host of its pool"),
        ({}, {"condor_manager": ["cm"]}, "the group condor_manager has cm, must have full host names: HTCondor's commands know no others"),
        ({"condor_config": {"flock_to": "x"}}, GROUPS, "condor_config.flock_to is the role's business, must not be set: use condor_flock_to"),
        ({"condor_token_lifetime": 60}, GROUPS, "condor_token_lifetime is 60, must be at least 3600"),
        ({"condor_revoke_before": 1}, GROUPS, None),
        ({"condor_revoke_before": 9e9}, GROUPS, "condor_revoke_before is 9000000000.0, must be in the past: new tokens would be worthless too"),
        ({"condor_flock_from": ["far.test"]}, GROUPS, None),
        (
            {"condor_flock_from": ["startd"]},
            GROUPS,
            'condor_flock_from[0] is "startd", must be made of letters, digits, - and ., and be none of condor, join, schedd, startd',
        ),
        (
            {"condor_flock_to": [{"manager": "far", "token": token(scope="condor:/ADVERTISE_SCHEDD")}]},
            GROUPS,
            'condor_flock_to[0].manager is "far", must be a full host name such as cm.example.org',
        ),
        (
            {"condor_flock_to": [{"manager": "cm.far.test", "token": token(scope="condor:/READ")}]},
            GROUPS,
            "condor_flock_to[0].token is set to a value that is not shown, and has the rights READ: must have ADVERTISE_SCHEDD, see condor_token_create -authz",
        ),
        ({"condor_routes": {"to x": "UNIVERSE VANILLA"}}, GROUPS,
         'condor_routes.to x is "UNIVERSE VANILLA", must be a text, and its name made of letters, digits and _'),
        ({"condor_config": {"uid_domain": "x"}}, GROUPS, "condor_config.uid_domain is the role's business, must not be set: use condor_trust_domain"),
        ({"condor_config": {"use": "x"}}, GROUPS, 'condor_config.use is "x", must be a list of metaknobs such as FEATURE:GPUs'),
        ({"condor_config": {"A B": 1}}, GROUPS, "condor_config.A B is no name of a parameter, must be made of letters, digits, _ and ."),
        ({"condor_trust_domain": ""}, GROUPS, 'condor_trust_domain is "", must be made of letters, digits, - and .'),
    ],
)
def test_pools(variables, groups, error):
    assert condor.check(variables, groups, []) == ([error] if error else [])


@pytest.mark.parametrize(
    ("variables", "groups", "error"),
    [
        (WORKER, GROUPS, None),
        ({"condor_startd_manager": "cm.far.test", "condor_startd_token": token(iss="far", scope=RIGHTS)}, {}, None),
        ({"condor_startd_manager": ""}, {}, "condor_startd_manager is empty, must be the full name of a manager: the group condor_manager is empty too"),
        ({"condor_startd_manager": "cm"}, {}, 'condor_startd_manager is "cm", must be a full host name such as cm.example.org'),
        (
            {"condor_startd_manager": "cm.far.test"},
            GROUPS,
            "condor_startd_token is not set, must be while condor_startd_manager (cm.far.test) is not in the group condor_manager",
        ),
        (WORKER, {**GROUPS, "condor_startd": ["wn"]}, "the group condor_startd has wn, must have full host names: HTCondor's commands know no others"),
        ({**WORKER, "condor_startd_retirement": -1}, GROUPS, "condor_startd_retirement is -1, must be at least 0"),
        (
            {**WORKER, "condor_startd_config": {"START": "true"}},
            GROUPS,
            "condor_startd_config.START is the role's business, must not be set: use condor_startd_start",
        ),
    ],
)
def test_workers(variables, groups, error):
    assert condor_startd.check(variables, groups, []) == ([error] if error else [])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (token(scope=RIGHTS, exp=101), None),
        (token(), None),
        ("secret", f"{SECRET}, must be a token: this is no token as condor_token_create writes it: three parts of base64 with dots between"),
        (token(exp=100), f"{SECRET}, and expired at 1970-01-01T00:01:40Z: must be valid, see condor_token_create -lifetime"),
        (token(scope="condor:/READ"), f"{SECRET}, and has the rights READ: must have ADVERTISE_STARTD and ADVERTISE_MASTER, see condor_token_create -authz"),
    ],
)
def test_tokens(text, error):
    assert list(condor.token("condor_startd_token", text, ["ADVERTISE_STARTD", "ADVERTISE_MASTER"], 100)) == ([error] if error else [])


def test_a_token_of_a_worker_is_looked_at():
    assert condor_startd.check({"condor_startd_token": "secret"}, GROUPS, []) == [
        f"{SECRET}, must be a token: this is no token as condor_token_create writes it: three parts of base64 with dots between"
    ]
