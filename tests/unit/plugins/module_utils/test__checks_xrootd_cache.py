# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Tables of cases for the checks of the role xrootd_cache."""

from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks.xrootd_cache import check, level, size

CACHE = {"name": "public", "port": 1094, "origin": "root://origin.example.org:1094", "exports": ["/store"]}
OTHER = {**CACHE, "name": "auth", "port": 8443}
VOS = [{"name": "vo1", "areas": [{"path": "/store/vo1"}]}]


def errors(*instances, **variables):
    return check({"xrootd_cache_instances": list(instances), **variables}, {}, ["xrootd_cache"])


@pytest.mark.parametrize(
    "instances",
    [
        [CACHE],
        [CACHE, OTHER],
        [CACHE | {"origin": "https://origin.example.org"}],
        [CACHE | {"low_watermark": "900g", "high_watermark": "1t", "ram": 256, "block_size": "512k", "prefetch": 0}],
        [CACHE | {"config": {"pss.setopt": ["ConnectTimeout 10"], "if exec cmsd": {"xrd.port": 1213}, "pfc.flush": None}}],
        [CACHE | {"auth": ["gsi"], "proxy": "/run/proxy.pem"}],
    ],
)
def test_what_is_right_passes(instances):
    assert errors(*instances, xrootd_cache_vos=VOS) == []


@pytest.mark.parametrize(
    ("instance", "error"),
    [
        ({"low_watermark": "0.95"}, "low_watermark is 0.95, must be less than high_watermark, 0.95"),
        ({"low_watermark": "900g"}, "must both be fractions or both be sizes"),
        ({"high_watermark": "95"}, 'high_watermark is "95", must be a fraction such as 0.90 or a size such as 900g'),
        ({"high_watermark": "1.5"}, 'high_watermark is "1.5", must be a fraction'),
        ({"ram": 0}, "ram is 0, must be in 1..256 (GiB)"),
        ({"ram": 257}, "ram is 257, must be in 1..256 (GiB)"),
        ({"prefetch": 129}, "prefetch is 129, must be in 0..128"),
        ({"block_size": "2k"}, "must be a multiple of 4k in 4k..512m"),
        ({"block_size": "1g"}, "must be a multiple of 4k in 4k..512m"),
        ({"block_size": "6k"}, "must be a multiple of 4k in 4k..512m"),
        ({"block_size": "big"}, "must be a multiple of 4k in 4k..512m"),
        ({"origin": "ftp://origin.example.org"}, "must be like root://origin.example.org:1094, with one of root, xroot, http, https"),
        ({"origin": "origin.example.org:1094"}, "must be like root://"),
        ({"origin": "root://origin.example.org:70000"}, "must be like root://"),
        ({"port": 0}, "port is 0, must be a port in 1..65535"),
        ({"exports": []}, "exports is an empty list, must have at least one path"),
        ({"exports": ["store"]}, 'exports[0] is "store", must be an absolute path'),
        ({"exports": ["/store/../etc"]}, "must be an absolute path below /"),
        ({"directory": "/"}, 'directory is "/", must be an absolute path below /'),
        ({"name": "origin"}, "and not be origin or redirector"),
        ({"name": "a/b"}, 'name is "a/b"'),
        ({"proxy_from": {"cert": "/etc/c.pem", "key": "/etc/k.pem"}}, "where a VO has the area /store/vo1"),
        ({"auth": ["gsi"], "proxy_from": {"cert": "c.pem", "key": "/etc/k.pem"}}, 'proxy_from.cert is "c.pem", must be an absolute path'),
        ({"auth": ["gsi"], "proxy": "/p", "proxy_from": {"cert": "/c", "key": "/k"}}, "has proxy and proxy_from, must have one"),
        ({"proxy": "/run/proxy.pem"}, "where a VO has the area /store/vo1"),
        ({"proxy": "/run/proxy.pem", "exports": ["/store/vo1/data"]}, "where a VO has the area /store/vo1"),
        ({"config": {"blocksize": "1m"}}, "must be a directive such as xrd.timeout"),
        ({"config": {"pfc.blocksize": "1m\nall.export /"}}, "must be one line of text"),
    ],
)
def test_what_is_wrong_is_named(instance, error):
    found = errors(CACHE | instance, xrootd_cache_vos=VOS)
    assert len(found) == 1, found
    assert found[0].startswith("xrootd_cache_instances[0]")
    assert error in found[0]


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (errors(CACHE, OTHER | {"port": 1094}), "xrootd_cache_instances[0].port and xrootd_cache_instances[1].port are both 1094, must differ"),
        (errors(CACHE, OTHER | {"name": "public"}), "name are both"),
        (errors(CACHE | {"directory": "/a"}, OTHER | {"directory": "/a/b"}), "must not lie in that of xrootd_cache_instances[0], /a"),
        (errors(), "xrootd_cache_instances is an empty list"),
        (errors(CACHE, xrootd_cache_report="here"), 'xrootd_cache_report is "here", must be like monitor.example.org:9931'),
    ],
)
def test_what_does_not_fit_together_is_named(found, error):
    assert len(found) == 1, found
    assert error in found[0]


def test_sizes():
    assert [size(text) for text in ("1", "4k", "2G", "x")] == [1, 4096, 2 << 30, None]
    assert [level(text) for text in ("0.5", "1g", "0", "1.0", "10")] == [("fraction", 0.5), ("size", 1 << 30), None, None, None]
