# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What has to be done to a site's volumes, and in which order. Pure; private to this collection.

Nothing is remembered between two requests but what was asked in this run: each look at the cloud gives the next step of
each volume, so that a run which was cut off anywhere is taken up by the next.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _data_disk

Volume = dict[str, t.Any]

# Cinder takes orders for a volume in these, and in no other; https://docs.openstack.org/api-ref/block-storage/v3/, "Volumes".
STEADY = ("available", "in-use")
# Somebody has begun something that ends in one of those, or in an error.
BUSY = ("creating", "downloading", "reserved", "attaching", "detaching", "extending", "deleting")
DELETABLE = ("available", "error", "error_restoring", "error_extending", "error_managing")
# Statuses of a server in which no guest runs that could have a file system mounted.
WITHOUT_GUEST = ("SHUTOFF", "SHELVED", "SHELVED_OFFLOADED", "SOFT_DELETED", "DELETED")
# A volume that turned to an error so soon never got as far as to be attached. (One that is reverted to a snapshot may get
# there, too, but Cinder deletes no volume that has a snapshot.)
STILLBORN_SECONDS = 600


class Trouble(Exception):
    """A volume cannot be brought into the state that is asked; the text is for the user."""


class Wanted(t.NamedTuple):
    """One entry of the option `volumes`, or one volume of the site that is to be gone."""

    option: str
    """What messages call it."""
    name: str
    id: str | None = None
    """Only where the user gave it. Else the volume is the one of the site that has the name."""
    size: int | None = None
    type: str | None = None
    server: str | None = None
    """Id of the server it is to be attached to."""
    marks: dict[str, str] | None = None
    """The metadata that make it ours; None for a volume that somebody else made."""
    absent: bool = False


def attachment(volume: Volume) -> dict[str, t.Any] | None:
    return volume["attachments"][0] if volume["attachments"] else None


def attached_to(volume: Volume | None) -> str | None:
    """Id of the server that a volume is attached to."""
    where = attachment(volume) if volume else None
    return where["server_id"] if where else None


def of_site(site: str, volumes: t.Iterable[Volume]) -> list[Volume]:
    return [volume for volume in volumes if _cloud_objects.belongs(volume, site)]


def find(site: str, name: str, volumes: t.Iterable[Volume]) -> Volume | None:
    """The site's volume of this name. Should there be two, the one in use, else the older one that is sound."""
    ours = [volume for volume in of_site(site, volumes) if volume["metadata"].get(_cloud_objects.VOLUME) == name]
    return min(ours, key=lambda volume: (not volume["attachments"], volume["status"] not in STEADY, volume["created_at"], volume["id"]), default=None)


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.datetime.fromisoformat(later) - datetime.datetime.fromisoformat(earlier)).total_seconds()


def is_stillborn(volume: Volume) -> bool:
    """Whether a volume is the rest of a creation that failed: there cannot be data on it."""
    if volume["status"] != "error" or volume["attachments"]:
        return False
    return seconds_between(volume["created_at"], volume["updated_at"] or volume["created_at"]) < STILLBORN_SECONDS


def is_replaceable(wanted: Wanted, volume: Volume) -> bool:
    """Whether a new volume may take the place of what failed. Not if the user meant just this one."""
    return wanted.marks is not None and wanted.id is None and is_stillborn(volume)


def metadata_of(wanted: Wanted, volume: Volume) -> dict[str, str]:
    """What the volume's metadata are to be: our marks as asked, all others as they are."""
    others = {key: value for key, value in volume["metadata"].items() if not key.startswith("elastigrid_")}
    return {**others, **(wanted.marks or {})}


def changes(wanted: Wanted, volume: Volume | None) -> list[str]:
    """What is left to do, in this order: delete, create, mark, extend, detach, attach."""
    if wanted.absent:
        if volume is None:
            return []
        return ["detach", "delete"] if attached_to(volume) else ["delete"]
    attach = ["attach"] if wanted.server else []
    if volume is None:
        return ["create", *attach]
    if is_replaceable(wanted, volume):
        return ["delete", "create", *attach]
    steps = []
    if wanted.marks is not None and metadata_of(wanted, volume) != volume["metadata"]:
        steps.append("mark")
    if wanted.size is not None and wanted.size > volume["size"]:
        steps.append("extend")
    current = attached_to(volume)
    if current and current != wanted.server:
        steps.append("detach")
    return steps + (attach if current != wanted.server else [])


