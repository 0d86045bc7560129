# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Caches as the role xrootd_cache makes them, with its own settings and with those of others, beside the origin itself.

Everything is on one bridge and in the page cache, so that what is compared is what the programs do. Fails if a client does, never for a time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import typing as t

import pytest
from conftest import ROOT, table

PLACE = ROOT / "tests" / "benchmarks" / "xrootd_cache"
LARGE_MIB = int(os.environ.get("BENCHMARK_MIB", "512"))
PART_MIB = LARGE_MIB // 8
FILES = {LARGE_MIB: "large", PART_MIB: "part"}
# Clients, and the MiB of the file that each reads.
WHOLE = {1: LARGE_MIB, 8: LARGE_MIB, 64: PART_MIB}
ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "5"))
# Clients at once, and how many of the jobs of each read files that no one has read.
READERS, NEW, AGAIN = 4, 3, 1
ORIGIN, FAR, CACHE, CLIENT = "origin.xb.test", "far.xb.test", "cache.xb.test", "client.xb.test"
ADDRESSES = {ORIGIN: "10.89.95.11", FAR: "10.89.95.12"}
# The origin in both places is way.xb.test for caches and clients.
SERVERS = {"origin": "way.xb.test:1094", "ours": f"{CACHE}:1094", "parts": f"{CACHE}:1097", "osg": f"{CACHE}:1095", "xrootd": f"{CACHE}:1096"}
# So that the disk does not fill: links of the namespace, and what they lead to.
FORGET = """find /var/cache/xrootd \\( -name 'part-*' -o -name 'large-*' \\) -type l -exec sh -c 'for link; do rm "$(readlink "$link")" "$link"; done' - {} +; sync"""
NAMES = {
    "origin": "the origin itself",
    "ours": "cache, this role",
    "parts": "cache, this role, 64k and no prefetch",
    "osg": "cache, OSG's settings",
    "xrootd": "cache, XRootD's defaults",
}


