# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Which sacctmgr commands bring Slurm's accounting database to the wanted state. Pure; private to this collection."""

from __future__ import annotations

import json
import math
import re
import typing as t

Entry = dict[str, t.Any]

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.@-]*")
_KEY = re.compile(r"[A-Za-z]+")
_FLAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# What sacctmgr shows for an option that is not set, where that is not an empty string.
_UNSET = {"priority": "0", "usagefactor": "1", "gracetime": "0", "preemptmode": "cluster"}
# slurmdbd keeps Fairshare=parent as this number.
_SHARES_OF_PARENT = 2147483647
_MEMORY_UNITS = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}
# These come with Slurm and are never purged.
KEPT = {"qos": "normal", "accounts": "root", "users": "root"}


class State(t.NamedTuple):
    """What the database holds for one cluster."""

    qos: dict[str, dict[str, str]]
    """Options as sacctmgr writes them, by the names they were asked by."""
    records: dict[str, Entry]
    """Description and organization of all accounts, of whatever cluster."""
    accounts: dict[str, Entry]
    users: dict[str, Entry]


class Plan(t.NamedTuple):
    commands: list[list[str]]
    before: dict[str, t.Any]
    after: dict[str, t.Any]


# --- Reading ---


def option_keys(qos: list[Entry]) -> list[str]:
    """The options to ask for. A description may hold the separator, so that it comes last."""
    return sorted({key for entry in qos for key in entry["options"]}, key=lambda key: (key.lower() == "description", key))


def parse_qos(text: str, keys: list[str]) -> dict[str, dict[str, str]]:
    """The output of `sacctmgr -nP show qos format=Name,KEYS`."""
    rows = (line.split("|", len(keys)) for line in text.splitlines() if line)
    return {row[0]: dict(zip(keys, row[1:])) for row in rows}


def parse_state(qos: dict[str, dict[str, str]], accounts: str, users: str, associations: str, cluster: str) -> State:
    """From the JSON of `sacctmgr show account|user|assoc`."""
    records = {raw["name"]: {"description": raw["description"], "organization": raw["organization"]} for raw in json.loads(accounts)["accounts"]}
    levels = {raw["name"]: (raw["administrator_level"] or ["None"])[0].lower() for raw in json.loads(users)["users"]}
    state = State(qos, records, {}, {})
    for name, level in levels.items():
        admin_level = {"administrator": "admin", "operator": "operator"}.get(level, "none")
        state.users[name] = {"admin_level": admin_level, "default_account": None, "accounts": set()}
    for raw in json.loads(associations)["associations"]:
        if raw["cluster"] != cluster or raw["partition"]:
            continue
        if not raw["user"]:
            shares = raw["shares_raw"]
            state.accounts[raw["account"]] = {
                **records[raw["account"]],
                "parent": raw["parent_account"] or None,
                "fairshare": "parent" if shares == _SHARES_OF_PARENT else str(shares),
                "qos": frozenset(raw["qos"]),
            }
            continue
        user = state.users[raw["user"]]
        user["accounts"].add(raw["account"])
        if raw["is_default"]:
            user["default_account"] = raw["account"]
    return state


# --- Values of QoS options ---


