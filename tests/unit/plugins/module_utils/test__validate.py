# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.elastigrid.site.plugins.module_utils import _validate

ROLES = frozenset({"base", "slurm", "xrootd", "xrootd_cache", "arc_ce"})


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("slurm", "slurm"),
        ("slurm_worker", "slurm"),
        ("xrootd_cache", "xrootd_cache"),
        ("xrootd_cache_port", "xrootd_cache"),
        ("xrootd_caches", "xrootd"),
        ("arc_ce_port", "arc_ce"),
        ("arc_port", None),
        ("slurmy", None),
        ("__slurm_install", None),
    ],
)
def test_the_longest_role_name_owns_a_name(name, role):
    assert _validate.owner(name, ROLES) == role


@pytest.mark.parametrize(
    ("group_names", "roles"),
    [
        ([], ["base"]),
        (["slurm_controller", "slurm_submit", "debian"], ["base", "slurm"]),
        (["xrootd_cache", "arc_ce"], ["arc_ce", "base", "xrootd_cache"]),
    ],
)
def test_a_host_gets_the_roles_of_its_groups_and_base(group_names, roles):
    assert _validate.roles_of(group_names, ROLES) == roles
    assert _validate.roles_of(group_names, ROLES - {"base"}) == [role for role in roles if role != "base"]


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("", "", 0),
        ("", "ab", 2),
        ("abc", "abc", 0),
        ("abc", "ac", 1),
        ("abc", "abxc", 1),
        ("abc", "axc", 1),
        ("abcd", "acbd", 1),
        ("abcd", "badc", 2),
        ("kitten", "sitting", 3),
    ],
)
def test_edits_are_counted(one, other, count):
    assert _validate.edits(one, other) == count
    assert _validate.edits(b=one, a=other) == count


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edits_are_at_least_the_difference_of_lengths_and_at_most_the_longer_length(a, b):
    assert abs(len(a) - len(b)) <= _validate.edits(a, b) <= max(len(a), len(b))
    assert (_validate.edits(a, b) == 0) == (a == b)


KNOWN = {"site": {"site_vos", "site_name"}, "slurm": {"slurm_partitions", "slurm_config"}}
REGISTERED = {"changed": False, "failed": False, "stdout": ""}


@pytest.mark.parametrize(
    ("variables", "strict", "errors", "stray"),
    [
        ({"slurm_partitions": 1, "site_vos": 1, "other": 1, "slurm": 1, "site": 1}, True, [], []),
        ({"slurm_partition": 1}, False, ["slurm_partition is not a variable of role slurm; did you mean slurm_partitions?"], []),
        ({"slurm_partiitons": 1}, False, ["slurm_partiitons is not a variable of role slurm; did you mean slurm_partitions?"], []),
        ({"slurm_part": 1, "slurm_colour": 1}, False, [], ["slurm_colour", "slurm_part"]),
        ({"slurm_colour": 1}, True, ["slurm_colour is not a variable of role slurm"], []),
        ({"site_vo": 1}, False, ["site_vo is not a site variable; did you mean site_vos?"], []),
        ({"slurm_partition": REGISTERED}, False, [], ["slurm_partition"]),
        ({"slurm_partition": REGISTERED}, True, ["slurm_partition is not a variable of role slurm; did you mean slurm_partitions?"], []),
        ({"slurm_partition": {"changed": False}}, False, ["slurm_partition is not a variable of role slurm; did you mean slurm_partitions?"], []),
        # Of roles that are not looked at, nothing is said.
        ({"xrootd_cache_confg": 1, "arc_ce_x": 1}, True, [], []),
    ],
)
def test_variables_that_nobody_knows(variables, strict, errors, stray):
    assert _validate.unknown_variables(variables, KNOWN, ROLES, strict) == (errors, stray)


SPEC = {
    "name": {"type": "str"},
    "needed": {"type": "str", "required": True},
    "implied": {},
    "count": {"type": "int", "default": 3},
    "on": {"type": "bool"},
    "dir": {"type": "path"},
    "kind": {"type": "str", "choices": ["kernel", "ganesha"]},
    "parts": {"type": "list", "elements": "str", "choices": ["a", "b"]},
    "numbers": {"type": "list", "elements": "int"},
    "dirs": {"type": "list", "elements": "path"},
    "config": {"type": "dict"},
    "raw": {"type": "raw"},
    "key": {"type": "str", "no_log": True},
    "keys": {"type": "list", "elements": "int", "no_log": True},
    "items": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "default": {"type": "bool"},
            "password": {"type": "str", "no_log": True},
            "sub": {"type": "dict", "options": {"port": {"type": "int"}}},
        },
    },
}


