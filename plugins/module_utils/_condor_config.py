# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What a change of HTCondor's configuration takes to come into force. Pure; private to this collection."""

from __future__ import annotations

import re

# Read only when a daemon starts. HTCondor's manual (Macros That Will Require a Restart When Changed) names how daemons use the network and find each
# other, resources of slots and what detects them; those marked were seen to need it with 23.9: a changed value was shown after a restart, and
# not after condor_reconfig. Policy, attributes, security levels and DAEMON_LIST come into force with the latter.
RESTART = re.compile(
    r"NETWORK_(INTERFACE|HOSTNAME)"  # seen
    r"|BIND_ALL_INTERFACES|ENABLE_IPV[46]|PRIVATE_NETWORK_(NAME|INTERFACE)|PROCD_ADDRESS"
    r"|USE_SHARED_PORT|SHARED_PORT_PORT"  # seen
    r"|(\w+\.)?CCB_ADDRESS"  # seen
    r"|(CONDOR|COLLECTOR)_HOST|COLLECTOR_PORT|TRUST_DOMAIN"
    r"|NUM_CPUS|MEMORY|DISK|RESERVED_(MEMORY|DISK)|(NUM_SLOTS|SLOT_TYPE)\w*|MACHINE_RESOURCE_\w+"  # seen
    r"|MAX_NUM_CPUS|OFFLINE_MACHINE_RESOURCE_\w+|DOCKER|(MIN|MAX)_TRACKING_GID|BASE_CGROUP"
    r"|LOG|(\w+[._])?MAX_FILE_DESCRIPTORS"  # seen
    r"|EXECUTE|SPOOL|LOCK|RUN"
    r"|FETCHWORKDELAY|PREEMPTION_REQUIREMENTS_STABLE"
    # It is heeded at once, but by those who have a session already only when that is over.
    r"|SEC_TOKEN_REVOCATION_EXPR"
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
