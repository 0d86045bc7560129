# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The examples of the guide are what a site can use as they are."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

from ansible_collections.elastigrid.site.plugins.module_utils._checks import grid_identity, site

GUIDE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "identity.md"
EXAMPLES = {
    block["site_vos"][0]["name"]: block for block in map(yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE))
}


def test_there_is_one_for_each_kind_of_vo():
    assert EXAMPLES.keys() == {"atlas", "ligo", "physics"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_right(name):
    example = EXAMPLES[name]
    assert site.check(example, {}, []) == []
    derived = {"grid_identity_vos": example["site_vos"], "grid_identity_accounts": [account["name"] for account in example["site_accounts"]]}
    assert grid_identity.check({**example, **derived}, {}, ["arc_ce"]) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_error_in_an_example_would_be_seen(name):
    vos = [{**EXAMPLES[name]["site_vos"][0], "acount": "x"}]
    assert site.check({**EXAMPLES[name], "site_vos": vos}, {}, [])


def test_variables_that_the_guide_names_exist():
    spec = yaml.safe_load((GUIDE.parents[1] / "roles" / "grid_identity" / "meta" / "argument_specs.yml").read_text())
    named = set(re.findall(r"grid_identity_\w+", GUIDE.read_text()))
    assert named and named <= spec["argument_specs"]["main"]["options"].keys()