def step(wanted: Wanted, volume: Volume | None, asked: t.Sequence[str] = ()) -> str | None:
    """The next thing to do, "wait", or None when all is as it should be. `asked` is what was asked of the cloud in this run, in that order."""
    left = changes(wanted, volume)
    if volume is None:
        if left and "create" in asked:
            if asked[-1] == "delete":
                raise Trouble("the cloud accepted the request, but could not make the volume")
            return "wait"  # not listed yet
        return left[0] if left else None
    status = volume["status"]
    if status in BUSY:
        return "wait"
    if not left and (status in STEADY or not status.startswith("error")):
        return None
    if status.startswith("error") and left[:1] != ["delete"]:
        raise Trouble(f"its status is {status}, in which it can neither be used nor changed: it is for the operators of the cloud to repair")
    if left[0] == "delete" and status not in DELETABLE:
        if status.startswith("error"):
            raise Trouble(f"its status is {status}, in which it cannot be deleted: it is for the operators of the cloud to repair")
        return "wait"
    if left[0] != "delete" and status not in STEADY:
        return "wait"
    if asked and left[0] == asked[-1]:
        raise Trouble(FAILED[left[0]].format(status=status))
    return left[0]


FAILED = {
    "delete": "the cloud accepted to delete it, but it is still there with the status {status}",
    "mark": "the cloud accepted its metadata, but shows others",
    "extend": "the cloud accepted to extend it, but its size has not changed",
    "detach": "the cloud accepted to detach it, but it is still attached: its guest may not let it go",
    "attach": "the cloud accepted to attach it, but it is {status} again: the hypervisor could not",
}


def describe(change: str, wanted: Wanted, volume: Volume | None, servers: t.Mapping[str, str]) -> str:
    """A change in words."""
    server = servers.get(wanted.server or "", wanted.server)
    former = attached_to(volume)
    return {
        "delete": f"delete {wanted.name}" + (f" ({volume['status']})" if volume and volume["status"].startswith("error") else ""),
        "create": f"create {wanted.name} ({wanted.size} GiB)",
        "mark": f"change the metadata of {wanted.name}",
        "extend": f"extend {wanted.name} from {volume['size'] if volume else 0} to {wanted.size} GiB",
        "detach": f"detach {wanted.name} from {servers.get(former or '', former)}",
        "attach": f"attach {wanted.name} to {server}",
    }[change]


def name_of(volume: Volume) -> str:
    return volume["metadata"].get(_cloud_objects.VOLUME) or volume["name"] or ""


def brief(volume: Volume) -> dict[str, t.Any]:
    """A volume as the user is told of it."""
    return {"id": volume["id"], "name": name_of(volume), "size": volume["size"], "server": attached_to(volume)}


