# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What it costs to map 100,000 members from five sources, beside a plain loop as edg-mkgridmap has it. Needs no sandbox."""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
import typing as t

import pytest
from conftest import ROOT, table

sys.path.insert(0, str(ROOT / "tests" / "unit" / "plugins" / "module_utils"))
import gridmap_stand_ins as stand_ins

MEMBERS = int(os.environ.get("BENCHMARK_MEMBERS", "100000"))
RUNS = 3
MEMORY_MIB = 200
# A process that runs the program and tells what it took, what it took to ask the sources apart.
CHILD = """
import json, re, sys, time
sys.path.insert(0, sys.argv[1])
from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap_config, _gridmap_main
started = time.process_time()
with open(sys.argv[2]) as handle:
    config = _gridmap_config.load(handle.read())
fetch, asked = _gridmap_main._fetch_all, []
def measured(*arguments):
    before = time.process_time()
    found = fetch(*arguments)
    asked.append(time.process_time() - before)
    return found
_gridmap_main._fetch_all = measured
report = _gridmap_main.run(config)
assert not report.errors, report.errors
print(json.dumps({
    "startup": started, "fetch": asked[0], "run": time.process_time() - started - asked[0],
    # That of getrusage starts with what the parent had.
    "memory": int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024,
    "changed": report.changed, "members": sum(vo["members"] for vo in report.vos.values()),
    "entries": {output["path"].rpartition("/")[2]: output["entries"] for output in report.outputs},
}))
"""