def text_of(value: t.Any) -> str:
    """An option's value as sacctmgr takes it; lists and mappings become comma lists, null is unset."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={amount}" for key, amount in value.items())
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)


def seconds(text: str, unit: int) -> int:
    """A time as in sbatch(1), --time; a plain number counts units of that many seconds."""
    days, dash, clock = text.rpartition("-")
    fields = [int(field) for field in clock.split(":")]
    if dash:
        hours, minutes, rest = (fields + [0, 0])[:3]
        return int(days) * 86400 + hours * 3600 + minutes * 60 + rest
    if len(fields) == 1:
        return fields[0] * unit
    return sum(field * weight for field, weight in zip(reversed(fields), (1, 60, 3600)))


def _amounts(text: str) -> dict[str, float]:
    amounts = {}
    for item in text.split(","):
        name, dummy, amount = item.strip().partition("=")
        match = re.fullmatch(r"(-?[0-9.]+)([KMGTP]?)B?", amount.upper())
        if match is None:
            raise ValueError(f"{item} is not NAME=NUMBER")
        amounts[name.lower()] = float(match[1]) * _MEMORY_UNITS.get(match[2], 1)
    return amounts


def canonical(key: str, text: str) -> t.Any:
    """A form of an option's value that is equal for equal meanings. ValueError if it is none."""
    key = key.lower()
    if key == "description":
        return text
    text = text.strip()
    if text in ("", "-1"):
        text = _UNSET.get(key, "")
    if key in ("flags", "preempt"):
        items = [item.strip() for item in text.split(",") if item.strip()]
        if not all(_FLAG.fullmatch(item) for item in items):
            raise ValueError(f"{text} is not a list of names")
        return frozenset(item.lower() for item in items)
    if not text:
        return None
    if "tres" in key:
        return _amounts(text)
    if "wall" in key:
        # Kept in minutes, rounded up.
        return math.ceil(seconds(text, 60) / 60)
    if key == "preemptexempttime":
        return seconds(text, 60)
    if key == "gracetime":
        return seconds(text, 1)
    try:
        return float(text)
    except ValueError:
        return text.lower()


def assignment(key: str, wanted: str, current: str) -> str:
    """What sacctmgr has to be told. It merges TRES lists, so that what is no longer wanted is unset by name."""
    if "tres" in key.lower():
        wanted_amounts = canonical(key, wanted) or {}
        gone = [f"{name}=-1" for name in (canonical(key, current) or {}) if name not in wanted_amounts]
        return f"{key}={','.join([item for item in (wanted, *gone) if item])}"
    if wanted or key.lower() in ("preempt", "description"):
        return f"{key}={wanted}"
    return f"{key}={'cluster' if key.lower() == 'preemptmode' else -1}"


# --- What forbids the wish ---


def _option_faults(entry: Entry) -> t.Iterator[str]:
    for key, value in entry["options"].items():
        title = f"option {key} of qos {entry['name']}"
        if not _KEY.fullmatch(key) or key.lower() == "name":
            yield f"{title}: is not an option of sacctmgr"
        elif key.lower() == "gracetime" and not re.fullmatch(r"-1|[0-9]*", text_of(value)):
            yield f"{title} is {value}, but must be a whole number of seconds"
        else:
            try:
                canonical(key, text_of(value))
            except ValueError:
                yield f"{title} is {value}, which sacctmgr would not understand"


def _account_order(accounts: list[Entry]) -> tuple[list[Entry], list[str]]:
    """Parents before children, and the names that are their own ancestors."""
    left = {entry["name"]: entry for entry in accounts}
    ordered: list[Entry] = []
    while left:
        ready = [entry for entry in left.values() if entry["parent"] not in left]
        if not ready:
            return ordered, sorted(left)
        ordered += ready
        for entry in ready:
            del left[entry["name"]]
    return ordered, []


def merge_users(users: list[Entry]) -> tuple[dict[str, Entry], list[str]]:
    """One entry per user from one entry per user and account."""
    merged: dict[str, Entry] = {}
    faults = []
    for entry in users:
        user = merged.setdefault(entry["name"], {"accounts": [], "admin_level": None, "default_account": None})
        if entry["account"] in user["accounts"]:
            faults.append(f"user {entry['name']} is given account {entry['account']} twice")
        user["accounts"].append(entry["account"])
        for key in ("admin_level", "default_account"):
            if entry[key] is not None and user[key] not in (None, entry[key]):
                faults.append(f"user {entry['name']} is given two values of {key}: {user[key]} and {entry[key]}")
            user[key] = user[key] or entry[key]
    return merged, faults


