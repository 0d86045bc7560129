# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Tables of cases for the checks of the role xrootd."""

from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks.xrootd import check

RIGHT = {"xrootd_parts": ["origin"], "xrootd_port": 1094, "xrootd_cmsd_port": 1213, "xrootd_exports": [{"path": "/store"}], "xrootd_directory": "/srv/xrootd"}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"xrootd_parts": ["redirector"]},
        {"xrootd_tpc": True, "xrootd_auth": ["gsi"]},
        {"xrootd_report": "[2001:db8::1]:9931"},
        {"xrootd_config": {"cms.delay": "startup 10"}},
    ],
)
def test_what_is_right_passes(variables):
    assert check(RIGHT | variables, {}, []) == []


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"xrootd_parts": ["origin", "redirector"]}, "xrootd_parts has origin and redirector, must have one"),
        ({"xrootd_port": 1213}, "xrootd_port and xrootd_cmsd_port are both 1213, must differ"),
        ({"xrootd_port": 99999}, "xrootd_port is 99999, must be a port in 1..65535"),
        ({"xrootd_exports": []}, "xrootd_exports is an empty list"),
        ({"xrootd_exports": [{"path": "/a"}, {"path": "/a"}]}, 'are both "/a", must differ'),
        ({"xrootd_exports": [{"path": "/a b"}]}, 'xrootd_exports[0].path is "/a b", must be an absolute path'),
        ({"xrootd_directory": "/srv/xrootd/"}, "xrootd_directory is"),
        ({"xrootd_tpc": True}, "xrootd_tpc is true, must be false while xrootd_auth is empty"),
        ({"xrootd_report": "host:0"}, 'xrootd_report is "host:0"'),
        ({"xrootd_config": {"xrd.port": [[1]]}}, "xrootd_config.xrd.port is a list, must be one line"),
        ({"xrootd_config": {"if exec cmsd": {"port": 1}}}, "xrootd_config.if exec cmsd has"),
    ],
)
def test_what_is_wrong_is_named(variables, error):
    found = check(RIGHT | variables, {}, [])
    assert len(found) == 1, found
    assert error in found[0]
