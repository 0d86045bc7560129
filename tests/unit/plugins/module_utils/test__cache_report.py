# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _cache_report

GIB = 2**30
FILE = {
    "path": '/store/<b>"x"&.root', "size": 4 * GIB, "cached": 2 * GIB, "opened": 3, "hit": GIB, "miss": GIB, "bypass": 0, "served": 2 * GIB, "last": 1795644721,
}  # fmt: skip
CACHE = {
    "name": "public", "host": "c1.site.org", "directory": "/var/cache/xrootd/public", "size": 100 * GIB, "free": 20 * GIB, "low_watermark": 90 * GIB,
    "high_watermark": 95 * GIB, "used": 70 * GIB, "files": 12, "complete": 10, "cached": 4 * GIB, "opened": 30, "hit": 6 * GIB, "miss": 2 * GIB, "bypass": 0,
    "served": 8 * GIB, "hit_ratio": 0.75, "unreadable": 0, "unreadable_files": [], "top": [FILE],
    "series": [{"start": 1795640400, "hit": 0, "miss": 0, "bypass": 0}, {"start": 1795644000, "hit": 6 * GIB, "miss": 2 * GIB, "bypass": 0}],
}  # fmt: skip
NOTHING = dict.fromkeys(("used", "files", "complete", "cached", "opened", "hit", "miss", "bypass", "served"), 0)
EMPTY = {**CACHE, **NOTHING, "hit_ratio": None, "top": [], "series": []}


def page(*caches) -> str:
    return _cache_report.render({"site": "s<i>te", "generated": "2026-11-25 22:00 UTC", "caches": list(caches)})


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (1536, "1.5 KiB"), (200 * 2**20, "200 MiB"), (1.5 * 2**40, "1.5 TiB"), (5000 * 2**40, "5000 TiB")],
)
def test_amounts(size, words):
    assert _cache_report.amount(size) == words


def test_the_facts_of_a_cache():
    assert _cache_report.facts(CACHE) == [
        ("On disk", "70.0 GiB; the file system of 100 GiB is full to 80%, cleaned from 95% down to 90%"),
        ("Files", "12, 10 of them whole; opened 30 times"),
        ("Served", "8.0 GiB; for each byte that came from the origin and is here still: 2.0"),
        ("Hit ratio", "75% of the bytes; what the cache had read ahead for the same reader counts, too"),
    ]


def test_what_cannot_be_read_is_named():
    broken = {**CACHE, "unreadable": 2, "unreadable_files": ["/store/a.cinfo", "/store/b.cinfo"], "low_watermark": None}
    assert ("Unreadable", "2 records: /store/a.cinfo, /store/b.cinfo") in _cache_report.facts(broken)
    assert "cleaned" not in _cache_report.facts(broken)[0][1]


def test_the_page_is_well_formed_and_loads_nothing():
    text = page(CACHE, EMPTY, {"name": "caches", "host": "c2.site.org", "error": "no <answer>"})
    # As XML, but for the tags that HTML does not close.
    ET.fromstring(re.sub(r"(<meta [^>]*)>", r"\1/>", text.removeprefix("<!DOCTYPE html>\n")))
    assert not re.search(r"(src|href)=|url\(|@import|<script", text)
    assert "/store/&lt;b&gt;&quot;x&quot;&amp;.root" in text
    assert "<i>" not in text and "no &lt;answer&gt;" in text
    assert text.count("Nobody has read anything that is here.") == 1


def test_bars_are_as_high_as_what_they_stand_for():
    heights = dict(re.findall(r'height="([\d.]+)" class="(hit|miss|bypass)"', _cache_report.plot(CACHE["series"])))
    assert {kind: float(tall) for tall, kind in heights.items()} == {"hit": pytest.approx(118.5), "miss": pytest.approx(39.5)}
    assert "2026-11-25 22:00 UTC: 6.0 GiB from the cache, 2.0 GiB from the origin, 0 B from the origin, not kept" in _cache_report.plot(CACHE["series"])


def test_a_line_for_a_terminal():
    assert _cache_report.line(CACHE) == "public on c1.site.org: 12 files, 70.0 GiB on disk, 8.0 GiB served, hit ratio 75%"
    assert _cache_report.line(EMPTY).endswith("0 B served, hit ratio –")
    assert _cache_report.line({"name": "caches", "host": "c2", "error": "no answer"}) == "caches on c2: no answer"
