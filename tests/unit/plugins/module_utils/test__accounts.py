# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _accounts

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
munge:x:101:104::/nonexistent:/usr/sbin/nologin
grid01:x:5001:5001:a pool account:/home/grid01:/bin/sh
+nis::::::
"""
GROUP = """\
root:x:0:
munge:x:104:
grid01:x:5001:
pilots:x:5000:other,grid01
+nis:::
"""


def account(name="grid02", uid=5002, gid=5002, **more):
    return {"name": name, "uid": uid, "gid": gid, "group": name, "home": None, "shell": None, "comment": None, "groups": [], **more}


def plan(*accounts):
    users, groups = _accounts.parse_passwd(PASSWD), _accounts.parse_group(GROUP)
    assert _accounts.errors(list(accounts), users, groups) == []
    return _accounts.plan(list(accounts), users, groups)


def test_files_are_read_and_foreign_lines_left_out():
    assert _accounts.parse_passwd(PASSWD)["grid01"] == _accounts.User("grid01", 5001, 5001, "a pool account", "/home/grid01", "/bin/sh")
    assert _accounts.parse_group(GROUP)["pilots"] == _accounts.Group("pilots", 5000, frozenset({"other", "grid01"}))
    assert "+nis" not in {**_accounts.parse_passwd(PASSWD), **_accounts.parse_group(GROUP)}


@pytest.mark.parametrize(
    "there",
    [
        account("grid01", 5001, 5001),
        account("grid01", 5001, 5001, shell="/bin/sh", home="/home/grid01", comment="a pool account", groups=["pilots"]),
        account("munge", 101, 104),
    ],
)
def test_nothing_is_done_for_what_is_there(there):
    done = plan(there)
    assert (done.commands, done.before, done.after) == ([], [], [])


@pytest.mark.parametrize(
    ("accounts", "commands"),
    [
        (
            [account()],
            [
                ["groupadd", "--gid", "5002", "grid02"],
                [
                    "useradd", "--no-create-home", "--no-user-group", "--uid", "5002", "--gid", "5002", "--comment", "",
                    "--home-dir", "/home/grid02", "--shell", "/bin/bash", "grid02",
                ],
            ],
        ),
        (
            [account(gid=5000, group="pilots", home="/srv/x", shell="/bin/false", comment="c d", groups=["munge", "grid01"])],
            [
                [
                    "useradd", "--no-create-home", "--no-user-group", "--uid", "5002", "--gid", "5000", "--comment", "c d",
                    "--home-dir", "/srv/x", "--shell", "/bin/false", "--groups", "grid01,munge", "grid02",
                ]
            ],
        ),
        ([account("grid01", 5001, 5001, shell="/bin/bash")], [["usermod", "--shell", "/bin/bash", "grid01"]]),
        ([account("grid01", 5001, 5001, home="/h")], [["usermod", "--home", "/h", "grid01"]]),
        ([account("grid01", 5009, 5001)], [["usermod", "--uid", "5009", "grid01"]]),
        (
            [account("grid01", 5001, 5009)],
            [["groupmod", "--gid", "5009", "grid01"], ["usermod", "--gid", "5009", "grid01"]],
        ),
        (
            [account("grid01", 5001, 5001, groups=["pilots", "munge"])],
            [["usermod", "--append", "--groups", "munge", "grid01"]],
        ),
    ],
)
def test_commands(accounts, commands):
    assert plan(*accounts).commands == commands


def test_a_group_that_accounts_share_is_made_once_and_before_its_members():
    commands = plan(account("a", 1001, 900, group="new"), account("b", 1002, 900, group="new"), account("c", 1003, 1003, groups=["new"])).commands
    assert [command[0] for command in commands] == ["groupadd", "groupadd", "useradd", "useradd", "useradd"]
    assert commands[4][-3:] == ["--groups", "new", "c"]


def test_the_difference_shows_both_files():
    done = plan(account("grid01", 5001, 5001, shell="/bin/bash", groups=["munge"]), account())
    assert done.before == ["grid01:x:5001:5001:a pool account:/home/grid01:/bin/sh", "munge:x:104:"]
    assert done.after == [
        "grid01:x:5001:5001:a pool account:/home/grid01:/bin/bash",
        "grid02:x:5002:5002::/home/grid02:/bin/bash",
        "munge:x:104:grid01",
        "grid02:x:5002:",
    ]


@pytest.mark.parametrize(
    ("accounts", "error"),
    [
        ([account(uid=101)], "uid 101 of grid02 is held by munge"),
        ([account(gid=104)], "gid 104 of group grid02 is held by group munge"),
        ([account(), account(uid=5003)], "name grid02 is given twice: to grid02 and to grid02"),
        ([account(), account("grid03", gid=5003)], "uid 5002 is given twice: to grid02 and to grid03"),
        ([account(), account("grid03", 5003)], "gid 5002 of group grid03 is held by group grid02"),
        (
            [account("a", 1, 900, group="g"), account("b", 2, 901, group="g")],
            "group g is given two gids: 900 and 901",
        ),
        ([account(groups=["nosuch"])], "grid02 cannot join group nosuch, which does not exist"),
        ([account(uid=0)], "uid of grid02 is 0, but must be from 1 to 4294967294"),
        ([account(uid=2**32 - 1)], "uid of grid02 is 4294967295, but must be from 1 to 4294967294"),
        ([account(home="x")], "home of grid02 is 'x', but must be an absolute path"),
        ([account(comment="a:b")], "comment of grid02 is 'a:b', but may hold neither a colon nor a newline"),
        (
            [account("Grid", group="g")],
            "name 'Grid' of Grid: must begin with a lower-case letter and hold at most 32 of a-z 0-9 _ . -",
        ),
    ],
)
def test_errors(accounts, error):
    assert error in _accounts.errors(accounts, _accounts.parse_passwd(PASSWD), _accounts.parse_group(GROUP))
