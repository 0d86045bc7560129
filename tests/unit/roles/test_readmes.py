# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import importlib.util
import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = importlib.util.spec_from_file_location("role_docs", ROOT / "tools" / "role_docs.py")
role_docs = importlib.util.module_from_spec(SOURCE)
SOURCE.loader.exec_module(role_docs)
ROLES = sorted(path for path in role_docs.ROLES.iterdir() if path.is_dir())
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")])

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def test_there_are_roles():
    assert {"base", "slurm"} <= {role.name for role in ROLES}


@each_role
def test_a_readme_has_the_variables_of_the_spec(role):
    readme = (role / "README.md").read_text(encoding="utf-8")
    assert role_docs.with_table(readme, role_docs.table(role_docs.specs_of(role))) == readme, "run tools/role_docs.py --write"


@each_role
def test_a_readme_has_an_example_with_variables_of_the_role(role):
    readme = (role / "README.md").read_text(encoding="utf-8")
    example = re.search(r"^## Example\n(?:(?!^## ).)*?^```ya?ml\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert example, "no YAML block below ## Example"
    assert f"elastigrid.site.{role.name}" in example[1]
    assert isinstance(yaml.safe_load(example[1]), list)
    options = {name for spec in role_docs.specs_of(role).values() for name in spec.get("options") or {}}
    used = set(re.findall(rf"^\s+({role.name}_\w+):", example[1], re.MULTILINE))
    assert used <= options | {f"{role.name}_{part}" for part in ("controller", "worker", "submit", "server", "client")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_block_of_yaml_can_be_read(page):
    for block in re.findall(r"^```ya?ml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        assert isinstance(yaml.safe_load(block), (dict, list)), block


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C(a.conf) or V(a|b)", r"`a.conf` or `a\|b`"),
        (["O(x_y[].z) is B(bold).", "See L(here, https://x.org)."], "`x_y[].z` is *bold*. See [here](https://x.org)."),
        ("slurm.conf(5) of the CA(s)", "slurm.conf(5) of the CA(s)"),
        (r"C(f(a\))", "`f(a)`"),
    ],
)
def test_markup_becomes_markdown(text, expected):
    assert role_docs.markdown(text) == expected


def test_a_table_has_sub_options_choices_and_defaults():
    options = {
        "x_list": {
            "type": "list", "elements": "dict", "default": [], "description": "A list.",
            "options": {"name": {"type": "str", "required": True, "description": "V(a) is good.", "choices": ["a", "b"]}},
        },
        "x_text": {"type": "str", "default": "{{ a | b }}", "description": "A text."},
        "x_none": {"type": "bool", "description": "None."},
    }
    assert role_docs.table({"remove": {"short_description": "Removes it"}, "main": {"options": options}}) == r"""| Variable | Type | Default | |
|---|---|---|---|
| `x_list` | list of dict | `[]` | A list. |
| `x_list[].name` | str | required | `a` is good. One of `a`, `b`. |
| `x_text` | str | `{{ a \| b }}` | A text. |
| `x_none` | bool |  | None. |

With `tasks_from: remove`: Removes it.

| Variable | Type | Default | |
|---|---|---|---|
"""


@pytest.mark.parametrize("markers", [[], ["BEGIN"], ["END", "BEGIN"], ["BEGIN", "BEGIN", "END"]])
def test_a_readme_without_markers_is_refused(markers):
    with pytest.raises(ValueError, match="exactly one"):
        role_docs.with_table("".join(getattr(role_docs, marker) for marker in markers), "x")


def test_only_what_is_between_the_markers_is_replaced():
    assert role_docs.with_table("a\n<!-- variables -->\nold\n<!-- /variables -->\nb\n", "new\n") == "a\n<!-- variables -->\nnew\n<!-- /variables -->\nb\n"
