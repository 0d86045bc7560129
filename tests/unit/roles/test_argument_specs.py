# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What is written about a role in several places says the same: argument specs, defaults, names of files, site-wide variables."""

from __future__ import annotations

import importlib
import pathlib
import re

import pytest
import yaml

from ansible_collections.elastigrid.site.plugins.module_utils import _validate
from ansible_collections.elastigrid.site.plugins.module_utils._checks import site

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
CHECKS = ROOT / "plugins" / "module_utils" / "_checks"
INCLUDES = {f"{prefix}{action}_tasks" for action in ("include", "import") for prefix in ("", "ansible.builtin.")}

each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def specs(role):
    return load(role / "meta" / "argument_specs.yml")["argument_specs"]


def all_options(options, within=""):
    """Every option with its full name, those in dictionaries too."""
    for name, option in options.items():
        yield within + name, option
        yield from all_options(option.get("options", {}), f"{within}{name}.")


def tasks(blocks):
    for task in blocks or []:
        yield task
        for key in ("block", "rescue", "always"):
            yield from tasks(task.get(key))


def included(path):
    """The names of task files that a file includes, as patterns: a template may stand for anything."""
    for task in tasks(load(path)):
        for action in INCLUDES & task.keys():
            name = task[action] if isinstance(task[action], str) else task[action]["file"]
            yield re.compile(".+".join(map(re.escape, re.split(r"\{\{.*?\}\}", name))))


def test_there_are_roles():
    assert {"base", "slurm"} <= {role.name for role in ROLES}


@each_role
def test_defaults_are_those_of_the_argument_spec(role):
    defaults = load(role / "defaults" / "main.yml") or {}
    assert defaults == {name: option["default"] for name, option in specs(role)["main"].get("options", {}).items() if "default" in option}


@each_role
def test_defaults_are_valid(role):
    validation = _validate.Validation()
    for spec in specs(role).values():
        options = {name: option for name, option in (spec.get("options") or {}).items() if "{{" not in str(option.get("default"))}
        validation.examine({**options}, {name: option.get("default", "") for name, option in options.items() if "default" in option})
    assert [error for error in validation.errors if "is not set" not in error] == []


@each_role
def test_every_option_is_described(role):
    for entry_point, spec in specs(role).items():
        assert spec.get("short_description"), entry_point
        for name, option in all_options(spec.get("options") or {}):
            assert option.get("description"), name
            assert option.get("type") in {*_validate.IN_WORDS}, name
            assert option["type"] != "list" or option.get("elements") in _validate.PLURALS, f"{name} has no elements"
            assert option.get("elements") != "dict" or option.get("options"), f"{name} does not say what its dictionaries hold"
            assert not (option.get("required") and "default" in option), f"{name} is required and has a default"


@each_role
def test_variables_carry_the_name_of_the_role(role):
    owners = [other.name for other in ROLES]
    for spec in specs(role).values():
        for name in spec.get("options") or {}:
            assert _validate.owner(name, owners) == role.name
    for name in load(role / "vars" / "main.yml") or {}:
        assert name.startswith(f"__{role.name}_")


@each_role
def test_task_files_that_are_included_exist_and_all_are_used(role):
    files = {path.name for path in (role / "tasks").glob("*.yml")}
    patterns = [pattern for directory in ("tasks", "handlers") for path in (role / directory).glob("*.yml") for pattern in included(path)]
    for pattern in patterns:
        assert any(pattern.fullmatch(name) for name in files), f"{pattern.pattern} is included and does not exist"
    # Other entry points are those that have a spec of their own.
    entry_points = {f"{name}.yml" for name in specs(role)}
    unused = {name for name in files - entry_points if not any(pattern.fullmatch(name) for pattern in patterns)}
    assert not unused


@each_role
def test_main_only_includes_the_known_steps_under_their_names(role):
    main = load(role / "tasks" / "main.yml")
    steps = []
    for task in main:
        (action,) = INCLUDES & task.keys()
        file = task[action] if isinstance(task[action], str) else task[action]["file"]
        step = file.removesuffix(".yml")
        # Nothing is configured that was not validated, and what a changed file asks of a daemon is decided where it is written: these are run together.
        tags = {"validate": ["validate", "configure", "service"], "install": ["install"]}.get(step, ["configure", "service"])
        assert task[action]["apply"] == {"tags": tags}
        first = load(role / "tasks" / file)[0] if step == "install" else {}
        if first.get("tags") == ["configure", "service"]:
            tags += ["configure", "service"]  # the names of this system
        else:
            assert "ansible.builtin.include_vars" not in first, f"{role.name}: its vars are not known to --tags configure"
        assert task["tags"] == tags, task["name"]
        steps.append(step)
    assert steps == [step for step in ("validate", "install", "configure", "service") if step in steps]
    assert steps[0] == "validate"


@each_role
def test_files_that_tasks_name_exist(role):
    for path in [*(role / "tasks").glob("*.yml"), *(role / "handlers").glob("*.yml")]:
        for task in tasks(load(path)):
            source = (task.get("ansible.builtin.template") or {}).get("src", "")
            assert "{{" in source or not source or (role / "templates" / source).exists(), f"{path.name}: {source}"


def test_all_site_variables_that_are_read_are_known():
    sources = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*") if path.suffix in {".yml", ".j2"}]
    read = {name for path in sources for name in re.findall(r"(?<!\w)(?<!site\.)site_[a-z_]+", path.read_text(encoding="utf-8"))}
    assert "site_name" in read
    assert read - site.SPEC.keys() == set()


def test_every_check_belongs_to_a_role():
    names = {path.stem for path in CHECKS.glob("*.py")} - {"__init__", "_common", "site"}
    assert "slurm" in names
    assert names <= {role.name for role in ROLES}
    for name in [*names, "site"]:
        module = importlib.import_module(f"ansible_collections.elastigrid.site.plugins.module_utils._checks.{name}")
        assert module.check({}, {}, []) is not None