def examine(values):
    validation = _validate.Validation()
    validation.examine(SPEC, {"needed": "x", **values})
    return validation


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({"name": "a"}, {"name": "a"}),
        ({"name": 5}, {"name": "5"}),
        ({"name": None}, {}),
        ({"implied": "a"}, {"implied": "a"}),
        ({"count": "5"}, {"count": 5}),
        ({"on": "yes"}, {"on": True}),
        ({"on": False}, {"on": False}),
        ({"dir": "/a/$HOME"}, {"dir": "/a/$HOME"}),
        ({"kind": "ganesha"}, {"kind": "ganesha"}),
        ({"parts": []}, {"parts": []}),
        ({"parts": ["b", "a"]}, {"parts": ["b", "a"]}),
        ({"numbers": (1, "2")}, {"numbers": [1, 2]}),
        ({"config": {"a": None, 1: []}}, {"config": {"a": None, 1: []}}),
        ({"raw": [1]}, {"raw": [1]}),
        ({"items": [{"name": 1, "default": "no", "sub": {"port": "1"}}]}, {"items": [{"name": "1", "default": False, "sub": {"port": 1}}]}),
    ],
)
def test_right_values_are_converted(values, right):
    validation = examine(values)
    assert validation.errors == []
    assert validation.right == {"needed": "x", **right}


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"needed": None}, ["needed is not set, must be a string"]),
        ({"count": "many"}, ['count is "many", must be an integer']),
        ({"count": None}, ["count is null, must be an integer"]),
        ({"count": True}, ["count is true, must be an integer"]),
        ({"count": 1.5}, ["count is 1.5, must be an integer"]),
        ({"name": ["a"]}, ["name is a list, must be a string"]),
        ({"name": {"a": "b", "c": 1}}, ["name is a dictionary (a, c), must be a string"]),
        ({"name": {}}, ["name is an empty dictionary, must be a string"]),
        ({"name": False}, ["name is false, must be a string (in quotes)"]),
        ({"on": "perhaps"}, ['on is "perhaps", must be true or false']),
        ({"dir": "a/b"}, ['dir is "a/b", must be an absolute path']),
        ({"dir": "~/b"}, ['dir is "~/b", must be an absolute path']),
        ({"dir": 5}, ["dir is 5, must be an absolute path"]),
        ({"kind": "kernal"}, ['kind is "kernal", must be one of: kernel, ganesha']),
        ({"parts": "a"}, ['parts is "a", must be a list of strings']),
        ({"parts": ["a", "c", None]}, ['parts[1] is "c", must be one of: a, b', "parts[2] is null, must be one of: a, b"]),
        ({"numbers": ["x"]}, ['numbers[0] is "x", must be an integer']),
        ({"dirs": ["/a", ""]}, ['dirs[1] is "", must be an absolute path']),
        ({"config": "a=b"}, ['config is "a=b", must be a dictionary']),
        ({"items": {"name": "a"}}, ["items is a dictionary (name), must be a list of dictionaries"]),
        ({"items": ["a"]}, ['items[0] is "a", must be a dictionary']),
        ({"items": [{"name": "a"}, {"default": "x"}]}, ["items[1].name is not set, must be a string", 'items[1].default is "x", must be true or false']),
        ({"items": [{"nmae": "a"}]}, ["items[0].nmae is unknown; did you mean name?", "items[0].name is not set, must be a string"]),
        ({"items": [{"name": "a", "colour": 1}]}, ["items[0].colour is unknown; allowed: name, default, password, sub"]),
        ({"items": [{"name": "a", "sub": {"port": "http"}}]}, ['items[0].sub.port is "http", must be an integer']),
        ({"count": "a", "on": "b"}, ['count is "a", must be an integer', 'on is "b", must be true or false']),
        ({"name": [], "key": ["hunter2"]}, ["name is an empty list, must be a string", "key is set to a value that is not shown, must be a string"]),
        ({"keys": ["hunter2"]}, ["keys[0] is set to a value that is not shown, must be an integer"]),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(values, errors):
    validation = examine(values)
    assert validation.errors == errors
    assert validation.wrong == {_validate.subject(error) for error in errors}
    assert not validation.wrong & validation.right.keys()


def test_secrets_are_known_wherever_they_lie():
    validation = examine({"key": "one", "keys": ["two", 3], "items": [{"name": "n", "password": "four"}], "name": "five"})
    assert validation.secrets == {"one", "two", "four"}


def test_long_values_are_cut():
    told = _validate.show("x" * 1000)
    assert len(told) == 80
    assert told.endswith('..."')
