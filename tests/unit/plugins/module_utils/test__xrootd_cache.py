# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._xrootd_cache import Listener, Seen, absent, faults, host, listeners, token_fault

GIB = 1 << 30
CACHE = {"name": "public", "port": 1094, "origin": "root://origin.example.org:1094", "directory": "/data/cache"}
CACHE |= {"high_watermark": "0.95", "token": "/run/token"}


def token(**claims):
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "RS256"}, claims, "s")) + "\n"


@pytest.mark.parametrize(
    ("cache", "seen"),
    [
        ({}, Seen(10 * GIB)),
        ({"high_watermark": "10g"}, Seen(10 * GIB)),
        ({}, Seen(10 * GIB, listeners=[Listener("xrootd", 7)], pid=7)),
        ({}, Seen(10 * GIB, token=token(exp=101))),
    ],
)
def test_what_is_right_passes(cache, seen):
    assert faults(CACHE | cache, seen, 100) == []
    assert absent(CACHE | cache, seen) == []


@pytest.mark.parametrize(
    ("cache", "seen", "fault"),
    [
        ({}, Seen(10 * GIB, foreign=["thesis"]), "cache public is /data/cache, which holds thesis and was not made by this role; must be empty, missing"),
        ({"high_watermark": "11g"}, Seen(10 * GIB), "is 11g, must be at most the size of the file system of /data/cache, 10.0 GiB"),
        ({}, Seen(GIB, listeners=[Listener("nc", 5)], pid=7), "The port of cache public is 1094, which nc (pid 5) has; must be free"),
        ({}, Seen(GIB, listeners=[Listener("xrootd", 5)]), "which xrootd (pid 5) has; must be free, or that of xrootd@public of before"),
        ({}, Seen(GIB, listeners=[Listener("the kernel", 0)]), "which the kernel has"),
        ({}, Seen(GIB, unreadable=["/run/token"]), "Cache public has /run/token, which xrootd cannot read"),
        ({}, Seen(GIB, token=token(exp=100)), "The token of cache public is /run/token, which expired on 1970-01-01T00:01:40Z"),
    ],
)
def test_what_is_wrong_is_named(cache, seen, fault):
    found = faults(CACHE | cache, seen, 100)
    assert len(found) == 1, found
    assert fault in found[0]


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (Seen(GIB, unresolved="Name or service not known"), "is root://origin.example.org:1094, which does not resolve: Name or service not known"),
        (Seen(GIB, missing=["/run/token"]), "The token of cache public is /run/token, which does not exist"),
    ],
)
def test_what_is_not_there_is_told_apart(seen, fault):
    assert faults(CACHE, seen, 100) == []
    found = absent(CACHE, seen)
    assert len(found) == 1, found
    assert fault in found[0]


def test_who_listens():
    line = 'LISTEN 0 4096 {}:1094 *:* users:(("xrootd",pid=812,fd=18),("xrootd",pid=812,fd=19))\n'
    assert listeners("") == []
    assert listeners(line.format("0.0.0.0") + line.format("[::]")) == [Listener("xrootd", 812)]
    assert listeners("LISTEN 0 64 0.0.0.0:2049 0.0.0.0:*\n") == [Listener("the kernel", 0)]


def test_the_host_of_an_origin():
    assert [host(origin) for origin in ("root://a.example.org:1094", "https://b.example.org/", "nothing")] == ["a.example.org", "b.example.org", ""]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (" \n", "is empty"),
        (token(exp=99), "expired on 1970-01-01T00:01:39Z"),
        (token(exp=101), ""),
        (token(), ""),
        ("MDAxY2xvY2F0aW9u", ""),
    ],
)
def test_tokens(text, why):
    assert token_fault(text, 100) == why
