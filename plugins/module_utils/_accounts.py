# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which commands bring /etc/passwd and /etc/group to the wanted accounts. Pure; private to this collection."""

from __future__ import annotations

import re
import typing as t

_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_ID_MAX = 2**32 - 2


class User(t.NamedTuple):
    name: str
    uid: int
    gid: int
    comment: str
    home: str
    shell: str

    def __str__(self) -> str:
        return ":".join((self.name, "x", *(str(value) for value in self[1:])))


class Group(t.NamedTuple):
    name: str
    gid: int
    members: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}:x:{self.gid}:{','.join(sorted(self.members))}"


class Plan(t.NamedTuple):
    commands: list[list[str]]
    before: list[str]
    after: list[str]
    """The lines of passwd(5) and group(5) that the commands change."""
    users: dict[str, User]
    """The wanted users as they are after the commands."""


def parse_passwd(text: str) -> dict[str, User]:
    rows = (line.split(":") for line in text.splitlines() if line.count(":") == 6)
    return {row[0]: User(row[0], int(row[2]), int(row[3]), row[4], row[5], row[6]) for row in rows if row[2].isdigit()}


def parse_group(text: str) -> dict[str, Group]:
    rows = (line.split(":") for line in text.splitlines() if line.count(":") == 3)
    return {row[0]: Group(row[0], int(row[2]), frozenset(filter(None, row[3].split(",")))) for row in rows if row[2].isdigit()}


def _twice(accounts: list[dict[str, t.Any]], key: str) -> t.Iterator[str]:
    seen: dict[t.Any, str] = {}
    for account in accounts:
        if account[key] in seen:
            yield f"{key} {account[key]} is given twice: to {seen[account[key]]} and to {account['name']}"
        seen[account[key]] = account["name"]


def _faults(account: dict[str, t.Any]) -> t.Iterator[str]:
    name = account["name"]
    for key in ("name", "group"):
        if not _NAME.fullmatch(account[key]):
            yield f"{key} {account[key]!r} of {name}: must begin with a lower-case letter and hold at most 32 of a-z 0-9 _ . -"
    for key in ("uid", "gid"):
        if not 1 <= account[key] <= _ID_MAX:
            yield f"{key} of {name} is {account[key]}, but must be from 1 to {_ID_MAX}"
    for key in ("home", "shell"):
        if account[key] is not None and not account[key].startswith("/"):
            yield f"{key} of {name} is {account[key]!r}, but must be an absolute path"
    for key in ("home", "shell", "comment"):
        if account[key] is not None and re.search("[:\n]", account[key]):
            yield f"{key} of {name} is {account[key]!r}, but may hold neither a colon nor a newline"


def errors(accounts: list[dict[str, t.Any]], users: dict[str, User], groups: dict[str, Group]) -> list[str]:
    """Everything that forbids the wanted accounts, alone, among themselves, and with what is there."""
    found = [fault for account in accounts for fault in _faults(account)]
    found += [*_twice(accounts, "name"), *_twice(accounts, "uid")]

    wanted_groups: dict[str, int] = {}
    names_by_gid = {group.gid: group.name for group in groups.values()}
    for account in accounts:
        name, group, gid = account["group"], account["group"], account["gid"]
        if wanted_groups.setdefault(group, gid) != gid:
            found.append(f"group {group} is given two gids: {wanted_groups[group]} and {gid}")
        # A gid that its holder gives up in this same pass is still refused: files may belong to it.
        holder = names_by_gid.setdefault(gid, group)
        if holder != name:
            found.append(f"gid {gid} of group {group} is held by group {holder}")

    names_by_uid = {user.uid: user.name for user in users.values()}
    for account in accounts:
        holder = names_by_uid.get(account["uid"], account["name"])
        if holder != account["name"]:
            found.append(f"uid {account['uid']} of {account['name']} is held by {holder}")
        for group in account["groups"]:
            if group not in groups and group not in wanted_groups:
                found.append(f"{account['name']} cannot join group {group}, which does not exist")
    return list(dict.fromkeys(found))


def _wanted_user(account: dict[str, t.Any], current: User | None) -> User:
    """The user after the commands: what is not given stays, and is set for a new account only."""
    name = account["name"]
    default = current or User(name, account["uid"], account["gid"], "", f"/home/{name}", "/bin/bash")
    given = {key: account[key] for key in ("comment", "home", "shell") if account[key] is not None}
    return default._replace(uid=account["uid"], gid=account["gid"], **given)


def plan(accounts: list[dict[str, t.Any]], users: dict[str, User], groups: dict[str, Group]) -> Plan:
    """The commands for accounts without errors. Nothing is ever removed, not even from a group."""
    commands: list[list[str]] = []
    before: list[str] = []
    after: list[str] = []
    new_groups = dict(groups)
    for account in accounts:
        name, gid = account["group"], account["gid"]
        if name not in new_groups:
            commands.append(["groupadd", "--gid", str(gid), name])
            new_groups[name] = Group(name, gid, frozenset())
        elif new_groups[name].gid != gid:
            commands.append(["groupmod", "--gid", str(gid), name])
            new_groups[name] = new_groups[name]._replace(gid=gid)

    wanted_users = {}
    for account in accounts:
        name, current = account["name"], users.get(account["name"])
        wanted = wanted_users[name] = _wanted_user(account, current)
        missing = sorted(group for group in set(account["groups"]) if name not in new_groups[group].members)
        flags = {"uid": "--uid", "gid": "--gid", "comment": "--comment", "home": "--home-dir", "shell": "--shell"}
        options: list[str] = []
        for field, flag in flags.items():
            value = getattr(wanted, field)
            if current is None or value != getattr(current, field):
                options += [flag if current is None or field != "home" else "--home", str(value)]
        if missing:
            options += ["--groups", ",".join(missing)]
            for group in missing:
                new_groups[group] = new_groups[group]._replace(members=new_groups[group].members | {name})
        if current is None:
            # Homes are made by the module, with one mode on all systems.
            commands.append(["useradd", "--no-create-home", "--no-user-group", *options, name])
        elif options:
            commands.append(["usermod", *(["--append"] if missing else []), *options, name])
        if wanted != current:
            before += [str(current)] if current else []
            after.append(str(wanted))
    for name, group in new_groups.items():
        if group != groups.get(name):
            before += [str(groups[name])] if name in groups else []
            after.append(str(group))
    return Plan(commands, before, after, wanted_users)
