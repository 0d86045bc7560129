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

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack
from conftest import table
from test_volumes import CLOUD, play, programs, seconds

SIZE, LOOP = int(os.environ.get("FLEET_SIZE", "100")), int(os.environ.get("LOOP_SIZE", "20"))
__all__ = ["programs"]


class Bare:
    """What a client can do who asks for all servers at once, and then only for the ids of those in BUILD."""

    def __init__(self) -> None:
        self.cloud = _openstack.Cloud(CLOUD)
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.flavor = next(one["id"] for one in self.cloud.get("compute", "/flavors")["flavors"] if one["name"] == "m1.nano")
        self.image = next(one["id"] for one in self.cloud.get("image", "/images")["images"] if one["name"] == "cirros")
        self.network = next(one["id"] for one in self.cloud.get("network", "/networks")["networks"] if one["name"] == "private")

    def mine(self, **query: str) -> list[dict]:
        return [one for one in self.cloud.listing("compute", "/servers", "servers", **query) if one["name"].startswith(self.name)]

    def make(self) -> float:
        """Seconds until all are ACTIVE."""
        body = {"name": self.name, "imageRef": self.image, "flavorRef": self.flavor, "networks": [{"uuid": self.network}], "min_count": SIZE, "max_count": SIZE}
        began = time.monotonic()
        self.cloud.post("compute", "/servers", {"server": body})
        while self.mine(status="BUILD"):
            time.sleep(1)
        took = time.monotonic() - began
        assert len(self.mine(status="ACTIVE")) == SIZE
        return took

    def remove(self) -> None:
        """Everything of this benchmark, whoever made it."""
        while left := self.mine():
            for server in left:
                self.cloud.delete("compute", f"/servers/{server['id']}")
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
    report += [f"### {SIZE} servers, from nothing until all are ACTIVE", ""]
    rows = [
        ["one bare POST with min_count, before", before, before / once],
        ["one bare POST with min_count, after", after, after / once],
        ["elastigrid.site.fleet", seconds(made), seconds(made) / once],
        [f"openstack.cloud.server in a loop, {LOOP} servers times {SIZE / LOOP:.0f}", seconds(loop) * SIZE / LOOP, seconds(loop) * SIZE / LOOP / once],
    ]
    report += table(["way", "seconds", "of the mean of both bare POSTs"], *rows)
    verdict = "met" if seconds(made) <= 1.3 * once else "not met"
    report += [f"Goal, at most 1.3 of the bare POST: {verdict}. The loop takes {seconds(loop) * SIZE / LOOP / seconds(made):.1f} times as long as `fleet`.", ""]
    told = ", ".join(f"{service} {number}" for service, number in sorted(requests(same).items()))
    report += [f"Nothing to do: `fleet` {seconds(same):.1f} s for {SIZE} servers (requests: {told}; at most 2 to a service is the goal), ", ""]
    report += [f"the loop {seconds(again):.1f} s for {LOOP}. `fleet` with `state: absent` took {seconds(gone):.1f} s for {SIZE}.", ""]
