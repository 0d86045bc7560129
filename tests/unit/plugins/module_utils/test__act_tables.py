# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""From one set of tables to another, and never back."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._act_tables import parse, plan

WANTED = {"arcjobs": {"id": "int(11)", "JobID": "varchar(255)"}, "proxies": {"id": "int(11)"}}
RENAMES = ["RENAME TABLE `b`.`arcjobs` TO `a`.`arcjobs`", "RENAME TABLE `b`.`proxies` TO `a`.`proxies`"]


def test_lines_of_mariadb_are_read():
    assert parse("arcjobs\tid\tint(11)\narcjobs\tJobID\tvarchar(255)\nproxies\tid\tint(11)\n") == WANTED
    assert parse("") == {}


@pytest.mark.parametrize(
    ("there", "statements", "errors"),
    [
        ({}, RENAMES, []),
        (WANTED, [], []),
        ({"arcjobs": WANTED["arcjobs"]}, RENAMES[1:], []),
        (WANTED | {"pandajobs": {"id": "int(11)"}}, [], []),
        (WANTED | {"proxies": {"id": "int(11)", "old": "text"}}, [], []),
        (WANTED | {"arcjobs": {"id": "int(11)", "jobid": "varchar(255)"}}, [], []),
        (WANTED | {"arcjobs": {"id": "int(11)"}}, ["ALTER TABLE `a`.`arcjobs` ADD COLUMN `JobID` varchar(255)"], []),
        (WANTED | {"proxies": {"id": "text"}}, [], ["proxies.id is text, this version of aCT needs int(11)"]),
    ],
)
def test_what_is_missing_is_brought(there, statements, errors):
    found = plan("a", "b", there, WANTED)
    assert (found.statements, found.errors) == (statements, errors)


def test_nothing_is_ever_dropped_or_changed():
    kinds = ("int(11)", "text")
    schemas = [
        {table: dict(zip(("x", "y"), columns)) for table in tables}
        for tables in ((), ("t",), ("t", "u"))
        for columns in itertools.product(kinds, repeat=2)
    ]
    for there, wanted in itertools.product(schemas, repeat=2):
        for statement in plan("a", "b", there, wanted).statements:
            assert statement.startswith("RENAME TABLE `b`.") or (statement.startswith("ALTER TABLE `a`.") and " ADD COLUMN " in statement)
            assert not any(word in statement for word in ("DROP", "MODIFY", "CHANGE", "DELETE", "TRUNCATE", "REPLACE"))