class Sites:
    """Five VOs, each with a server of its own kind."""

    def __init__(self, place: pathlib.Path) -> None:
        self.place = place
        self.size = MEMBERS // 5
        (place / "token").write_text("good")
        (place / "program").write_bytes(self._program())
        (place / "child.py").write_text(CHILD)
        role = [{"id": "r", stand_ins.GROUP: {"labels": [{"name": "voms.role"}]}}]
        users = [[stand_ins.scim_user(number, [("g", f"vo{vo}"), *([("r", f"vo{vo}/production")] if number % 10 == 0 else [])]) for number in self.numbers(vo)] for vo in (0, 1)]
        self.users = users[0]
        members = [stand_ins.voms_user(number) for number in self.numbers(2)]
        listing = stand_ins.soap(stand_ins.dn(number) for number in self.numbers(3))
        self.map = "".join(f'"{stand_ins.dn(number)}" vo4\n' for number in self.numbers(4)).encode()
        answers = [
            *(stand_ins.iam(lambda found=found: found, role) for found in users),
            stand_ins.voms_admin(lambda: members),
            lambda request: (200, {}, listing),
            stand_ins.document(self.map),
        ]
        self.servers = [stand_ins.StandIn(answer) for answer in answers]
        kinds = [{"type": "iam", "token_file": f"{place}/token"}] * 2 + [{"type": kind} for kind in ("voms_admin", "voms_soap", "gridmap")]
        self.vos: list[dict[str, t.Any]] = [
            {
                "name": f"vo{number}",
                "account": ".vo0" if number == 0 else f"vo{number}",
                "sources": [{"name": f"s{number}", "url": server.url, **kind}],
                "roles": [{"fqan": f"/vo{number}/Role=production", "account": f"vo{number}prd"}],
                "deny": ["/C=XX/*"],
                "issuers": [{"url": f"https://iam{number}.example.org/", "account": f"vo{number}"}],
                "areas": [{"path": f"/vo{number}"}],
            }
            for number, (server, kind) in enumerate(zip(self.servers, kinds))
        ]

    def numbers(self, vo: int) -> range:
        return range(vo * self.size, (vo + 1) * self.size)

    def _program(self) -> bytes:
        code = "import sys; from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap_main as g; sys.stdout.buffer.write(g.program())"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / ".cache" / "collections")}
        return subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True).stdout

    def outputs(self, directory: str) -> list[dict[str, t.Any]]:
        (self.place / directory).mkdir(exist_ok=True)
        path = str(self.place / directory)
        return [
            {"type": "gridmapdir", "path": f"{path}/gridmapdir", "pool": [f"vo0{number:04}" for number in range(self.size // 10)]},
            {"type": "grid_mapfile", "path": f"{path}/grid-mapfile"},
            {"type": "voms_mapfile", "path": f"{path}/voms-mapfile"},
            *({"type": "arc_authgroup", "path": f"{path}/authgroup-{vo['name']}", "vos": [vo["name"]]} for vo in self.vos),
            {"type": "xrootd_authfile", "path": f"{path}/Authfile"},
            {"type": "scitokens_mapfile", "path": f"{path}/name_mapfile", "issuer": "https://iam1.example.org/"},
            {"type": "condor_mapfile", "path": f"{path}/condor_mapfile"},
            {"type": "json", "path": f"{path}/members.json"},
        ]

    def run(self, name: str, outputs: list[dict[str, t.Any]]) -> dict[str, t.Any]:
        config = {"vos": self.vos, "outputs": outputs, "state_dir": str(self.place / f"state-{name}"), "timeout": 600}
        (self.place / "config.json").write_text(json.dumps(config))
        command = [sys.executable, "-I", str(self.place / "child.py"), str(self.place / "program"), str(self.place / "config.json")]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


LOOP = """
import fnmatch, re, sys, time
started = time.process_time()
seen, lines = set(), []
for account in range(5):
    patterns = [re.compile(fnmatch.translate("/C=XX/*"), re.I)]
    for line in open(f"{sys.argv[1]}/list{account}"):
        dn = line.strip()
        if not dn or '"' in dn or dn.endswith("\\\\") or any(pattern.match(dn) for pattern in patterns) or dn in seen:
            continue
        seen.add(dn)
        lines.append(f'"{dn}" vo{account}\\n')
lines.sort()
with open(f"{sys.argv[1]}/grid-mapfile", "w") as handle:
    handle.writelines(lines)
print(time.process_time() - started)
"""


@pytest.fixture(scope="module")
def sites(tmp_path_factory) -> t.Iterator[Sites]:
    made = Sites(tmp_path_factory.mktemp("gridmap"))
    yield made
    for server in made.servers:
        server.close()


def plain_loop(place: pathlib.Path, sites: Sites) -> float:
    """Seconds of CPU of a loop over lists that lie there already: no state, no spelling of names, no bans, one file that is not read again."""
    for number in range(5):
        (place / f"list{number}").write_text("".join(f"{stand_ins.dn(one)}\n" for one in sites.numbers(number)))
    (place / "loop.py").write_text(LOOP)
    done = subprocess.run([sys.executable, "-I", str(place / "loop.py"), str(place)], text=True, capture_output=True, check=True)
    return float(done.stdout)


def test_members_of_five_sources(sites: Sites, report: list[str], tmp_path: pathlib.Path) -> None:
    first, one, same, more, none, loop = [], [], [], [], [], []
    for number in range(RUNS):
        everything = sites.outputs(f"all{number}")
        first.append(sites.run(f"all{number}", everything))
        same.append(sites.run(f"all{number}", everything))
        sites.users.append(stand_ins.scim_user(MEMBERS + number))
        more.append(sites.run(f"all{number}", everything))
        sites.users.pop()
        one.append(sites.run(f"one{number}", [output for output in sites.outputs(f"one{number}") if output["type"] == "grid_mapfile"]))
        loop.append(plain_loop(tmp_path, sites))
        with_servers, sites.vos = sites.vos, [{"name": "none"}]
        none.append(sites.run(f"none{number}", [{"type": "json", "path": str(sites.place / f"none{number}")}]))
        sites.vos = with_servers
    for run in first:
        assert run["changed"] and run["members"] == MEMBERS
        assert run["entries"]["grid-mapfile"] == run["entries"]["members.json"] == MEMBERS
        assert run["entries"]["gridmapdir"] == sites.size // 10
        assert run["memory"] <= MEMORY_MIB
    assert not any(run["changed"] for run in same)
    assert all(run["changed"] and run["members"] == MEMBERS + 1 and run["memory"] <= MEMORY_MIB for run in more)
    written = sum(path.stat().st_size for path in (sites.place / "all0").iterdir() if path.is_file()) / 2**20

    def middle(runs: list[dict[str, t.Any]], key: str) -> float:
        return round(statistics.median(run[key] for run in runs), 2)

    rows = [
        (f"all outputs ({written:.0f} MiB), first run", first),
        ("grid-mapfile only, first run", one),
        ("all outputs, one member more", more),
        ("all outputs, nothing changed", same),
        ("no sources", none),
    ]
    report += [
        f"### gridmap: {MEMBERS:,} members from 5 sources",
        "",
        f"Two IAM, VOMS-Admin, VOMSCompatibility and a grid-mapfile with ETag, as stand-ins on loopback. Median of {RUNS} runs of the program, seconds of CPU.",
        "",
        *table(
            ("", "asking the sources", "computing and writing", "start of Python", "memory, MiB"),
            *((name, *(str(middle(runs, key)) for key in ("fetch", "run", "startup")), middle(runs, "memory")) for name, runs in rows),
        ),
        f"A plain loop over lists that lie there already, grid-mapfile only, with no state and nothing read again: {statistics.median(loop):.2f} s.",
        "",
    ]