def errors(qos: list[Entry], accounts: list[Entry], users: list[Entry], purge: list[str], state: State) -> list[str]:
    found: list[str] = []
    for title, entries in (("qos", qos), ("account", accounts)):
        names = [entry["name"] for entry in entries]
        found += [f"{title} {name} is given twice" for name in sorted({name for name in names if names.count(name) > 1})]
    for title, entries in (("qos", qos), ("account", accounts), ("user", users)):
        for entry in entries:
            if not _NAME.fullmatch(entry["name"]):
                found.append(f"{title} {entry['name']!r}: Slurm keeps names in lower case; allowed are a-z 0-9 _ . @ -")

    def available(kind: str, wanted: list[Entry], present: dict[str, t.Any]) -> set[str]:
        return {KEPT[kind], *(entry["name"] for entry in wanted), *(() if kind in purge else present)}

    known_qos, known_accounts = available("qos", qos, state.qos), available("accounts", accounts, state.accounts)
    for entry in qos:
        found += _option_faults(entry)
    for entry in accounts:
        if entry["parent"] is not None and entry["parent"] not in known_accounts:
            found.append(f"account {entry['name']}: its parent {entry['parent']} is no account")
        found += [f"account {entry['name']}: {name} is no qos" for name in entry["qos"] if name not in known_qos]
        if entry["fairshare"] is not None and not re.fullmatch("parent|[0-9]+", entry["fairshare"]):
            found.append(f"account {entry['name']}: fairshare is {entry['fairshare']}, but must be a number or parent")
    circle = _account_order(accounts)[1]
    if circle:
        found.append(f"accounts {', '.join(circle)} are their own ancestors")

    merged, faults = merge_users(users)
    found += faults
    for name, user in merged.items():
        found += [f"user {name}: {account} is no account" for account in user["accounts"] if account not in known_accounts]
        there = set() if "users" in purge else state.users.get(name, {"accounts": set()})["accounts"]
        if user["default_account"] is not None and user["default_account"] not in {*user["accounts"], *there}:
            found.append(f"user {name}: default_account {user['default_account']} is not one of the user's accounts")
    return found


# --- What has to be done ---


class _Planner:
    def __init__(self, cluster: str) -> None:
        self.cluster = f"cluster={cluster}"
        self.plan = Plan([], {}, {})

    def run(self, *words: str) -> None:
        self.plan.commands.append(list(words))

    def note(self, title: str, before: t.Any, after: t.Any) -> None:
        self.plan.before[title] = {**(self.plan.before.get(title) or {}), **before} if before else before
        self.plan.after[title] = {**(self.plan.after.get(title) or {}), **after} if after else after


def _plan_qos(planner: _Planner, qos: list[Entry], state: State) -> None:
    new = [entry["name"] for entry in qos if entry["name"] not in state.qos]
    if new:
        # First all by name, since one may preempt another.
        planner.run("add", "qos", f"name={','.join(new)}")
    for entry in qos:
        name, current = entry["name"], state.qos.get(entry["name"], {})
        wanted = {key: text_of(value) for key, value in entry["options"].items()}
        differs = [key for key in wanted if canonical(key, wanted[key]) != canonical(key, current.get(key, ""))]
        if differs:
            planner.run("modify", "qos", "where", f"name={name}", "set", *(assignment(key, wanted[key], current.get(key, "")) for key in differs))
        if differs or name in new:
            before = None if name in new else {key: current[key] for key in differs}
            planner.note(f"qos {name}", before, {key: wanted[key] for key in differs} or {"options": "none"})


def _plan_accounts(planner: _Planner, accounts: list[Entry], state: State) -> None:
    for entry in _account_order(accounts)[0]:
        name, current = entry["name"], state.accounts.get(entry["name"])
        wanted = {key: entry[key] for key in ("description", "organization", "parent", "fairshare") if entry[key] is not None}
        if entry["qos"]:
            wanted["qos"] = frozenset(entry["qos"])

        def words(keys: t.Iterable[str], wanted: Entry = wanted) -> list[str]:
            return [f"{key}={','.join(sorted(wanted[key])) if key == 'qos' else wanted[key]}" for key in keys]

        title = f"account {name}"
        if current is None:
            planner.run("add", "account", f"name={name}", planner.cluster, *words(wanted))
            planner.note(title, None, {key: _shown(value) for key, value in wanted.items()} or {"parent": "root"})
            # Another cluster's account keeps its description when it is added to this one.
            current = {**wanted, **state.records.get(name, {})}
        differs = [key for key in wanted if wanted[key] != current[key]]
        if differs:
            planner.run("modify", "account", "where", f"name={name}", planner.cluster, "set", *words(differs))
            planner.note(title, {key: _shown(current[key]) for key in differs}, {key: _shown(wanted[key]) for key in differs})


