# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the action elastigrid.site.validate decides: from specs, names and values to sentences. Pure; private to this collection."""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Spec = t.Mapping[str, t.Mapping[str, t.Any]]

IN_WORDS = {
    "str": "a string",
    "path": "an absolute path",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
    "raw": "anything but null",
}
PLURALS = {"str": "strings", "path": "absolute paths", "int": "integers", "dict": "dictionaries", "raw": "anything"}


def owner(name: str, roles: t.Iterable[str]) -> str | None:
    """The role that a variable or group belongs to: the longest role name that is the name or its prefix."""
    return max((role for role in roles if name == role or name.startswith(role + "_")), key=len, default=None)


def roles_of(group_names: t.Iterable[str], roles: t.Collection[str]) -> list[str]:
    """The roles that a host in these groups gets: those of its groups, and base, which every host has."""
    return sorted({owner(group, roles) for group in group_names} & set(roles) | {"base"} & set(roles))


def edits(a: str, b: str) -> int:
    """Damerau-Levenshtein distance: letters inserted, left out, replaced, or swapped with their neighbour."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        row = [i]
        for j in range(1, len(b) + 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def nearest(name: str, known: t.Iterable[str]) -> str | None:
    """The known name that somebody who wrote `name` probably meant: at most two edits away."""
    distance, best = min(((edits(name, other), other) for other in known if abs(len(name) - len(other)) < 3),
                         default=(3, None))
    return best if distance < 3 else None


def unknown_variables(
    variables: t.Mapping[str, t.Any],
    options: t.Mapping[str, t.Collection[str]],
    roles: t.Iterable[str],
    strict: bool,
) -> tuple[list[str], list[str]]:
    """Errors, and the names that deserve a warning, for variables that carry a prefix of ours and mean nothing.

    `options` holds the known names by owner (a role that is being validated, or `site`); `roles` are all roles of the
    collection, for the longest name wins: xrootd_cache_port is no business of a role xrootd.
    """
    errors, warnings = [], []
    owners = {"site", *roles}
    for name in sorted(variables):
        role = owner(name, owners)
        if role not in options or name == role or name in options[role]:
            continue
        meant = nearest(name, options[role])
        # What a user registers has a name that he never set for us: not worth stopping a site for.
        registered = isinstance(variables[name], t.Mapping) and {"changed", "failed"} <= variables[name].keys()
        if strict or (meant and not registered):
            what = "site variable" if role == "site" else f"variable of role {role}"
            errors.append(f"{name} is not a {what}" + (f"; did you mean {meant}?" if meant else ""))
        else:
            warnings.append(name)
    return errors, warnings


def show(value: t.Any) -> str:
    """A value as one would write it in YAML, short. Of containers only the outline: passwords lie in them."""
    if isinstance(value, t.Mapping):
        return f"a dictionary ({', '.join(map(str, value))})" if value else "an empty dictionary"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:76] + '..."'


def in_words(option: t.Mapping[str, t.Any]) -> str:
    """What an option accepts."""
    if option.get("choices") and option.get("type") != "list":
        return "one of: " + ", ".join(map(str, option["choices"]))
    words = IN_WORDS[option.get("type", "str")]
    return words + (" of " + PLURALS[option["elements"]] if "elements" in option else "")


def subject(error: str) -> str:
    """The variable that an error is about: all of them begin with it."""
    return re.match(r"\w*", error)[0]


class Validation:
    """Holds values against specs."""

    def __init__(self) -> None:
        self.right: dict[str, t.Any] = {}
        """The variables that are set and right, converted to their types."""
        self.wrong: set[str] = set()
        """The variables that are not."""
        self.errors: list[str] = []
        self.secrets: set[str] = set()
        """What must never be shown."""

    def reject(self, path: str, why: str) -> None:
        self.errors.append(f"{path} {why}")
        self.wrong.add(subject(path))

    def examine(self, options: Spec, values: t.Mapping[str, t.Any]) -> None:
        right = self._options(options, values, "")
        self.right.update({name: value for name, value in right.items() if name not in self.wrong})

    def _options(self, options: Spec, values: t.Mapping[str, t.Any], within: str) -> dict[str, t.Any]:
        converted = {}
        for name, option in options.items():
            value = values.get(name)
            if value is not None:
                converted[name] = self._value(within + name, option, value)
            elif option.get("required"):
                self.reject(within + name, f"is not set, must be {in_words(option)}")
            elif name in values and option.get("default") is not None:
                self.reject(within + name, f"is null, must be {in_words(option)}")
        return converted

    def _value(self, path: str, option: t.Mapping[str, t.Any], value: t.Any) -> t.Any:
        if option.get("no_log"):
            self.secrets.update(_strings(value))
        kind = option.get("type", "str")
        if not _has_shape(kind, value, option):
            self._reject_value(path, option, value)
        elif kind == "list" and "elements" in option:
            element = {"type": option["elements"], **{key: option[key] for key in ("choices", "options", "no_log") if key in option}}
            return [self._value(f"{path}[{i}]", element, one) for i, one in enumerate(value)]
        elif kind == "dict" and "options" in option:
            for name in value:
                if name not in option["options"]:
                    meant = nearest(str(name), option["options"])
                    self.reject(f"{path}.{name}", f"is unknown; did you mean {meant}?" if meant else f"is unknown; allowed: {', '.join(option['options'])}")
            return self._options(option["options"], value, path + ".")
        else:
            scalar = {key: option[key] for key in ("type", "choices") if key in option}
            verdict = ArgumentSpecValidator({"value": scalar}).validate({"value": value})
            if verdict.error_messages or (kind == "path" and not os.path.isabs(value)):
                self._reject_value(path, option, value)
            elif kind != "path":  # Ansible would expand ~ and $HOME, of this machine
                return verdict.validated_parameters["value"]
        return value

    def _reject_value(self, path: str, option: t.Mapping[str, t.Any], value: t.Any) -> None:
        told = "set to a value that is not shown" if option.get("no_log") else show(value)
        hint = " (in quotes)" if isinstance(value, bool) and option.get("type", "str") == "str" else ""
        self.reject(path, f"is {told}, must be {in_words(option)}{hint}")


def _has_shape(kind: str, value: t.Any, option: t.Mapping[str, t.Any]) -> bool:
    """Whether a value can be meant as this type.

    Stricter than Ansible's own conversions: these would split a text into a list, or print a dictionary as a text. A
    module gets the converted value, a role reads the variable as it was written.
    """
    if kind == "list":
        return isinstance(value, (list, tuple))
    if kind == "dict":
        return isinstance(value, t.Mapping)
    if kind == "raw":
        return True
    if isinstance(value, bool):
        return kind == "bool" or (kind == "str" and "choices" in option)
    if kind == "path":
        return isinstance(value, str)
    return isinstance(value, (str, int, float))


def _strings(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, t.Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _strings(one)
