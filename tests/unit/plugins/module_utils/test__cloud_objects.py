# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects

FLAVORS = [{"id": "1", "name": "m1.small"}, {"id": "2", "name": "m1.large"}, {"id": "3", "name": "m1.small"}, {"id": "m1.large", "name": "odd"}]


@pytest.mark.parametrize(
    ("thing", "site", "expected"),
    [
        ({"metadata": {"elastigrid_site": "demo"}}, "demo", True),
        ({"metadata": {"elastigrid_site": "demo2"}}, "demo", False),
        ({"metadata": {}}, "demo", False),
        # A name is no mark, however much it looks like one of ours.
        ({"name": "demo-worker-1", "metadata": {"elastigrid_pool": "worker"}}, "demo", False),
        ({"description": "elastigrid_site=demo elastigrid_pool=worker"}, "demo", True),
        ({"description": "elastigrid_site=demo2"}, "demo", False),
        ({"description": "not elastigrid_site = demo"}, "demo", False),
        ({"description": ""}, "demo", False),
        ({"description": None}, "demo", False),
        ({}, "demo", False),
        # Where there is metadata, a description says nothing: users write it.
        ({"metadata": {}, "description": "elastigrid_site=demo"}, "demo", False),
    ],
)
def test_belongs(thing: dict, site: str, expected: bool) -> None:
    assert _cloud_objects.belongs(thing, site) is expected


def test_marks_are_read_back_from_what_was_written() -> None:
    expected = {"elastigrid_site": "demo", "elastigrid_pool": "worker", "elastigrid_slot": "3"}
    assert _cloud_objects.metadata("demo", pool="worker", slot=3, bastion=None) == expected
    assert _cloud_objects.marks({"metadata": {**expected, "color": "red"}}) == expected
    assert _cloud_objects.marks({"description": _cloud_objects.description("demo", pool="worker", slot=3)}) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("2", "2"),
        # An id wins over a name.
        ("m1.large", "m1.large"),
        ("odd", "m1.large"),
    ],
)
def test_choose(wanted: str, expected: str) -> None:
    assert _cloud_objects.choose("flavor", wanted, FLAVORS)["id"] == expected


@pytest.mark.parametrize(
    ("wanted", "things", "option", "expected"),
    [
        ("m1.small", FLAVORS, "", "2 flavors have the name 'm1.small': give an id instead (1, 3)"),
        ("m1.smal", FLAVORS, "flavor", "flavor is 'm1.smal', but there is no flavor 'm1.smal' in this cloud; the closest: m1.small, m1.large"),
        ("xyz", FLAVORS, "", "there is no flavor 'xyz' in this cloud; there are: m1.large, m1.small, odd"),
        ("m1", [], "", "there is no flavor 'm1' in this cloud; there is none at all"),
        ("xyz", [{"id": str(n), "name": f"a{n:02}"} for n in range(12)], "", "there are: a00, a01, a02, a03, a04, a05, a06, a07, a08, a09 and 2 more"),
    ],
)
def test_choose_fails(wanted: str, things: list[dict], option: str, expected: str) -> None:
    with pytest.raises(_cloud_objects.LookupFailure) as caught:
        _cloud_objects.choose("flavor", wanted, things, option)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("name", "right"), [("demo", True), ("a.b_c-9", True), ("", False), ("-a", False), ("a b", False), ("a=b", False), ("a/b", False), ("a" * 42, False)]
)
def test_site_names(name: str, right: bool) -> None:
    assert bool(_cloud_objects.SITE_NAME.fullmatch(name)) is right
