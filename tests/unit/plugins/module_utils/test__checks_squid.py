# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Tables of cases for the checks of the role squid."""

from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks.squid import check


def errors(**variables):
    named = {f"squid_{name}": value for name, value in variables.items()}
    return check({"squid_clients": ["10.1.0.0/16"], **named}, {}, ["squid"])


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"clients": ["10.1.0.0/16", "192.0.2.7", "2001:db8::/32"], "monitors": ["192.0.2.0/24"]},
        {"destinations": [".cern.ch", "cvmfs.example.org", "192.0.2.0/24", "2001:db8::1", "s1"]},
        {"destination_ports": [80], "tunnel_ports": [443], "port": 3128, "snmp_port": 3401},
        {"cache_dir": "/data/squid", "cache_size": 0, "memory": 8, "workers": 1},
        {"cache_size": 400, "memory": 32, "workers": 4},
        {"config": {"access_log": "none", "acl": ["friend src 10.2.0.1"], "http_access": ["allow friend"], "via": False, "client_db": None}},
    ],
)
def test_what_is_right_passes(variables):
    assert errors(**variables) == []


def test_a_host_that_is_no_proxy_needs_no_clients():
    assert check({"squid_clients": []}, {}, []) == []


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"clients": []}, "squid_clients is an empty list, must have the subnets"),
        ({"clients": ["10.1.0.0/8"]}, 'squid_clients[0] is "10.1.0.0/8", must be a subnet such as 10.1.0.0/16: 10.1.0.0/8 has host bits set'),
        ({"clients": ["10.1.0.0/16", "10.1.0.300"]}, 'squid_clients[1] is "10.1.0.300", must be a subnet'),
        ({"clients": ["worker.example.org"]}, "must be a subnet"),
        ({"clients": ["0.0.0.0/0"]}, 'squid_clients[0] is "0.0.0.0/0", must not be the whole world'),
        ({"clients": ["::/0"]}, "must not be the whole world"),
        ({"clients": ["10.1.0.0/16", "10.1.0.0/16"]}, "squid_clients[0] and squid_clients[1] are both"),
        ({"monitors": ["0.0.0.0/0"]}, "squid_monitors[0]"),
        ({"destinations": ["http://cvmfs.example.org"]}, 'squid_destinations[0] is "http://cvmfs.example.org", must be a host such as'),
        ({"destinations": ["*.example.org"]}, "must be a host such as cvmfs.example.org, a domain such as .example.org, or a subnet"),
        ({"destinations": ["192.0.2.0/8"]}, "must be a subnet such as 192.0.2.0/24: 192.0.2.0/8 has host bits set"),
        ({"destinations": ["192.0.2."]}, "must be a subnet such as 192.0.2.0/24"),
        ({"destination_ports": []}, "squid_destination_ports is an empty list"),
        ({"destination_ports": [80, 70000]}, "squid_destination_ports[1] is 70000, must be a port in 1..65535"),
        ({"tunnel_ports": [0]}, "squid_tunnel_ports[0] is 0, must be a port"),
        ({"port": 0}, "squid_port is 0, must be a port"),
        ({"snmp_port": 65536}, "squid_snmp_port is 65536, must be a port"),
        ({"cache_dir": "/"}, 'squid_cache_dir is "/", must be an absolute path below /'),
        ({"cache_dir": "/data/my cache"}, "must be an absolute path below /"),
        ({"cache_size": -1}, "squid_cache_size is -1, must be at least 0"),
        ({"cache_size": 99}, "squid_cache_size is 99, must be at least 100 (MiB), 100 for each of squid_workers"),
        ({"cache_size": 399, "workers": 4}, "squid_cache_size is 399, must be at least 400"),
        ({"memory": 0}, "squid_memory is 0, must be at least 8 (MiB)"),
        ({"workers": 0}, "squid_workers is 0, must be at least 1"),
        ({"config": {"Via": "off"}}, 'squid_config has "Via", must be names of directives'),
        ({"config": {"http_access": ["allow all\nacl x"]}}, "squid_config.http_access[0] is"),
        ({"config": {"via": {"on": True}}}, "squid_config.via is a dictionary (on), must be"),
    ],
)
def test_what_is_wrong_is_named(variables, error):
    found = errors(**variables)
    assert len(found) == 1, found
    assert error in found[0]
