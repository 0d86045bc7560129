# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks import sandbox_ca

GROUPS = {"all": ["ce.grid.test", "login.grid.test"]}
RIGHT = {
    "sandbox_ca_host": "ce.grid.test",
    "sandbox_ca_base": "/DC=test/DC=grid/O=Sandbox",
    "sandbox_ca_users": [{"name": "Sandbox User", "user": "debian"}],
    "sandbox_ca_days": 365,
    "sandbox_ca_renew_days": 30,
}


def test_what_is_right_and_what_is_not_set():
    assert sandbox_ca.check(RIGHT, GROUPS, []) == []
    assert sandbox_ca.check({}, GROUPS, []) == []
    users = [*RIGHT["sandbox_ca_users"], {"name": "Other", "user": "debian", "directory": "/home/debian/other"}]
    assert sandbox_ca.check(RIGHT | {"sandbox_ca_users": users}, GROUPS, []) == []


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"sandbox_ca_host": "ce"}, 'sandbox_ca_host is "ce", must be a host of this inventory'),
        ({"sandbox_ca_base": "DC=test"}, 'sandbox_ca_base is "DC=test", must be like /DC=org/O=Name'),
        ({"sandbox_ca_base": "/DC=test/"}, 'sandbox_ca_base is "/DC=test/", must be like /DC=org/O=Name'),
        ({"sandbox_ca_users": [{"name": "a/b", "user": "x"}]}, 'sandbox_ca_users[0].name is "a/b", must be a name'),
        ({"sandbox_ca_users": [{"name": "A", "user": "x"}, {"name": "B", "user": "x"}]}, 'both "~x/.globus", must differ'),
        ({"sandbox_ca_days": 0}, "sandbox_ca_days is 0, must be in 1..3650"),
        ({"sandbox_ca_days": 20}, "sandbox_ca_renew_days is 30, must be in 0..19, less than sandbox_ca_days"),
    ],
)
def test_what_is_wrong(variables, error):
    (found,) = sandbox_ca.check(RIGHT | variables, GROUPS, [])
    assert error in found
