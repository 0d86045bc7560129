# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What a cache has served, from what xrdpfc_print of XRootD 5.8.1 printed on a cache of the sandbox."""

from __future__ import annotations

import json

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _cache_usage as usage

ROOT = "/var/cache/xrootd/public/namespace"
REAL = (
    '{"accesses":[{"B_bypass":0,"B_hit":4325376,"B_miss":0,"attach":"261125:221222","detach":"261125:221222","duration":"0:00:00","n_ios":1,'
    '"n_mrg":0,"record":1},{"B_bypass":0,"B_hit":4194304,"B_miss":0,"attach":"261125:221306","detach":"261125:221306","duration":"0:00:00",'
    '"n_ios":1,"n_mrg":0,"record":2}],"buffer_size":1048576,"cksum":"net","created":"Wed Nov 25 22:12:22 2026",'
    '"file":"/var/cache/xrootd/public/namespace/store/.verify-1795644721.cinfo","file_size":4194304,"n_acc_total":2,"n_blocks":4,'
    '"state_complete":"complete","state_percentage":100.0,"version":4}\n'
)
# 2026-11-25 22:00 UTC
TEN = 1795644000
NAME = 'a "b" <i>&\u2028c'


def variant(**more):
    return json.dumps({**json.loads(REAL), **more}, ensure_ascii=False) + "\n"


def file(name="f", *accesses):
    return usage.File(f"{ROOT}/store/{name}.cinfo", 10, 10, True, len(accesses), [usage.Access(*one) for one in accesses])


def total(*files, hours=2, top=10, now=TEN + 1800):
    return usage.sum_up(iter(files), ROOT, now, hours, top)


def test_what_xrdpfc_print_says_is_read():
    (one,) = usage.parse(REAL)
    assert one[1:5] == (4194304, 4194304, True, 2)
    assert one.accesses == [usage.Access(TEN + 742, TEN + 742, 4325376, 0, 0), usage.Access(TEN + 786, TEN + 786, 4194304, 0, 0)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"file_size": 3700000, "state_percentage": 50.0, "state_complete": "incomplete"}, (3700000, 2097152, False)),
        # The last block is not whole.
        ({"file_size": 3700000}, (3700000, 3700000, True)),
        ({"file_size": 0, "n_blocks": 0, "state_percentage": None}, (0, 0, True)),
    ],
)
def test_files_in_part_and_empty_ones(more, expected):
    assert usage.parse(variant(**more))[0][1:4] == expected


def test_an_open_file_ends_when_it_was_last_heard_of():
    access = {**json.loads(REAL)["accesses"][0], "detach": "------:------", "duration": "1:00:02"}
    assert usage.parse(variant(accesses=[access]))[0].accesses[0][:2] == (TEN + 742, TEN + 742 + 3602)


def test_any_name_is_one_line():
    assert [one.path for one in usage.parse(variant(file=NAME) + REAL)] == [NAME, f"{ROOT}/store/.verify-1795644721.cinfo"]


@pytest.mark.parametrize("text", ['{"file": "x', '{"accesses": 1]\n'])
def test_what_is_cut_off_is_an_error(text):
    with pytest.raises(ValueError):
        usage.parse(text)


def test_sums_and_ratio():
    found = total(file("a", (TEN, TEN, 30, 10, 0)), file("b", (TEN, TEN, 0, 0, 60), (TEN, TEN + 5, 20, 0, 0)))
    assert [found[key] for key in ("files", "complete", "opened", "cached")] == [2, 2, 3, 20]
    assert [found[key] for key in ("hit", "miss", "bypass", "served", "hit_ratio")] == [50, 10, 60, 120, 0.4167]
    assert [(row["path"], row["served"], row["last"]) for row in found["top"]] == [("/store/b", 80, TEN + 5), ("/store/a", 40, TEN)]


def test_an_empty_cache_has_no_ratio():
    found = total()
    assert (found["files"], found["served"], found["hit_ratio"], found["top"]) == (0, 0, None, [])
    assert [hour["start"] for hour in found["series"]] == [TEN - 3600, TEN]


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ((TEN + 1, TEN + 1, 100, 0, 0), [0, 100]),
        ((TEN - 1800, TEN + 1799, 100, 0, 0), [50, 50]),
        # Half of it was before the time that is shown.
        ((TEN - 7200, TEN - 1, 100, 0, 0), [50, 0]),
        ((TEN - 7200, TEN - 3601, 100, 0, 0), [0, 0]),
        # A clock that was wrong.
        ((TEN + 3600, TEN + 3600, 100, 0, 0), [0, 0]),
    ],
)
def test_what_was_served_is_spread_over_the_hours(access, expected):
    assert [hour["hit"] for hour in total(file("f", access))["series"]] == expected


def test_the_top_of_many_files():
    found = total(*[file(f"{number:05d}", (TEN, TEN, number, 0, 0)) for number in range(3000)], top=2)
    assert [row["path"] for row in found["top"]] == ["/store/02999", "/store/02998"]
    assert found["files"] == 3000


def test_chunks_fill_a_command_line():
    assert list(usage.chunks(["a" * 91] * 5, 200)) == [["a" * 91] * 2, ["a" * 91] * 2, ["a" * 91]]
    assert list(usage.chunks(["a" * 500, "\udcff"], 200)) == [["a" * 500], ["\udcff"]]
    assert list(usage.chunks([], 200)) == []


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("pfc.diskusage 0.90 0.95\n", (900, 950)),
        ("pfc.ram 1g\n  pfc.diskusage 1k 2k sleep 300\n", (1024, 2048)),
        ("# pfc.diskusage 0.1 0.2\n", (None, None)),
        ("pfc.diskusage nonsense 0.95\n", (None, 950)),
    ],
)
def test_watermarks(config, expected):
    assert usage.watermarks(config, 1000) == expected
