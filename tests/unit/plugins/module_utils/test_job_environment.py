# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)

from __future__ import annotations

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils._job_environment import job_environment

HOSTVARS = {
    "c1.site.org": {"xrootd_cache_instances": [{"name": "public", "port": 1094}, {"name": "auth", "port": 8443, "auth": ["gsi"]}]},
    "c2.site.org": {"xrootd_cache_instances": [{"name": "public", "port": 1095, "auth": []}]},
    "p1.site.org": {"squid_port": 3129},
    "p2.site.org": {},
    "wn": {},
}


def test_a_site_without_caches_and_proxies_adds_nothing():
    assert job_environment(HOSTVARS, {"slurm_worker": ["wn"]}) == {}
    assert job_environment(HOSTVARS, {"xrootd_cache": ["wn"], "squid": []}, []) == {}


@pytest.mark.parametrize(
    ("endpoints", "expected"),
    [
        (None, "root://c2.site.org:1095,root://c1.site.org:1094"),
        (["root://far.org:1094", "root://c1.site.org:1094"], "root://far.org:1094,root://c1.site.org:1094"),
    ],
    ids=["public instances in the order of the inventory", "by list"],
)
def test_caches(endpoints, expected):
    assert job_environment(HOSTVARS, {"xrootd_cache": ["c2.site.org", "c1.site.org"]}, endpoints) == {"SITE_CACHE_ENDPOINTS": expected}


def test_an_empty_list_names_no_cache():
    assert job_environment(HOSTVARS, {"xrootd_cache": ["c1.site.org"]}, []) == {}


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [(["p1.site.org", "p2.site.org"], "p1.site.org:3129"), (["p2.site.org"], "p2.site.org:3128")],
    ids=["the first", "its default port"],
)
def test_proxies(proxies, expected):
    assert job_environment(HOSTVARS, {"squid": proxies}) == {
        "OSG_SQUID_LOCATION": expected,
        "http_proxy": f"http://{expected}",
        "no_proxy": "localhost,.site.org",
    }


def test_a_proxy_without_a_domain():
    assert job_environment(HOSTVARS, {"squid": ["wn"]})["no_proxy"] == "localhost"