def report(volume: Volume, name: str, servers: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A volume as whoever mounts it needs it."""
    server = attached_to(volume)
    return {
        "id": volume["id"],
        "name": name,
        "size": volume["size"],
        "status": volume["status"],
        "server": server,
        "server_name": servers.get(server) if server else None,
        "serial": _data_disk.serial(volume["id"]),
        "devices": _data_disk.names(volume["id"]),
    }


def state_of(volume: Volume | None, servers: t.Mapping[str, str]) -> dict[str, t.Any]:
    """A volume as a diff shows it."""
    if volume is None:
        return {}
    server = attached_to(volume)
    ours = {key.removeprefix("elastigrid_"): value for key, value in _cloud_objects.marks(volume).items()}
    return {"size": volume["size"], "server": servers.get(server, server) if server else None, **{key: ours[key] for key in sorted(ours)}}


def state_after(wanted: Wanted, volume: Volume | None, servers: t.Mapping[str, str]) -> dict[str, t.Any]:
    """The same once all is done."""
    if wanted.absent:
        return {}
    metadata = metadata_of(wanted, volume or {"metadata": {}})
    attachments = [{"server_id": wanted.server}] if wanted.server else []
    size = max(wanted.size or 0, volume["size"] if volume else 0)
    return state_of({"metadata": metadata, "size": size, "attachments": attachments}, servers)


# --- What the user asks for ---------------------------------------------------------------------------------------------


def twice(entries: list[dict[str, t.Any]], keys: tuple[str, ...]) -> list[str]:
    """An error for each combination of values that several entries have."""
    places: dict[tuple, list[str]] = {}
    for i, entry in enumerate(entries):
        if all(entry[key] for key in keys):
            places.setdefault(tuple(entry[key] for key in keys), []).append(f"volumes[{i}]")
    return [f"{' and '.join(where)} have the same {' and '.join(keys)} ({', '.join(values)})" for values, where in places.items() if len(where) > 1]


def input_errors(site: str, entries: list[dict[str, t.Any]], absent: bool) -> list[str]:
    """What is wrong with the options, whatever there is in the cloud."""
    errors = _cloud_objects.site_errors(site)
    for i, entry in enumerate(entries):
        where = f"volumes[{i}]"
        if not entry["name"] and not entry["id"]:
            errors.append(f"{where} has neither name nor id")
        if len(entry["name"] or "") > 255:
            errors.append(f"{where}.name has {len(entry['name'])} characters, must be at most 255")
        if absent:
            continue
        if entry["size"] is None and not entry["id"]:
            errors.append(f"{where}.size is missing: how many GiB is {entry['name']} to have?")
        if entry["size"] is not None and entry["size"] < 1:
            errors.append(f"{where}.size is {entry['size']}, must be at least 1 (GiB)")
        errors += [f"{where}.mount {fault}" for fault in (_data_disk.path_faults(entry["mount"]) if entry["mount"] else [])]
        if entry["fstype"] and entry["fstype"] not in _data_disk.FSTYPES:
            errors.append(f"{where}.fstype is {entry['fstype']!r}, must be {' or '.join(_data_disk.FSTYPES)}")
    return errors + twice(entries, ("name",)) + twice(entries, ("id",)) + twice(entries, ("server", "mount"))


def all_of(site: str, volumes: list[Volume]) -> list[tuple[Wanted, Volume | None]]:
    """All volumes of a site, as what is to be gone."""
    ours = sorted(of_site(site, volumes), key=name_of)
    return [(Wanted(f"{site}[{i}]", name_of(volume), volume["id"], absent=True), volume) for i, volume in enumerate(ours)]


def resolve(
    site: str, entries: list[dict[str, t.Any]], absent: bool, volumes: list[Volume], servers: list[dict[str, t.Any]], coming: bool = False
) -> tuple[list[tuple[Wanted, Volume | None]], list[str]]:
    """The entries with the volumes that they mean, and what is wrong with them. A server that is not there may be `coming`."""
    found, errors = [], []
    for i, entry in enumerate(entries):
        option = f"volumes[{i}]"
        volume = next((one for one in volumes if one["id"] == entry["id"]), None) if entry["id"] else find(site, entry["name"], volumes)
        if entry["id"] and volume is None and not absent:
            there = _cloud_objects.closest(entry["id"], sorted(one["id"] for one in volumes))
            errors.append(f"{option}.id is {entry['id']}, but there is no such volume in this cloud; {there}")
            continue
        owner = _cloud_objects.marks(volume).get(_cloud_objects.SITE) if volume else site
        if owner not in (None, site):
            errors.append(f"{option}.id is {entry['id']}, which belongs to the site {owner}")
            continue
        name = entry["name"]
        if volume is not None and entry["id"]:
            own = volume["metadata"].get(_cloud_objects.VOLUME) if owner else volume["name"] or volume["id"]
            if name and name != own:
                errors.append(f"{option}.id is {entry['id']}, the volume {own}, but {option}.name is {name}")
            name = own
        server = None
        if entry["server"] and not absent:
            is_there = any(entry["server"] in (one["id"], one["name"]) for one in servers)
            try:
                server = _cloud_objects.choose("server", entry["server"], servers, f"{option}.server")["id"] if is_there or not coming else entry["server"]
            except _cloud_objects.LookupFailure as error:
                errors.append(str(error))
        marks = None
        if owner == site:
            marks = _cloud_objects.metadata(site, volume=name, on_teardown=entry["on_teardown"], mount=entry["mount"], fstype=entry["fstype"])
        wanted = Wanted(option, name or entry["id"], entry["id"], entry["size"], entry["type"], server, marks, absent)
        found.append((wanted, volume))
    return found, errors


def may_delete(volume: Volume, ids: t.Collection[str | None]) -> bool:
    """Whether a volume that is to be absent may be deleted. `ids` are those that the user gave."""
    return volume["id"] in ids or volume["metadata"].get(_cloud_objects.ON_TEARDOWN) == "delete" or is_stillborn(volume)


def conflicts(wanted: Wanted, volume: Volume, servers: t.Mapping[str, str], released: bool) -> list[str]:
    """Why an existing volume cannot become what is wanted. `released`: see `may_detach`."""
    if wanted.absent or is_replaceable(wanted, volume):
        return []
    errors = []
    called = f"{wanted.option}: {wanted.name} ({volume['id']})"
    if len(volume["attachments"]) > 1 or volume.get("multiattach"):
        return [f"{called} is a multi-attach volume, which this module does not manage"]
    if wanted.size is not None and wanted.size < volume["size"]:
        errors.append(f"{called} has {volume['size']} GiB and cannot shrink to {wanted.size} GiB")
    if wanted.marks is None and wanted.size is not None and wanted.size > volume["size"]:
        errors.append(f"{called} has {volume['size']} GiB, not {wanted.size}: it is not one of this site's, so that it is not extended")
    if wanted.type is not None and volume["volume_type"] != wanted.type:
        errors.append(f"{called} is of the type {volume['volume_type']}, not {wanted.type}: the type of a volume is not changed by this module")
    current = attached_to(volume)
    if wanted.server and current not in (None, wanted.server) and not released:
        errors.append(
            f"{called} is attached to the server {servers.get(current, current)}, not to {servers.get(wanted.server, wanted.server)}; "
            "it moves only if `unmounted` has it, or with force"
        )
    return errors


def may_detach(wanted: Wanted, volume: Volume, unmounted: t.Collection[str], force: bool) -> bool:
    """Whether the user says that the guest does not use the volume any more, or takes the consequences."""
    return force or volume["id"] in unmounted or wanted.name in unmounted


def refusal(wanted: Wanted, volume: Volume, server: str, status: str | None) -> str | None:
    """Why a volume is not detached from a server with this status (None: it is gone)."""
    if status is None or status in WITHOUT_GUEST:
        return None
    return (
        f"{wanted.option}: {wanted.name} ({volume['id']}) is attached to the server {server} ({status}), whose guest may have it mounted: "
        "run elastigrid.site.data_disk with state: absent there and name the volume in `unmounted`, or shut the server off, or use force"
    )


def over_quota(refused: list[Wanted], volumes: t.Mapping[str, Volume | None], limits: t.Mapping[str, t.Any]) -> str:
    """What would be needed, and what the project has, when Cinder refused these for its quota. `volumes` by the entry's name."""
    there = {wanted.option: volume for wanted in refused if (volume := volumes[wanted.option])}
    new = [wanted for wanted in refused if wanted.option not in there]
    gigabytes = sum(wanted.size or 0 for wanted in refused) - sum(volume["size"] for volume in there.values())
    return (
        f"the quota of the project does not allow {', '.join(wanted.name for wanted in refused)}: "
        f"{len(new)} more volumes with {gigabytes} more GiB are asked, "
        f"{limits['totalVolumesUsed']} of {limits['maxTotalVolumes']} volumes and "
        f"{limits['totalGigabytesUsed']} of {limits['maxTotalVolumeGigabytes']} GiB are used"
    )
