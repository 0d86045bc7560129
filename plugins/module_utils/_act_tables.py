# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""How the tables of an ARC Control Tower become those of the installed version without losing any. Pure; private to this collection."""

from __future__ import annotations

import typing as t

# Column and type, by table.
Schema = dict[str, dict[str, str]]

# One line for each column, with tabs between: what parse() reads.
QUERY = "SELECT table_name, column_name, column_type FROM information_schema.columns WHERE table_schema = '{}' ORDER BY table_name, ordinal_position"


class Plan(t.NamedTuple):
    statements: list[str]
    errors: list[str]
    tables: list[str]
    columns: list[str]


def parse(text: str) -> Schema:
    """What `mariadb --batch --skip-column-names` prints for QUERY."""
    schema: Schema = {}
    for line in text.splitlines():
        table, column, kind = line.split("\t")
        schema.setdefault(table, {})[column] = kind
    return schema


def plan(database: str, scratch: str, there: Schema, wanted: Schema) -> Plan:
    """The statements that bring tables and columns that are missing from the scratch database, and what is in the way.

    RENAME TABLE fails where the table is there already, ADD COLUMN where the column is: neither can lose a row, whatever happens in between.
    Columns that this version does not know stay. The columns of aCT's tables may all be null, but for the keys and for those with a default.
    """
    tables = sorted(wanted.keys() - there.keys())
    statements = [f"RENAME TABLE `{scratch}`.`{table}` TO `{database}`.`{table}`" for table in tables]
    errors, columns = [], []
    for table in sorted(wanted.keys() & there.keys()):
        # MariaDB knows no upper and lower case in the names of columns.
        present = {column.lower(): kind for column, kind in there[table].items()}
        for column, kind in wanted[table].items():
            name = f"{table}.{column}"
            if column.lower() not in present:
                columns.append(name)
                statements.append(f"ALTER TABLE `{database}`.`{table}` ADD COLUMN `{column}` {kind}")
            elif present[column.lower()] != kind:
                errors.append(f"{name} is {present[column.lower()]}, this version of aCT needs {kind}")
    return Plan(statements, errors, tables, columns)
