# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The report about a site, with sites of all sizes and hostile names."""

from __future__ import annotations

import html.parser
import re

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _page
from ansible_collections.elastigrid.site.plugins.module_utils import _report as report

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(html.parser.HTMLParser):
    """Fails on tags that do not match; keeps what the tests look at."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


def check(name="grid job", result="passed", seconds=1.0, detail=""):
    return {"name": name, "proves": f"That {name} works", "result": result, "seconds": seconds, "detail": detail}


def host(name, *groups, state="", cpus=None, **versions):
    return {"name": name, "groups": list(groups), "state": state, "cpus": cpus, "versions": versions}


def site(hosts, checks=None, **more):
    return {"site": "example", "generated": "2026-01-01 00:00 UTC", "hosts": hosts, "checks": checks or [check()], **more}


def workers(number):
    return [host(f"wn{index:03d}.example.org", "slurm_worker", state="idle", cpus=8, slurm="24.11.5") for index in range(1, number + 1)]


SERVERS = [
    host("ce.example.org", "arc_ce", "slurm_submit", slurm="24.11.5", arc="7.0.0"),
    host("ctl.example.org", "slurm_controller", slurm="24.11.5", mariadb="11.8.2"),
]


@pytest.mark.parametrize(
    ("outcome", "not_run", "expected"),
    [
        ({"failed": False, "rc": 0, "stdout": "fine\n", "delta": "0:01:02.345"}, "", ("passed", 62.3, "fine")),
        ({"failed": True, "rc": 1, "stderr": "bad", "stdout": "x", "delta": "0:00:00.1"}, "", ("failed", 0.1, "bad")),
        ({"failed": True, "rc": 1, "msg": "non-zero return code", "stderr": "", "stdout": "job 4"}, "", ("failed", None, "non-zero return code\njob 4")),
        ({"failed": False, "unreachable": True, "msg": "no route"}, "", ("failed", None, "no route")),
        ({"ok": True, "seconds": 32.44, "detail": "finished"}, "", ("passed", 32.4, "finished")),
        ({"ok": False, "seconds": 3, "detail": "still queuing"}, "", ("failed", 3.0, "still queuing")),
        ({"skipped": True, "failed": False}, "no worker", ("not run", None, "no worker")),
        ({"skipped": True, "failed": False}, "", ("not run", None, "skipped")),
        (None, "the group arc_ce is empty", ("not run", None, "the group arc_ce is empty")),
        # What says neither yes nor no is never a success.
        ({"stdout": "x"}, "", ("not run", None, "x")),
        ({"ok": "yes"}, "", ("failed", None, "")),
    ],
)
def test_read_check(outcome, not_run, expected):
    row = report.read_check("n", "p", outcome, not_run)
    assert (row["result"], row["seconds"], row["detail"]) == expected


def test_nodes_find_their_hosts():
    nodes = [
        {"name": "wn1", "states": ["IDLE", "DRAIN", "DYNAMIC_NORM"], "cpus": 4},
        {"name": "n2", "states": ["MIXED"], "cpus": 8},
        {"name": "cloud1", "states": ["IDLE", "CLOUD"], "cpus": 2},
    ]
    hosts = [host("wn1.example.org", "slurm_worker"), {**host("b.example.org"), "node": "n2"}, {**host("c.example.org"), "state": "no answer"}]
    placed = report.place_nodes(hosts, nodes)
    assert [(each["name"], each["state"], each["cpus"]) for each in placed] == [
        ("wn1.example.org", "idle+drain", 4),
        ("b.example.org", "mixed", 8),
        ("c.example.org", "no answer", None),
        ("cloud1", "idle", 2),
    ]
    assert placed[3]["groups"] == ["slurm_worker"]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (["passed"] * 3, "All 3 checks passed"),
        (["passed"], "The check passed"),
        (["passed", "failed", "not run"], "1 of 2 checks failed, 1 not run"),
        (["not run"], "No check was run"),
        ([], "No check was run"),
    ],
)
def test_headline(results, expected):
    assert report.headline([check(result=result) for result in results]) == expected


def test_text_table():
    checks = [check(), check("other", "failed", None, "line one\nline two"), *(check(name, "not run", None, "off") for name in ("third", "last"))]
    assert report.text_table(checks) == [
        "check     what it proves       result   time",
        "--------  -------------------  -------  -----",
        "grid job  That grid job works  passed   1.0 s",
        "other     That other works     failed   -",
        "third     That third works     not run  -",
        "last      That last works      not run  -",
        "failed: other: line one line two",
        "not run: third, last: off",
        "1 of 2 checks failed, 2 not run",
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["ce"], "ce"),
        (["wn1"], "wn1"),
        (["wn2", "wn1", "wn3", "ce"], "ce, wn[1-3]"),
        (["wn009", "wn010", "wn012"], "wn[009-010,012]"),
        (["wn9", "wn10"], "wn[9-10]"),
        (["a1.x", "a2.x", "b"], "a[1-2].x, b"),
        (["wn1", "wn1"], "wn1"),
    ],
)
def test_fold(names, expected):
    assert report.fold(names) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["a.x", "b.x"], {"a.x": "a", "b.x": "b"}), (["a.x", "a.y"], {"a.x": "a.x", "a.y": "a.y"})],
)
def test_names_lose_the_domain_only_where_they_stay_different(names, expected):
    assert report.short_names(names) == expected


def test_hosts_with_the_same_versions_share_a_row_and_others_stand_out():
    hosts = [*workers(3), host("wn004.example.org", slurm="24.11.4"), SERVERS[1]]
    columns, rows = report.version_rows(hosts)
    assert columns == ["slurm", "mariadb"]
    assert rows == [
        {"hosts": "wn[001-003]", "number": 3, "cells": [("24.11.5", False), ("", False)]},
        {"hosts": "wn004", "number": 1, "cells": [("24.11.4", True), ("", False)]},
        {"hosts": "ctl", "number": 1, "cells": [("24.11.5", False), ("11.8.2", False)]},
    ]


@pytest.mark.parametrize("number", [0, 1, 3, 40, 96, 97, 2000])
def test_every_host_is_in_the_picture_at_every_size(number):
    hosts = [*SERVERS, *workers(number)]
    for wide in (True, False):
        svg = report.topology(hosts, {"path": "/shared", "server": None}, wide)
        titles = re.findall(r"<title>(\S+)", svg)
        assert sorted(titles) == sorted(each["name"] for each in hosts)
        width, height = (float(number) for number in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
        for x, y, box_width, box_height in re.findall(r'<rect x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', svg):
            assert float(x) >= 0 and float(x) + float(box_width) <= width + 0.1, "a box is cut off"
            assert float(y) + float(box_height) <= height, "a box is cut off"


def test_a_service_that_is_off_is_not_in_the_picture():
    page = report.render(site(SERVERS))
    assert "Front door" in page and "Workers" not in page and "shared storage" not in page and "Data and services" not in page
    page = report.render(site([*SERVERS, *workers(1), host("nfs.example.org", "nfs_server")], storage={"path": "/grid", "server": "nfs"}))
    assert "Workers" in page and "/grid: shared storage, served by nfs" in page and "Data and services" in page


@pytest.mark.parametrize(
    ("state", "expected"),
    [("idle", "good"), ("ALLOCATED", "busy"), ("mixed", "busy"), ("idle+drain", "warn"), ("down*", "bad"), ("down+drain", "bad"), ("", "none")],
)
def test_colour_of_a_state(state, expected):
    assert report._state_class(state) == expected


def test_failures_come_first_and_what_was_not_run_last():
    page = report.render(site(SERVERS, [check("a"), check("b", "not run", None, "off"), check("c", "failed", 2.0, "why it failed")]))
    assert re.findall(r"<td><b>(\w)</b></td><td>That", page) == ["c", "a", "b"]
    assert page.index("What failed") < page.index("why it failed") < page.index("<h2>The site</h2>")
    assert 'class="failed"' in page and "1 of 2 checks failed, 1 not run" in page


def test_no_failures_no_section_about_them():
    page = report.render(site(SERVERS))
    assert "What failed" not in page and 'class="passed"' in page


def test_the_page_is_well_formed_and_loads_nothing():
    ways = {"endpoints": [{"name": "ARC", "url": "https://ce.example.org:443/arex"}], "submit": [{"title": "A job", "commands": ["arcsub x"]}]}
    page = Page(report.render(site([*SERVERS, *workers(40)], storage={"path": "/s", "server": None}, **ways)))
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert [value for name, value in page.attributes if name in ("src", "href")] == ["https://ce.example.org:443/arex"]
    assert not re.search(r"url\(|@import", _page.STYLE)


NASTY = "<script>alert(1)</script>\"'&"


def test_whatever_comes_from_hosts_is_only_text():
    data = site(
        [host(NASTY, "arc_ce", "squid", state=NASTY, slurm=NASTY, os=NASTY), *workers(9), host(NASTY + "2", "slurm_worker", state=NASTY)],
        [check(NASTY, "failed", 1.0, NASTY), check(NASTY, "not run", None, NASTY)],
        storage={"path": NASTY, "server": NASTY},
        endpoints=[{"name": NASTY, "url": NASTY}, {"name": "x", "url": "javascript:alert(1)"}],
        submit=[{"title": NASTY, "commands": [NASTY]}],
        level=NASTY,
        verified_from=NASTY,
    )
    data["site"] = NASTY
    page = Page(report.render(data))
    assert "script" not in page.tags
    assert not [value for name, value in page.attributes if name == "href" or name.startswith("on")]
    assert any(NASTY in text for text in page.text)
