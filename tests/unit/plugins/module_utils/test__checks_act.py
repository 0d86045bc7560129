# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Tables of cases for the checks of the role act."""

from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks.act import check

COMMIT = "a54fdb6cf66531260a15c79febf2c77e009e0dd5"
SITE = {"name": "ce.example.org", "endpoint": "https://ce.example.org/main"}
DB = {"host": "db.example.org", "port": 3306, "user": "act", "password": "secret", "name": "act", "ssl_ca": "/etc/ssl/db.pem"}
RIGHT = {
    "act_source": "https://github.com/ARCControlTower/aCT",
    "act_version": COMMIT,
    "act_requirements": ["mysql-connector-python==8.4.0"],
    "act_database": "mariadb",
    "act_sites": [SITE],
    "act_user": "act",
    "act_proxy_hours": 96,
}


def errors(**variables):
    return check({**RIGHT, **variables}, {}, ["act"])


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"act_source": "/srv/aCT.tar.gz", "act_version": "whatever"},
        {"act_sites": [SITE | {"endpoint": "https://ce.example.org:8443/arex/main", "maxjobs": 1, "submitters": 5, "status": "offline"}]},
        {"act_config": {"monitor": {"prometheusport": 8001}, "voms": {"vo": "atlas", "roles": ["pilot"]}}},
        {"act_database": "external", "act_config": {"db": DB}},
        {"act_database": "external", "act_config": {"db": {key: value for key, value in DB.items() if key != "ssl_ca"} | {"ssl_disabled": True}}},
        {"act_proxy_cert": "/etc/robot.pem", "act_proxy_key": "/etc/robot.key", "act_proxy_hours": 2},
    ],
)
def test_what_is_right_passes(variables):
    assert errors(**variables) == []


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"act_version": "master"}, 'act_version is "master", must be a commit, all 40 digits'),
        ({"act_version": COMMIT[:12]}, "must be a commit, all 40 digits"),
        ({"act_requirements": ["mysql-connector-python"]}, 'act_requirements[0] is "mysql-connector-python", must be like'),
        ({"act_requirements": ["mysql-connector-python==9.1.0"]}, "must be version 8: aCT accepts no other"),
        ({"act_sites": []}, "act_sites is an empty list, must have at least one site"),
        ({"act_sites": [SITE, SITE | {"name": "b"}]}, "act_sites[0].endpoint and act_sites[1].endpoint are both"),
        ({"act_sites": [SITE | {"name": "default"}]}, 'act_sites[0].name is "default"'),
        ({"act_sites": [SITE | {"endpoint": "file://localhost"}]}, "aCT speaks REST alone"),
        ({"act_sites": [SITE | {"endpoint": "https://ce.example.org"}]}, "must be like https://ce.example.org:443/queue"),
        ({"act_sites": [SITE | {"endpoint": "https://ce.example.org:70000/main"}]}, "must be a port in 1..65535"),
        ({"act_sites": [SITE | {"submitters": 0}]}, "act_sites[0].submitters is 0, must be at least 1"),
        ({"act_config": {"db": DB}}, "act_config.db is set, must not be while act_database is mariadb"),
        ({"act_config": {"sites": {}}}, "act_config.sites is the role's business, must not be set: use act_sites"),
        ({"act_config": {"monitor": {"prometheusport": "x"}}}, "act_config.monitor.prometheusport is"),
        ({"act_database": "external", "act_config": {"db": {"ssl_disabled": True}}}, "act_config.db lacks host, port, user, password, name"),
        ({"act_database": "external", "act_config": {"db": DB | {"port": "x"}}}, "act_config.db.port is"),
        ({"act_database": "external", "act_config": {"db": DB | {"ssl_ca": ""}}}, "act_config.db has neither of ssl_ca and ssl_disabled"),
        ({"act_database": "external", "act_config": {"db": DB | {"ssl_disabled": True}}}, "act_config.db has both of ssl_ca and ssl_disabled"),
        ({"act_proxy_cert": "/etc/robot.pem"}, "act_proxy_cert and act_proxy_key go together"),
        ({"act_proxy_hours": 97}, "act_proxy_hours is 97, must be in 2..96"),
        ({"act_proxy_warn_days": 0}, "act_proxy_warn_days is 0, must be at least 1"),
        ({"act_user": "root"}, 'act_user is "root", must be an unprivileged account'),
    ],
)
def test_what_is_wrong_is_said(variables, error):
    found = errors(**variables)
    assert len(found) == 1
    assert error in found[0]


def test_no_error_shows_the_password():
    assert "secret" not in str(errors(act_config={"db": DB}) + errors(act_database="external", act_config={"db": DB | {"host": ""}}))
