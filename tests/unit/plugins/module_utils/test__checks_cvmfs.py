# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Tables of cases for the checks of the role cvmfs."""

from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks.cvmfs import check

KEY = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQ+/\nAQAB==\n-----END PUBLIC KEY-----\n"
DOMAIN = {"name": "example.org", "servers": ["http://s1.example.org/cvmfs/@fqrn@"], "keys": {"example.org.pub": KEY}}


def errors(**variables):
    given = {"repositories": ["sw.example.org"], "proxies": ["http://p1:3128|http://p2:3128"], **variables}
    return check({f"cvmfs_{name}": value for name, value in given.items()}, {}, ["cvmfs"])


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"repositories": ["atlas.cern.ch", "sft.cern.ch"], "quota": 1000},
        {"proxies": ["http://p1.example.org:3128", "http://[2001:db8::1]:3128|http://p2:3128/", "DIRECT"]},
        {"domains": [DOMAIN]},
        {"domains": [{"name": "cern.ch", "config": {"CVMFS_USE_GEOAPI": False, "CVMFS_TIMEOUT": 5, "CVMFS_X": None}}]},
        {"domains": [DOMAIN | {"servers": ["http://s1.example.org:8000/cvmfs/sw.example.org"]}]},
        {"domains": [DOMAIN | {"servers": ["https://s1.example.org/cvmfs/@org@.example.org"]}]},
        {"package_source": {"url": "http://mirror.example.org/cvmfs/apt", "key": "/srv/keys/cvmfs.asc", "suite": "trixie-prod"}},
        {"package_source": {"url": ""}},
        {"mode": "cvmfsexec", "exec_dir": "/home/grid/cvmfsexec", "cache_dir": "/var/lib/cvmfs"},
        {"config": {"CVMFS_SERVER_URL": "http://a/@fqrn@;http://b/@fqrn@"}},
    ],
)
def test_what_is_right_passes(variables):
    assert errors(**variables) == []


def test_a_host_that_is_no_client_needs_nothing():
    assert check({"cvmfs_repositories": [], "cvmfs_proxies": []}, {}, []) == []


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"repositories": []}, "cvmfs_repositories is an empty list"),
        ({"repositories": ["atlas"]}, 'cvmfs_repositories[0] is "atlas", must be a full name such as atlas.cern.ch'),
        ({"repositories": ["/cvmfs/atlas.cern.ch"]}, "must be a full name"),
        ({"repositories": ["atlas.cern.ch", "atlas.cern.ch"]}, "cvmfs_repositories[0] and cvmfs_repositories[1] are both"),
        ({"proxies": []}, "cvmfs_proxies is an empty list, must have proxies such as http://squid.example.org:3128, or DIRECT"),
        ({"proxies": ["p1:3128"]}, 'cvmfs_proxies[0] has "p1:3128", must be like http://squid.example.org:3128'),
        ({"proxies": ["http://p1:3128;DIRECT"]}, "must be like http://squid.example.org:3128"),
        ({"proxies": ["DIRECT", "http://p1"]}, 'cvmfs_proxies[1] has "http://p1"'),
        ({"proxies": ["http://p1:99999"]}, "must be like http://squid.example.org:3128"),
        ({"quota": 40}, "cvmfs_quota is 40, must be at least 1000"),
        ({"probe_timeout": 0}, "cvmfs_probe_timeout is 0, must be at least 1"),
        ({"domains": [DOMAIN, DOMAIN]}, "cvmfs_domains[0].name and cvmfs_domains[1].name are both"),
        ({"domains": [DOMAIN | {"name": ".example.org"}]}, 'cvmfs_domains[0].name is ".example.org", must be a domain'),
        ({"domains": [DOMAIN | {"servers": ["s1.example.org/cvmfs/@fqrn@"]}]}, "must be a URL such as http://s1.example.org/cvmfs/@fqrn@"),
        ({"domains": [DOMAIN | {"servers": ["http://s1.example.org/cvmfs/@fqrn@;http://s2"]}]}, "must be a URL such as"),
        ({"domains": [DOMAIN | {"servers": ["http://s1.example.org/cvmfs"]}]}, "must have @fqrn@ in place of the name of the repository"),
        ({"domains": [DOMAIN | {"keys": {"../x.pub": KEY}}]}, 'cvmfs_domains[0].keys has "../x.pub"'),
        ({"domains": [DOMAIN | {"keys": {"a.pub": KEY.replace("PUBLIC", "PRIVATE")}}]}, "cvmfs_domains[0].keys.a.pub is no public key"),
        ({"domains": [DOMAIN | {"keys": {"a.pub": "/etc/key.pub"}}]}, "is no public key"),
        ({"domains": [DOMAIN | {"config": {"USE_GEOAPI": True}}]}, 'cvmfs_domains[0].config has "USE_GEOAPI"'),
        ({"config": {"CVMFS_X": "a'; rm -rf /; '"}}, "cvmfs_config.CVMFS_X is"),
        ({"config": {"CVMFS_X": "a\nb"}}, "must be one line"),
        ({"config": {"CVMFS_X": ["a"]}}, "cvmfs_config.CVMFS_X is a list"),
        ({"package_source": {"url": "mirror.example.org"}}, "cvmfs_package_source.url is"),
        ({"package_source": {"key": "http://mirror.example.org/key.gpg"}}, "must be an absolute path on the control node or a https URL"),
        ({"packages": []}, "cvmfs_packages is an empty list"),
        ({"cache_dir": "/data/my cache"}, "cvmfs_cache_dir is"),
        ({"mode": "cvmfsexec"}, "cvmfs_exec_dir is not set"),
        ({"mode": "cvmfsexec", "exec_dir": "/opt/x", "cache_dir": "/cvmfs/cache"}, "must not be below /etc or /cvmfs"),
    ],
)
def test_what_is_wrong_is_named(variables, error):
    found = errors(**variables)
    assert len(found) == 1, found
    assert error in found[0]


def test_a_private_key_is_not_shown():
    secret = KEY.replace("PUBLIC", "PRIVATE")
    assert "MIIB" not in errors(domains=[DOMAIN | {"keys": {"a.pub": secret}}])[0]
