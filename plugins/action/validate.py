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
        args = self.validate_argument_spec({"roles": {"type": "list", "elements": "str"}})[1]
        task_vars = task_vars or {}
        group_names = list(task_vars.get("group_names", []))
        roles = args["roles"] if args["roles"] is not None else _validate.roles_of(group_names, role_names())
        if unknown := sorted(set(roles) - role_names()):
            raise AnsibleActionFail(f"roles has {', '.join(unknown)}, must be names of roles of elastigrid.site: {', '.join(sorted(role_names()))}")

        specs = {role: entry_points(role).get("main", {}) for role in roles}
        all_options = {**site.SPEC, **{name: option for spec in specs.values() for name, option in spec.items()}}
        defaults = {name: trusted(option["default"]) for name, option in all_options.items() if "default" in option}
        self._templar = self._templar.copy_with_new_env(available_variables={**defaults, **task_vars})

        validation = _validate.Validation()
        judged, values = self._templated(all_options, task_vars, defaults, validation.errors)
        variables = validation.options(judged, values)

        known = {role: {name for options in entry_points(role).values() for name in options} for role in roles}
        known["site"] = set(site.SPEC)
        unknown_errors, stray = _validate.unknown_variables(task_vars, known, role_names(), variables.get("site_strict_variables", False))
        validation.errors += unknown_errors

        for check in (site.check, *filter(None, map(check_of, roles))):
            validation.errors += check(variables, task_vars.get("groups", {}), group_names)

        errors = remove_values(validation.errors, validation.secrets)
        if stray:
            result["warnings"] = ["elastigrid.site does not know these variables and ignores them: " + ", ".join(stray)]
        result.update(changed=False, errors=errors, msg="\n".join(errors) or "The variables are valid.")
        if errors:
            result["failed"] = True
        return result

    def _templated(
        self, spec: _validate.Spec, given: dict[str, t.Any], defaults: dict[str, t.Any], errors: list[str]
    ) -> tuple[_validate.Spec, dict[str, t.Any]]:
        """The options that can be judged, and the values of those that are set."""
        judged, values = {}, {}
        for name, option in spec.items():
            try:
                if name in given:
                    values[name] = self._templar.template(given[name])
                elif name in defaults:
                    values[name] = self._templar.template(defaults[name])
            except AnsibleValueOmittedError:
                pass
            except AnsibleError as error:
                why = "its template fails" if option.get("no_log") else error.message
                if name in given:
                    errors.append(f"{name} has no value: {why}")
                elif not NOT_YET.search(str(option["default"])):
                    errors.append(f"{name} is not set, and its default has no value: {why}")
                continue
            judged[name] = option
        return judged, values
