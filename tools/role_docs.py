#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Writes the table of variables in each role's README from its meta/argument_specs.yml, so that the two cannot drift apart.

role_docs.py --check    says which README differs from its spec, and fails if one does
role_docs.py --write    writes the tables
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
import typing as t

import yaml

ROLES = pathlib.Path(__file__).resolve().parent.parent / "roles"
BEGIN, END = "<!-- variables -->\n", "<!-- /variables -->\n"


def markdown(text: str | list[str]) -> str:
    """Ansible's markup (`C()`, `V()`, `O()`, `L()` ...) as Markdown that fits into the cell of a table."""
    text = " ".join([text] if isinstance(text, str) else text)
    text = re.sub(r"\bL\(([^,]+),\s*([^)]+)\)", r"[\1](\2)", text)
    text = re.sub(r"\bU\(([^)]+)\)", r"<\1>", text)
    text = re.sub(r"\b[BI]\(([^)]+)\)", r"*\1*", text)
    text = re.sub(r"\b(?:[CVOEM]|RV)\(((?:\\.|[^)\\])+)\)", lambda match: code(re.sub(r"\\(.)", r"\1", match[1]), cell=False), text)
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str, cell: bool = True) -> str:
    """A text that is shown as it is."""
    return f"`{text.replace('|', chr(92) + '|') if cell else text}`"


def kind(option: dict[str, t.Any]) -> str:
    return f"list of {option['elements']}" if "elements" in option else option.get("type", "str")


def default(option: dict[str, t.Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    value = option["default"]
    return code(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))


def rows(options: dict[str, dict[str, t.Any]], within: str = "") -> t.Iterator[str]:
    for name, option in options.items():
        what = markdown(option["description"])
        choices = [code(str(choice)) for choice in option.get("choices", [])]
        if any(choice not in what for choice in choices):
            what += f" One of {', '.join(choices)}."
        yield f"| {code(within + name)} | {kind(option)} | {default(option)} | {what} |"
        yield from rows(option.get("options", {}), f"{within}{name}{'[]' if option.get('type') == 'list' else ''}.")


def table(specs: dict[str, dict[str, t.Any]]) -> str:
    """The tables of a role: that of `main`, then one for each other entry point."""
    lines = []
    for entry_point, spec in sorted(specs.items(), key=lambda item: (item[0] != "main", item[0])):
        if entry_point != "main":
            lines += ["", f"With `tasks_from: {entry_point}`: {markdown(spec['short_description'])}.", ""]
        lines += ["| Variable | Type | Default | |", "|---|---|---|---|", *rows(spec.get("options") or {})]
    return "\n".join(lines) + "\n"


def specs_of(role: pathlib.Path) -> dict[str, dict[str, t.Any]]:
    return yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]


def with_table(readme: str, generated: str) -> str:
    """The README with this table between its markers."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"has not exactly one line {BEGIN.strip()} and after it one line {END.strip()}")
    return readme[: readme.index(BEGIN)] + BEGIN + generated + readme[readme.index(END):]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true")
    action.add_argument("--write", action="store_true")
    write = parser.parse_args().write

    faults = 0
    for role in sorted(path for path in ROLES.iterdir() if path.is_dir()):
        readme = role / "README.md"
        try:
            old = readme.read_text(encoding="utf-8")
            new = with_table(old, table(specs_of(role)))
        except (OSError, ValueError) as error:
            print(f"{role.name}: {error}", file=sys.stderr)
            faults += 1
            continue
        if old != new and write:
            readme.write_text(new, encoding="utf-8")
            print(f"{role.name}: written")
        elif old != new:
            print(f"{role.name}: the table of variables is not that of meta/argument_specs.yml; run tools/role_docs.py --write", file=sys.stderr)
            faults += 1
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main())
