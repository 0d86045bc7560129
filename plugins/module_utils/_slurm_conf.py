# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What a change of slurm.conf takes to come into force. Pure; private to this collection.

Since Slurm 23.11 `scontrol reconfigure` starts new processes for all daemons (scontrol(1), reconfigure), so it serves for
every parameter but those named here. The manual pages meant are those of Slurm 24.11.5.
"""

from __future__ import annotations

import re
import typing as t

RECONFIGURE = "reconfigure"
RESTART_CONTROLLER = "restart_controller"
RESTART_WORKERS = "restart_workers"

# Lines that describe one of many, and are named by their first value.
RECORDS = {"nodename": "NodeName", "partitionname": "PartitionName", "nodeset": "NodeSet", "downnodes": "DownNodes"}
# Lines that may be repeated, in an order that matters.
REPEATED = {"slurmctldhost", "include"}

# scontrol(1): reconfigure "will not be able to change the daemons' listening TCP port settings or authentication mechanism".
# slurm.conf(5): "Changes to TCP listening settings will require a daemon restart".
REQUIREMENTS = {
    # slurm.conf(5), AuthType: "All Slurm daemons and commands must be terminated prior to changing the value".
    "authtype": RESTART_WORKERS,
    "credtype": RESTART_WORKERS,
    # A worker would go on calling the old port.
    "slurmctldport": RESTART_WORKERS,
    "slurmdport": RESTART_WORKERS,
    "communicationparameters/disableipv4": RESTART_WORKERS,
    "communicationparameters/enableipv6": RESTART_WORKERS,
    "communicationparameters/noinaddrany": RESTART_WORKERS,
    "communicationparameters/noctldinaddrany": RESTART_CONTROLLER,
    # slurm.conf(5), SwitchType: "All Slurm daemons, commands and running jobs must be restarted or reconfigured", and a restart
    # with running jobs may lose the records of all jobs: never without being asked for.
    "switchtype": RESTART_WORKERS,
    # A process cannot change its own user, and slurmd obeys the SlurmUser that it started with.
    "slurmuser": RESTART_WORKERS,
    "slurmduser": RESTART_WORKERS,
    # slurmd finds its running jobs in its spool directory; the name of the cluster is part of the state of both daemons.
    "slurmdspooldir": RESTART_WORKERS,
    "clustername": RESTART_WORKERS,
    "statesavelocation": RESTART_CONTROLLER,
    # Slurm's page on JSON web tokens: set both in slurm.conf, then "Restart slurmctld".
    "authalttypes": RESTART_CONTROLLER,
    "authaltparameters": RESTART_CONTROLLER,
    # Slurm's page on "configless" operation: "setting SlurmctldParameters=enable_configless in slurm.conf and restarting slurmctld".
    "slurmctldparameters/enable_configless": RESTART_CONTROLLER,
    # A node's own port is a listening port of its slurmd.
    "nodename/port": RESTART_WORKERS,
}
# Writing down what has been in force all along is no change.
DEFAULTS = {
    "authtype": "auth/munge",
    "credtype": "cred/munge",
    "slurmctldport": "6817",
    "slurmdport": "6818",
    "slurmduser": "root",
    "slurmuser": "root",
}
# Slurm's page on power saving: slurmctld "must be restarted to initially enable Power Saving operation"; later changes need a
# reconfigure only.
RESTART_WHEN_FIRST_SET = {"suspendprogram", "resumeprogram", "suspendtime"}

_PAIR = re.compile(r'\s*(?P<key>[A-Za-z0-9_.]+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<plain>\S+))(?=\s|$)')
_INCLUDE = re.compile(r"\s*include\s+(?P<file>\S+)\s*$", re.IGNORECASE)
_ITEMISED = re.compile(r"(parameters|params|flags)$", re.IGNORECASE)
_COMMENT = re.compile(r"(?<!\\)#.*")


class Setting(t.NamedTuple):
    """A parameter as it was written, and its values (more than one for lines that may be repeated)."""

    name: str
    values: tuple[str, ...]


class Config(t.NamedTuple):
    settings: dict[str, Setting]
    """By lower-case name."""
    records: dict[tuple[str, str], dict[str, Setting]]
    """By lower-case keyword and name; the lines named DEFAULT are merged into the ones that follow."""
    errors: list[str]


class Change(t.NamedTuple):
    name: str
    old: str | None
    new: str | None
    requirement: str

    def __str__(self) -> str:
        old, new = ("unset" if value is None else value for value in (self.old, self.new))
        return f"{self.name}: {old} -> {new}"


def logical_lines(text: str) -> t.Iterator[tuple[int, str]]:
    """Lines without comments, joined where they end with a backslash, with the number of their first line."""
    start, pending = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        line = _COMMENT.sub("", line).rstrip()
        if not pending:
            start = number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        if (pending + line).strip():
            yield start, (pending + line).strip()
        pending = ""
    if pending.strip():
        yield start, pending.strip()


def pairs(line: str) -> list[tuple[str, str]] | None:
    """The key=value pairs of a line; None if there is anything else in it."""
    found, position = [], 0
    while position < len(line):
        match = _PAIR.match(line, position)
        if match is None:
            return None
        found.append((match["key"], match["plain"] if match["quoted"] is None else match["quoted"]))
        position = match.end()
    return found


def parse(text: str) -> Config:
    """Read slurm.conf as Slurm does. Faults are listed in the result, the rest is read nevertheless."""
    settings: dict[str, Setting] = {}
    records: dict[tuple[str, str], dict[str, Setting]] = {}
    defaults: dict[str, dict[str, Setting]] = {}
    errors: list[str] = []

    def add(number: int, name: str, value: str) -> None:
        key = name.lower()
        if key not in settings:
            settings[key] = Setting(name, (value,))
        elif key in REPEATED:
            settings[key] = Setting(name, (*settings[key].values, value))
        else:
            errors.append(f"line {number}: {name} is set a second time")

    for number, line in logical_lines(text):
        include = _INCLUDE.match(line)
        if include:
            add(number, "Include", include["file"])
            continue
        found = pairs(line)
        if found is None:
            errors.append(f"line {number}: not Key=Value: {line}")
            continue
        keyword = found[0][0].lower()
        if keyword not in RECORDS:
            for name, value in found:
                add(number, name, value)
            continue
        fields = {name.lower(): Setting(name, (value,)) for name, value in found[1:]}
        record = (keyword, found[0][1])
        if record[1].upper() == "DEFAULT":
            defaults[keyword] = {**defaults.get(keyword, {}), **fields}
        elif record in records:
            errors.append(f"line {number}: {RECORDS[keyword]}={record[1]} is described a second time")
        else:
            records[record] = {**defaults.get(keyword, {}), **fields}
    return Config(settings, records, errors)


def _requirement(key: str, old: str | None) -> str:
    if old is None and key in RESTART_WHEN_FIRST_SET:
        return RESTART_CONTROLLER
    return REQUIREMENTS.get(key, RECONFIGURE)


def _text(setting: Setting | None) -> str | None:
    return None if setting is None else ",".join(setting.values)


def _items(value: str | None) -> dict[str, str]:
    """The items of a comma list by their lower-case name, which ends at the first = or :"""
    return {re.split("[=:]", item)[0].strip().lower(): item.strip() for item in (value or "").split(",") if item.strip()}


def _changed_settings(
    old: dict[str, Setting], new: dict[str, Setting], prefix: str = "", key_prefix: str = ""
) -> t.Iterator[Change]:
    for key in sorted(old.keys() | new.keys()):
        name = prefix + (new.get(key) or old[key]).name
        before, after = _text(old.get(key)), _text(new.get(key))
        default = None if prefix else DEFAULTS.get(key)
        if (before or default) == (after or default):
            continue
        if not _ITEMISED.search(key):
            yield Change(name, before, after, _requirement(key_prefix + key, before))
            continue
        old_items, new_items = _items(before), _items(after)
        whole = REQUIREMENTS.get(key_prefix + key)
        for item in sorted(old_items.keys() | new_items.keys()):
            item_before, item_after = old_items.get(item), new_items.get(item)
            if item_before != item_after:
                requirement = whole or _requirement(f"{key_prefix}{key}/{item}", item_before)
                item_name = re.split("[=:]", item_after or item_before or "")[0].strip()
                yield Change(f"{name}/{item_name}", item_before, item_after, requirement)


def changes(old: Config, new: Config) -> list[Change]:
    """What differs between two files, and what each difference takes to come into force."""
    found = list(_changed_settings(old.settings, new.settings))
    for record in sorted(old.records.keys() | new.records.keys()):
        keyword, name = record
        title = f"{RECORDS[keyword]}={name}"
        before, after = old.records.get(record), new.records.get(record)
        if before is not None and after is not None:
            found += _changed_settings(before, after, f"{title}/", f"{keyword}/")
        else:
            # slurm.conf(5), NODE CONFIGURATION: "require restarting or reconfiguring all slurmctld and slurmd daemons".
            found.append(Change(title, before and "present", after and "present", RECONFIGURE))
    return found


def action(written: bool, found: list[Change], running: bool, pending: bool) -> str:
    """none, reconfigure or restart (of slurmctld at least).

    Any new content, were it a comment, is at least reconfigured: then the controller is never older than its file, unless a
    run was cut off in between.
    """
    if pending:
        return "restart"
    if not written:
        return "none"
    if not running or any(change.requirement != RECONFIGURE for change in found):
        return "restart"
    return "reconfigure"


def process_start(stat: str, boot_seconds: float, now: float, ticks: int) -> float:
    """When a process started, in seconds since 1970, from /proc/PID/stat and the seconds since boot (proc(5): field 22)."""
    # The second field is the name in parentheses, which may hold anything.
    fields = stat[stat.rindex(")") + 1 :].split()
    return now - (boot_seconds - int(fields[19]) / ticks)
