# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _arc_runtime_environments as rte


def wanted(name, enabled=True, default=False):
    return {"name": name, "enabled": enabled, "default": default}


@pytest.mark.parametrize(
    ("environments", "enabled", "default", "calls"),
    [
        ([], {"A"}, {"A"}, []),
        ([wanted("A")], {"A", "B"}, {"B"}, []),
        ([wanted("A"), wanted("B"), wanted("C")], {"B"}, set(), [["enable", "A", "C"]]),
        ([wanted("A", default=True)], set(), set(), [["enable", "A"], ["default", "A"]]),
        ([wanted("A", enabled=False)], {"A"}, {"A"}, [["undefault", "A"], ["disable", "A"]]),
        ([wanted("A", enabled=False)], set(), set(), []),
    ],
)
def test_calls(environments, enabled, default, calls):
    assert rte.calls(environments, enabled, default) == calls


def test_what_arcctl_lists():
    assert rte.names("ENV/PROXY\nAPPS/GONE-1.0 (broken)\n\n") == {"ENV/PROXY", "APPS/GONE-1.0"}


def test_parameters():
    shown = rte.parameters("COPY=Yes\nOPTIONS=a=b\n# Community software deployment parameters (read-only):\n#X=1\n")
    assert shown == {"COPY": "Yes", "OPTIONS": "a=b"}
    assert rte.parameter_calls("A", {"COPY": "No", "OPTIONS": "a=b"}, shown) == [["params-set", "A", "COPY", "No"]]


@pytest.mark.parametrize(
    ("name", "right"), [("ENV/PROXY", True), ("APPS/HEP/TOOL-1.0", True), ("../x", False), ("/x", False), ("A/", False), ("A*", False), ("A B", False)]
)
def test_names(name, right):
    assert bool(rte.NAME.fullmatch(name)) is right