def _plan_users(planner: _Planner, users: dict[str, Entry], state: State) -> None:
    for name, wanted in users.items():
        current = state.users.get(name)
        present = current["accounts"] if current else set()
        missing = [account for account in wanted["accounts"] if account not in present]
        settings = {key: wanted[key] for key in ("admin_level", "default_account") if wanted[key] is not None}
        words = [f"{key.replace('_', '')}={value}" for key, value in settings.items()]
        title = f"user {name}"
        if missing:
            added = words if current is None else []
            planner.run("add", "user", f"name={name}", f"account={','.join(missing)}", planner.cluster, *added)
            after = {"accounts": sorted({*present, *missing}), **(settings if current is None else {})}
            planner.note(title, {"accounts": sorted(present)} if present else None, after)
        if current is None:
            continue
        differs = [key for key in settings if settings[key] != current[key]]
        if differs:
            planner.run("modify", "user", "where", f"name={name}", planner.cluster, "set", *(f"{key.replace('_', '')}={settings[key]}" for key in differs))
            planner.note(title, {key: current[key] for key in differs}, {key: settings[key] for key in differs})


def _purge_users(planner: _Planner, users: dict[str, Entry], state: State) -> None:
    for name, current in state.users.items():
        wanted = users.get(name, {"accounts": [], "default_account": None})
        gone = sorted(current["accounts"].difference(wanted["accounts"]))
        if name == KEPT["users"] or not gone:
            continue
        if not wanted["accounts"]:
            planner.run("delete", "user", "where", f"name={name}", planner.cluster)
        else:
            if current["default_account"] in gone and wanted["default_account"] is None:
                # Slurm does not let go of a default account.
                planner.run("modify", "user", "where", f"name={name}", planner.cluster, "set", f"defaultaccount={wanted['accounts'][0]}")
            planner.run("delete", "user", "where", f"name={name}", f"account={','.join(gone)}", planner.cluster)
        planner.note(f"user {name}", {"accounts": sorted(current["accounts"])}, {"accounts": sorted(wanted["accounts"])})


def _purge_accounts(planner: _Planner, accounts: list[Entry], state: State) -> None:
    wanted = {KEPT["accounts"], *(entry["name"] for entry in accounts)}
    gone = [{"name": name, "parent": entry["parent"]} for name, entry in state.accounts.items() if name not in wanted]
    for entry in reversed(_account_order(gone)[0]):
        planner.run("delete", "account", "where", f"name={entry['name']}", planner.cluster)
        planner.note(f"account {entry['name']}", {"parent": entry["parent"]}, None)


def _purge_qos(planner: _Planner, qos: list[Entry], state: State) -> None:
    wanted = {KEPT["qos"], *(entry["name"] for entry in qos)}
    for name in sorted(state.qos.keys() - wanted):
        planner.run("delete", "qos", "where", f"name={name}")
        planner.note(f"qos {name}", {"options": "some"}, None)


def _shown(value: t.Any) -> t.Any:
    return sorted(value) if isinstance(value, frozenset) else value


def plan(qos: list[Entry], accounts: list[Entry], users: list[Entry], purge: list[str], state: State, cluster: str) -> Plan:
    """The words of each sacctmgr command, for a wish without errors."""
    planner = _Planner(cluster)
    merged = merge_users(users)[0]
    _plan_qos(planner, qos, state)
    _plan_accounts(planner, accounts, state)
    _plan_users(planner, merged, state)
    if "users" in purge:
        _purge_users(planner, merged, state)
    if "accounts" in purge:
        _purge_accounts(planner, accounts, state)
    if "qos" in purge:
        _purge_qos(planner, qos, state)
    return planner.plan
