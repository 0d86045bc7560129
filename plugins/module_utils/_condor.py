# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What HTCondor's commands say in JSON, in small stable shapes (tried with 23.9). Private to this collection."""

from __future__ import annotations

import json
import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

Ad = dict[str, t.Any]

SLOT_ATTRIBUTES = (
    "Name Machine State Activity SlotType PartitionableSlot DynamicSlot Cpus TotalSlotCpus TotalSlotMemory Draining DrainReason MyAddress "
    "GlobalJobId JobId RemoteOwner MaxJobRetirementTime RetirementTimeRemaining EnteredCurrentActivity SiteReady SiteNotReadyReason"
).split()
JOB_ATTRIBUTES = "ClusterId ProcId GlobalJobId Owner JobStatus RemoteHost RequestCpus RequestMemory NumJobStarts Cmd JobBatchName HoldReason".split()
COMMANDS = {
    # Not -startd: that gives one ad for the daemon, without its slots (23.9).
    "nodes": ["condor_status", "-json", "-attributes", ",".join(SLOT_ATTRIBUTES)],
    "jobs": ["condor_q", "-global", "-allusers", "-json", "-attributes", ",".join(JOB_ATTRIBUTES)],
}
# HTCondor's manual, "Job ClassAd Attributes": JobStatus.
JOB_STATES = {1: "IDLE", 2: "RUNNING", 3: "REMOVED", 4: "COMPLETED", 5: "HELD", 6: "TRANSFERRING_OUTPUT", 7: "SUSPENDED"}


def ads(text: str) -> list[Ad]:
    """The ClassAds of one answer: nothing at all where there are none, and one list for each schedd of `condor_q -global`."""
    decoder, found, position = json.JSONDecoder(), [], 0
    text = text.strip()
    while position < len(text):
        part, end = decoder.raw_decode(text, position)
        found += part
        position = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def nodes(text: str) -> list[dict[str, t.Any]]:
    """One node for each machine, from the ads of its slots."""
    machines: dict[str, list[Ad]] = {}
    for ad in ads(text):
        machines.setdefault(ad["Machine"], []).append(ad)
    return [_node(name, machines[name]) for name in sorted(machines)]


def _node(name: str, slots: list[Ad]) -> dict[str, t.Any]:
    # What a partitionable slot has given away is in its dynamic slots, and counted once.
    whole = [slot for slot in slots if not slot.get("DynamicSlot")]
    claimed = [slot for slot in slots if slot["State"] in ("Claimed", "Preempting")]
    return {
        "name": name,
        "states": sorted({slot["State"] for slot in slots}),
        "draining": any(slot.get("Draining", False) for slot in slots),
        # The startd says so itself, when nothing is left on any of its slots.
        "drained": all(slot["State"] == "Drained" and slot["Activity"] == "Idle" for slot in slots),
        "reason": next((slot["DrainReason"] for slot in slots if slot.get("DrainReason")), ""),
        "ready": all(slot.get("SiteReady", True) is True for slot in whole),
        "not_ready_reason": next((slot["SiteNotReadyReason"] for slot in whole if slot.get("SiteNotReadyReason")), ""),
        "cpus": sum(slot["TotalSlotCpus"] for slot in whole),
        "real_memory": sum(slot["TotalSlotMemory"] for slot in whole),
        "alloc_cpus": sum(slot["Cpus"] for slot in claimed if not slot.get("PartitionableSlot")),
        "address": whole[0]["MyAddress"] if whole else slots[0]["MyAddress"],
        "jobs": sorted(slot["JobId"] for slot in claimed if "JobId" in slot),
        # How long a job may still run after the beginning of a drain.
        "retirement_time": min((_seconds(slot) for slot in claimed if "JobId" in slot), default=None),
    }


def _seconds(slot: Ad) -> int:
    value = slot.get("RetirementTimeRemaining", slot.get("MaxJobRetirementTime", 0))
    return value if isinstance(value, int) else 0


def job(ad: Ad) -> dict[str, t.Any]:
    host = ad.get("RemoteHost", "")
    return {
        "id": f"{ad['ClusterId']}.{ad['ProcId']}",
        "global_id": ad["GlobalJobId"],
        "schedd": ad["GlobalJobId"].split("#")[0],
        "user": ad["Owner"],
        "state": JOB_STATES.get(ad["JobStatus"], str(ad["JobStatus"])),
        "reason": ad.get("HoldReason", ""),
        "nodes": [host.rpartition("@")[2]] if host else [],
        "name": ad.get("JobBatchName", ad.get("Cmd", "")),
        # An expression that only a match can evaluate is no number yet.
        "cpus": _number(ad.get("RequestCpus")),
        "memory": _number(ad.get("RequestMemory")),
        "starts": ad.get("NumJobStarts", 0),
    }


def _number(value: t.Any) -> int | None:
    return value if isinstance(value, int) else None


def jobs(text: str) -> list[dict[str, t.Any]]:
    return [job(ad) for ad in sorted(ads(text), key=lambda ad: (ad["GlobalJobId"].split("#")[0], ad["ClusterId"], ad["ProcId"]))]


SHAPES: dict[str, t.Callable[[str], list[dict[str, t.Any]]]] = {"nodes": nodes, "jobs": jobs}


def gather(module: AnsibleModule, kind: str) -> list[dict[str, t.Any]]:
    """Ask the pool. No answer is an error, never an empty list."""
    rc, out, err = module.run_command(COMMANDS[kind])
    if rc:
        module.fail_json(msg=f"`{' '.join(COMMANDS[kind][:3])}` failed: {(err or out).strip()}")
    return SHAPES[kind](out)