class Nodes:
    inventory = str(PLACE / "hosts.yml")

    def run(self, *command: str) -> None:
        environment = os.environ | {"ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def sh(self, host: str, script: str) -> str:
        ssh = ["ssh", "-F", str(ROOT / ".sandbox" / "xrootdb" / "ssh_config"), host, "sudo bash -e -o pipefail"]
        done = subprocess.run(ssh, input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"on {host}:\n{script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def reads(self, *words: t.Any) -> dict[str, float]:
        return json.loads(self.sh(CLIENT, f"reads.py {' '.join(map(str, words))}"))

    def move(self, milliseconds: int) -> None:
        """The origin is so far away, one way, for caches and clients."""
        self.sh(FAR, f"systemctl stop relay 2>/dev/null || true; systemd-run --quiet --unit relay relay.py {ADDRESSES[ORIGIN]} 1094 {milliseconds}")
        line = f"{ADDRESSES[FAR if milliseconds else ORIGIN]} way.xb.test"
        for host in (CACHE, CLIENT):
            self.sh(host, f"sed -i 's/.* way.xb.test/{line}/' /etc/hosts")
        self.sh(CACHE, "systemctl restart 'xrootd@*'")
        self.sh(CLIENT, "".join(f"timeout 60 sh -c 'until xrdfs {server} query config version; do sleep 1; done' >&2\n" for server in SERVERS.values()))

    def received(self, way: str) -> int:
        """Bytes that came in so far, from the origin but for what clients send."""
        return int(self.sh(CLIENT if way == "origin" else CACHE, "cat /sys/class/net/eth0/statistics/rx_bytes"))


@pytest.fixture(scope="module")
def nodes() -> t.Iterator[Nodes]:
    made = Nodes()
    try:
        made.run("tools/sandbox.py", "up", "-i", made.inventory)
        made.run("ansible-playbook", "-i", made.inventory, str(PLACE / "converge.yml"))
        files = f"""
            cd /srv/xrootd/store
            head -c {LARGE_MIB}M /dev/urandom >large
            head -c {PART_MIB}M large >part
            chown xrootd: large part
            sha256sum <large
        """
        checksum = made.sh(ORIGIN, files)
        made.move(0)
        for server in SERVERS.values():
            assert made.sh(CLIENT, f"xrdcp --silent root://{server}//store/large - | sha256sum; xrdcp --silent --force root://{server}//store/part /dev/null") == checksum
        made.sh(CACHE, "".join(f"for file in large part; do xrootd-cache-check {name} /store/$file hit >&2; done\n" for name in SERVERS if name != "origin"))
        yield made
    finally:
        if "BENCHMARK_KEEP" not in os.environ:
            made.run("tools/sandbox.py", "destroy", "-i", made.inventory)


def turns(number: int) -> list[str]:
    """The ways in another order each round, so that none of them is always the first."""
    ways = list(SERVERS)
    return ways[number % len(ways) :] + ways[: number % len(ways)]


def test_what_is_cached(nodes: Nodes, report: list[str]) -> None:
    rows = []
    for clients, mib in WHOLE.items():
        took: dict[str, list[float]] = {way: [] for way in SERVERS}
        for number in range(ROUNDS):
            for way in turns(number):
                took[way].append(nodes.reads("whole", clients, f"root://{SERVERS[way]}//store/{FILES[mib]}")["seconds"])
        direct = statistics.median(took["origin"])
        for way, seconds in took.items():
            middle = statistics.median(seconds)
            rows.append((clients, mib, NAMES[way], middle, round(mib * clients / middle), bar(direct / middle), spread(seconds)))
    report += ["### A file that is in the cache, read by xrdcp from one to many times at once", ""]
    report += table(("clients", "MiB each", "from", "s (median)", "MiB/s", "of the origin's rate", "s (all)"), *rows)
    ours = {clients: float(ratio.split()[0]) for clients, _mib, name, _middle, _rate, ratio, _all in rows if name == NAMES["ours"]}
    report += [f"Goal, at least 0.9 of the origin's rate: {'met' if min(ours.values()) >= 0.9 else 'not met'} ({', '.join(f'{ratio:.2f}' for ratio in ours.values())}).", ""]


@pytest.mark.parametrize("milliseconds", [0, 10])
def test_what_is_not_cached(nodes: Nodes, report: list[str], milliseconds: int) -> None:
    nodes.move(milliseconds)
    parts = [f"part-{milliseconds}-{file}" for file in range(READERS * NEW)]
    jobs = [("first", name) for name in parts] + [("again", name) for name in parts[: READERS * AGAIN]]
    took: dict[str, dict[str, list[float]]] = {"some": {way: [] for way in SERVERS}, "whole": {way: [] for way in SERVERS}}
    moved: dict[str, list[float]] = {way: [] for way in SERVERS}
    for number in range(ROUNDS):
        # Names of their own for the same bytes are files of their own for a cache.
        names = {f"{name}-{number}": "part" for name in parts} | {f"large-{milliseconds}-{number}": "large"}
        nodes.sh(ORIGIN, "cd /srv/xrootd/store; rm -f part-* large-*\n" + "".join(f"ln {file} {name}\n" for name, file in names.items()))
        for way in turns(number):
            store = f"root://{SERVERS[way]}//store"
            before = nodes.received(way)
            answer = nodes.reads("some", READERS, *(f"{seed}-{name}={store}/{name}-{number}" for seed, name in jobs))
            took["some"][way].append(answer["seconds"])
            moved[way].append((nodes.received(way) - before) / answer["bytes"])
            took["whole"][way].append(nodes.reads("whole", 1, f"{store}/large-{milliseconds}-{number}")["seconds"])
        nodes.sh(CACHE, FORGET)
    where = f"{2 * milliseconds} ms away" if milliseconds else "on the same bridge"
    report += [f"### What is not in the cache; the origin {where}", ""]
    report += [f"{READERS} clients at once: baskets out of {len(parts)} files of {PART_MIB} MiB, and others out of a third of them again.", ""]
    some = {way: statistics.median(seconds) for way, seconds in took["some"].items()}
    rows = [(NAMES[way], some[way], bar(some["origin"] / some[way]), f"{statistics.median(moved[way]):.1f}", spread(took["some"][way])) for way in SERVERS]
    report += table(("from", "s (median)", "of the origin's rate", "bytes from the origin per byte read", "s (all)"), *rows)
    met = "met" if some["ours"] < min(some["osg"], some["xrootd"]) else "not met"
    report += [f"Goal, faster than with the settings of both others: {met} ({some['osg'] / some['ours']:.2f} and {some['xrootd'] / some['ours']:.2f} of their rates).", ""]
    report += [f"One client: a file of {LARGE_MIB} MiB by xrdcp.", ""]
    whole = {way: statistics.median(seconds) for way, seconds in took["whole"].items()}
    report += table(
        ("from", "s (median)", "of the origin's rate", "s (all)"),
        *((NAMES[way], whole[way], bar(whole["origin"] / whole[way]), spread(took["whole"][way])) for way in SERVERS),
    )


def spread(seconds: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in seconds)


def bar(ratio: float) -> str:
    """The number, and as many blocks as it has tenths."""
    return f"{ratio:.2f} {'█' * round(10 * ratio)}"
