# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Servers made by the module `fleet`, against one bare request for as many at once, and against a loop of the usual module.

Needs a test cloud (OS_CLIENT_CONFIG_FILE, ELASTIGRID_CLOUD) with room for FLEET_SIZE servers (100). The loop has LOOP_SIZE of them (20).
"""

from __future__ import annotations

import os
import time
import typing as t
import uuid

import openstack
import pytest
from conftest import table
from test_volumes import CLOUD, play, programs, seconds

SIZE, LOOP = int(os.environ.get("FLEET_SIZE", "100")), int(os.environ.get("LOOP_SIZE", "20"))
__all__ = ["programs"]


class Bare:
    """What a client can do who asks for all servers at once, and then only for the ids of those in BUILD."""

    def __init__(self) -> None:
        cloud = openstack.connect(cloud=CLOUD)
        self.compute = cloud.compute
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        server = {"flavorRef": self.compute.find_flavor("m1.nano").id, "imageRef": cloud.image.find_image("cirros").id}
        self.server = {**server, "name": self.name, "networks": [{"uuid": cloud.network.find_network("private").id}], "min_count": SIZE, "max_count": SIZE}

    def mine(self, **query: str) -> list[dict]:
        """By name, which is what the three ways have in common."""
        return self.compute.get("/servers", params={"name": f"^{self.name}", "limit": 1000, **query}).json()["servers"]

    def make(self) -> float:
        """Seconds until all are ACTIVE."""
        began = time.monotonic()
        answer = self.compute.post("/servers", json={"server": self.server})
        assert answer.status_code == 202, answer.text
        while self.mine(status="BUILD"):
            time.sleep(1)
        took = time.monotonic() - began
        assert len(self.mine(status="ACTIVE")) == SIZE
        return took

    def remove(self) -> None:
        while left := self.mine():
            for server in left:
                self.compute.delete(f"/servers/{server['id']}")
            time.sleep(5)


@pytest.fixture
def bare() -> t.Iterator[Bare]:
    bare = Bare()
    yield bare
    bare.remove()


def test_servers_are_made(report, programs, tmp_path, bare):
    fleet: dict[str, t.Any] = {"cloud": CLOUD, "site": bare.name}
    worker = {"count": SIZE, "image": "cirros", "flavor": "m1.nano", "networks": ["private"]}
    local = {"connection": "local", "vars": {"ansible_python_interpreter": str(programs / "python")}}
    usual = {"cloud": CLOUD, "name": f"{bare.name}-loop-{{{{ item }}}}", "image": "cirros", "flavor": "m1.nano", "network": "private", "auto_ip": False}

    def run(**task: t.Any) -> t.Any:
        return play(programs, tmp_path, "localhost", "localhost,", [{**task, **local}])

    def requests(done: t.Any) -> dict[str, int]:
        return next(done.results())[2]["requests"]

    # Before and after, for the machine has other things to do.
    before = bare.make()
    bare.remove()
    made = run(**{"elastigrid.site.fleet": {**fleet, "pools": {"worker": worker}}})
    same = run(**{"elastigrid.site.fleet": {**fleet, "pools": {"worker": worker}}})
    assert (bool(made.changed), bool(same.changed)) == (True, False)
    assert max(requests(same).values()) <= 2, requests(same)
    gone = run(**{"elastigrid.site.fleet": {**fleet, "state": "absent", "force": True}})
    after = bare.make()
    bare.remove()
    loop = run(**{"openstack.cloud.server": usual, "loop": list(range(LOOP))})
    again = run(**{"openstack.cloud.server": usual, "loop": list(range(LOOP))})
    assert (bool(loop.changed), bool(again.changed)) == (True, False)

    once = (before + after) / 2
    scaled = seconds(loop) * SIZE / LOOP
    ways = {
        "one bare POST with min_count, before": before,
        "one bare POST with min_count, after": after,
        "elastigrid.site.fleet": seconds(made),
        f"openstack.cloud.server in a loop: {LOOP} servers, times {SIZE / LOOP:g}": scaled,
    }
    verdict = "met" if seconds(made) <= 1.3 * once else "not met"
    told = ", ".join(f"{service} {number}" for service, number in sorted(requests(same).items()))
    report += [f"### {SIZE} servers, from nothing until all are ACTIVE", ""]
    report += table(["way", "seconds", "of the mean of both bare POSTs"], *[[way, took, f"{took / once:.2f}"] for way, took in ways.items()])
    report += [
        f"Goal, at most 1.3 of the bare POST: {verdict}. The loop takes {scaled / seconds(made):.1f} times as long as `fleet`.",
        "",
        f"Nothing to do: `fleet` {seconds(same):.1f} s for {SIZE} servers, with {told} requests (goal: at most 2 to a service); the loop {seconds(again):.1f} s for {LOOP}.",
        f"`fleet` with `state: absent` took {seconds(gone):.1f} s for {SIZE}.",
        "",
    ]
