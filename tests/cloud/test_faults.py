# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""That the proxy in front of the APIs does what other tests rely on."""

from __future__ import annotations

import collections
import os
import pathlib
import typing as t

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack
from faults import KINDS, Proxy

NAME = "elastigrid-faults"


def names(cloud: t.Any) -> list[str]:
    return [pair["keypair"]["name"] for pair in cloud.get("compute", "/os-keypairs")["keypairs"] if pair["keypair"]["name"].startswith(NAME)]


def ids(things: list[dict[str, t.Any]]) -> list[str]:
    return [thing["id"] for thing in things]


@pytest.fixture
def scratch(cloud: t.Any) -> t.Iterator[None]:
    """Key pairs, which cost the cloud nothing."""
    yield
    for name in names(cloud):
        cloud.delete("compute", f"/os-keypairs/{name}")


def make(cloud: t.Any, name: str) -> None:
    cloud.post("compute", "/os-keypairs", {"keypair": {"name": name, "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIMkqB8DVzcdjCnzUiGrqJTNcPYxhBcYqg1tlGkPw9Nc"}})


def test_every_service_is_reached_through_the_proxy_only(cloud_name: str, cloud: t.Any, counted: Proxy) -> None:
    through = _openstack.Cloud(cloud_name)
    wanted = [("compute", "/flavors", "flavors"), ("network", "/networks", "networks"), ("block-storage", "/types", "volume_types"), ("image", "/images", "images")]
    for service, path, key in wanted:
        assert ids(through.listing(service, path, key, limit=1)) == ids(cloud.listing(service, path, key, limit=1))
    made = {(service, "GET"): number for service, number in through.requests.items()}
    assert counted.calls() == made
    assert made["compute", "GET"] > 2
    link = through.get("compute", "/flavors", limit=1)["flavors_links"][0]["href"]
    assert link.startswith("http://127.0.0.1:"), "a client that follows links does not get past the proxy"
    assert not counted.injected()
    counted.reset()
    through.get("compute", "/flavors")
    assert counted.calls() == {("compute", "GET"): 1}


@pytest.mark.usefixtures("scratch")
def test_what_fails_before_was_not_begun_and_what_fails_after_was_done(cloud_name: str, cloud: t.Any, counted: Proxy) -> None:
    through = _openstack.Cloud(cloud_name, api_timeout=2)
    through.get("compute", "/flavors")
    for number, fault in enumerate(["500", "503", "closed", "hang"]):
        for moment in ("before", "after"):
            name = f"{NAME}-{number}-{moment}"
            counted.inject(fault, "POST", "/os-keypairs", moment)
            with pytest.raises(_openstack.NoAnswer):
                make(through, name)
            assert (name in names(cloud)) == (moment == "after"), f"{fault} {moment}"
    assert counted.injected() == {(fault, moment): 1 for fault in ("500", "503", "closed", "hang") for moment in ("before", "after")}


@pytest.mark.usefixtures("scratch")
def test_429_says_when_to_come_again(cloud_name: str, cloud: t.Any, counted: Proxy) -> None:
    through = _openstack.Cloud(cloud_name)
    counted.inject("429", "POST", "/os-keypairs", "before")
    make(through, f"{NAME}-429")
    assert names(cloud) == [f"{NAME}-429"]
    assert [request.status for request in counted.log if request.path.endswith("/os-keypairs")] == [429, 201]


def test_the_share_is_kept_and_every_kind_occurs(cloud_name: str, tmp_path: pathlib.Path) -> None:
    """Only the dice: nothing is asked of the cloud."""
    with Proxy(os.environ["OS_CLIENT_CONFIG_FILE"], tmp_path, share=0.05) as proxy:
        rolled = collections.Counter(proxy.decide("GET", "/") for _number in range(4000))
    assert 0.04 < 1 - rolled[None, None] / 4000 < 0.06
    assert set(rolled) - {(None, None)} == {(kind, moment) for kind in KINDS for moment in ("before", "after")} - {("429", "after")}


def test_a_client_that_asks_again_gets_all(cloud_name: str, cloud: t.Any, faulty: Proxy) -> None:
    faulty.share = 0.3
    through = _openstack.Cloud(cloud_name, api_timeout=2)
    wanted = ids(cloud.listing("compute", "/flavors", "flavors"))
    for _number in range(10):
        assert ids(through.listing("compute", "/flavors", "flavors")) == wanted
    assert faulty.injected()
