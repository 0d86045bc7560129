# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the variables of a host; what is wrong with them is decided in module_utils/_validate.py and module_utils/_checks/."""

from __future__ import annotations

import functools
import importlib
import pathlib
import re
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleValueOmittedError
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

from ansible_collections.elastigrid.site.plugins.module_utils import _validate
from ansible_collections.elastigrid.site.plugins.module_utils._checks import site

ROLES = pathlib.Path(__file__).parents[2] / "roles"
CHECKS = "ansible_collections.elastigrid.site.plugins.module_utils._checks"

# What a default may be made from that is unknown before the role runs: facts, and the role's own internal variables.
NOT_YET = re.compile(r"ansible_facts|\b__")


@functools.cache
def role_names() -> frozenset[str]:
    return frozenset(path.name for path in ROLES.iterdir() if path.is_dir())


@functools.cache
def entry_points(role: str) -> dict[str, dict[str, t.Any]]:
    """The options of a role by entry point (main, and whatever else tasks_from offers)."""
    path = ROLES / role / "meta" / "argument_specs.yml"
    specs = yaml_load(path.read_text(encoding="utf-8"))["argument_specs"] if path.exists() else {}
    return {entry: spec.get("options") or {} for entry, spec in specs.items()}


def check_of(role: str) -> t.Callable[[dict, dict, list], list[str]] | None:
    """The function that knows what the argument spec of a role cannot express, for roles that have one."""
    name = f"{CHECKS}.{role}"
    try:
        return importlib.import_module(name).check
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


def trusted(value: t.Any) -> t.Any:
    """Our own defaults are templates; what has been read from a file is none until somebody vouches for it."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return value


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        roles = self.validate_argument_spec({"roles": {"type": "list", "elements": "str"}})[1]["roles"]
        task_vars = task_vars or {}
        group_names = list(task_vars.get("group_names", []))
        if roles is None:
            roles = _validate.roles_of(group_names, role_names())
        elif strangers := sorted(set(roles) - role_names()):
            raise AnsibleActionFail(f"roles has {', '.join(strangers)}, must be names of roles of elastigrid.site: {', '.join(sorted(role_names()))}")

        options = dict(site.SPEC)
        known = {"site": set(site.SPEC)}
        for role in roles:
            options.update(entry_points(role).get("main", {}))
            known[role] = {name for entry_point in entry_points(role).values() for name in entry_point}

        defaults = trusted({name: option["default"] for name, option in options.items() if "default" in option})
        self._templar = self._templar.copy_with_new_env(available_variables={**defaults, **task_vars})
        # Inside a role its defaults are variables like those that somebody has set.
        unset = {name for name in defaults if task_vars.get(name, defaults[name]) == defaults[name]}
        stated = self._examine({name: option for name, option in options.items() if name not in unset}, task_vars)
        derived = self._examine({name: option for name, option in options.items() if name in unset}, defaults)
        variables = {**derived.right, **stated.right}

        misspelt, stray = _validate.unknown_variables(task_vars, known, role_names(), variables.get("site_strict_variables", False))
        checks = [site.check, *filter(None, map(check_of, roles))]
        conflicts = [error for check in checks for error in check(variables, task_vars.get("groups", {}), group_names)]
        # What is made by default from a wrong variable is wrong as well, and checks miss it: the cause is enough.
        made_of_wrong = {name for name in unset if any(cause in str(defaults[name]) for cause in stated.wrong)}
        errors = stated.errors + misspelt
        errors += [error for error in derived.errors if _validate.subject(error) not in made_of_wrong]
        errors += [error for error in conflicts if _validate.subject(error) not in stated.wrong | derived.wrong | made_of_wrong]
        errors = remove_values(errors, stated.secrets | derived.secrets)

        if stray:
            result["warnings"] = ["elastigrid.site does not know these variables and ignores them: " + ", ".join(stray)]
        # The same words on all hosts: Ansible shows the same error only once.
        heading = f"{len(errors)} error{'s' if len(errors) > 1 else ''} in the variables of this host:"
        msg = "\n- ".join([heading, *errors]) if errors else "The variables are valid."
        result.update(failed=bool(errors), changed=False, errors=errors, msg=msg)
        return result

    def _examine(self, options: _validate.Spec, values: dict[str, t.Any]) -> _validate.Validation:
        """Templates the values, each for itself so that one failure hides no other, and holds them against the options."""
        validation = _validate.Validation()
        readable, templated = dict(options), {}
        for name, option in options.items():
            try:
                if name in values:
                    templated[name] = self._templar.template(values[name])
            except AnsibleValueOmittedError:
                pass
            except AnsibleError as error:
                del readable[name]
                default = str(option.get("default"))
                why = "its template fails" if option.get("no_log") else error.message
                if values[name] != option.get("default"):
                    validation.reject(name, f"has no value: {why}")
                elif not NOT_YET.search(default):
                    validation.reject(name, f"is not set, and its default {default} has no value: {why}")
        validation.examine(readable, templated)
        return validation
