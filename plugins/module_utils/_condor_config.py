# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What a change of HTCondor's configuration takes to come into force. Pure; private to this collection."""

from __future__ import annotations

import re

# HTCondor's manual: these are read only when a daemon starts.
RESTART = re.compile(
    r"DAEMON_LIST|NETWORK_INTERFACE|PRIVATE_NETWORK_NAME|(\w+\.)?CCB_ADDRESS|USE_SHARED_PORT|SHARED_PORT_PORT|COLLECTOR_PORT|CONDOR_HOST|COLLECTOR_HOST"
    r"|ENABLE_IPV[46]|TRUST_DOMAIN|NUM_CPUS|MEMORY|DISK|RESERVED_(MEMORY|DISK)|(NUM_SLOTS|SLOT_TYPE)\w*|MACHINE_RESOURCE_\w+|EXECUTE|SPOOL|LOG|LOCK|RUN"
    r"|BASE_CGROUP|(\w+[._])?MAX_FILE_DESCRIPTORS"
)
# Of the process, not of the configuration, or drawn at random: they differ from one call to the next.
_OF_THE_CALL = {"PID", "PPID", "CONFIG_ROOT", "LOCAL_CONFIG_DIR", "LOCAL_CONFIG_FILE", "RANDOM_INTEGER", "PERIODIC_CHECKPOINT"}
_LINE = re.compile(r"(?P<name>[A-Za-z_][\w.]*) = ?(?P<value>.*)")


def parse(dump: str) -> dict[str, str]:
    """The settings in the output of `condor_config_val -dump -expand`, by upper-case name."""
    found = (_LINE.fullmatch(line) for line in dump.splitlines())
    return {match["name"].upper(): match["value"].strip() for match in found if match and match["name"].upper() not in _OF_THE_CALL}


def directories(main: str) -> list[str]:
    """Where further files of the configuration are, in the order in which they are read."""
    found = re.findall(r"^\s*LOCAL_CONFIG_DIR\s*=(.*)$", main, re.MULTILINE | re.IGNORECASE)
    return [part for part in re.split(r"[\s,]+", found[-1]) if part] if found else []


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def action(changed: list[str]) -> str:
    """none, reconfig or restart."""
    if any(RESTART.fullmatch(name) for name in changed):
        return "restart"
    return "reconfig" if changed else "none"
