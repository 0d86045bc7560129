#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: volume
short_description: Creates, extends, attaches, detaches and deletes the Cinder volumes of a site
version_added: 0.1.0
description:
  - Ensures a list of block storage volumes, all at once. When nothing is to be done that takes one request to Cinder (two, where a type is given by its id)
    and at most one to Nova, however many volumes there are, up to 1,000 in the project.
  - A volume is known as the site's by metadata that it gets in the request that creates it, never by its name. One that somebody else made is named
    by its id. It is attached and detached, but not extended or marked, and deleted only if its id is given with O(state=absent).
  - Each step is decided by what the cloud says at that moment. A run that was cut off at any point is completed by the next.
  - What does not work for one volume does not keep the others from being made. All errors are told at the end.
  - Nothing is formatted or mounted here. That is done on the server by M(elastigrid.site.data_disk).
  - A volume never shrinks and never changes its type. Multi-attach volumes are refused.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - elastigrid.site.openstack
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: A server that is not there is taken for one that another task is to make, and named in a warning.
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  site:
    description: Name of the site that the volumes belong to.
    type: str
    required: true
  volumes:
    description:
      - The volumes. Those of the site that are not in the list are only reported, in RV(surplus).
      - May be left out only with O(state=absent), where all volumes of the site are meant then.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the volume, unique in the site. May be left out if O(volumes[].id) is given.
        type: str
      id:
        description: Id of a volume that exists already.
        type: str
      size:
        description: Size in GiB, required unless O(volumes[].id) is given. A smaller volume is extended, also while it is in use.
        type: int
      type:
        description: Name or id of the volume type. By default that of the cloud, and for a volume that exists the one it has.
        type: str
      server:
        description: Name or id of the server that the volume is attached to. Without it the volume is detached.
        type: str
      mount:
        description: Mount point on the server. It is kept with the volume, and the inventory plugin gives it to the host.
        type: str
      fstype:
        description: Type of the file system on it, V(ext4) or V(xfs), kept in the same way.
        type: str
      on_teardown:
        description:
          - What O(state=absent) does with the volume. It is kept with the volume, and what the volume says is what counts.
          - So, a volume that is to be deleted must have been marked V(delete) in a run with O(state=present) before, or be named by its id.
        type: str
        choices: [keep, delete]
        default: keep
  state:
    description:
      - V(present), the volumes are there, as large as asked, and attached where asked.
      - V(absent), those that are marked with O(volumes[].on_teardown=delete) or named by O(volumes[].id) are detached and deleted. The others stay as
        they are and are returned in RV(kept).
    type: str
    choices: [present, absent]
    default: present
  unmounted:
    description:
      - Names or ids of volumes that no guest has mounted any more, as RV(elastigrid.site.data_disk#module:unmounted) tells for a host.
      - A volume is detached if it is listed here, or if its server is shut off, shelved or gone, and otherwise refused, since nothing but the guest knows.
      - One that is attached to another server than asked moves only if it is listed here.
    type: list
    elements: str
    default: []
  force:
    description: Whether volumes are detached though a guest may still write to them. What it had not written yet is lost.
    type: bool
    default: false
  timeout:
    description: How many seconds the cloud may take for each step of a volume.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: The storage server has its volumes
  elastigrid.site.volume:
    cloud: mycloud
    site: grid
    volumes:
      - {name: shared, size: 500, server: grid-nfs-1, mount: /srv/shared, fstype: xfs}
      - {name: scratch, size: 100, type: fast, server: grid-nfs-1, mount: /srv/scratch, on_teardown: delete}

- name: A volume that was made by hand is attached
  elastigrid.site.volume:
    cloud: mycloud
    site: grid
    volumes:
      - {id: 6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11, server: grid-nfs-1}

- name: What may be deleted is deleted
  elastigrid.site.volume:
    cloud: mycloud
    site: grid
    state: absent
  register: result

- name: The volumes that are left are told
  ansible.builtin.debug:
    var: result.kept
"""

RETURN = r"""
volumes:
  description:
    - The volumes of the list that exist, as they are at the end, without those in RV(kept).
    - With the keys C(id), C(name), C(size) (GiB), C(status), C(server) (its id, or null), C(server_name), C(serial) (what a guest sees as the serial of the
      disk, the first 20 characters of the id) and C(devices) (names that a guest may give it; nothing else is reliable, in particular not C(/dev/vdb)).
  type: list
  elements: dict
  returned: always
changes:
  description: What was done, or would be in check mode, in words.
  type: list
  elements: str
  returned: always
kept:
  description: With O(state=absent), the volumes that were not deleted, with C(id), C(name), C(size) and the id of the C(server).
  type: list
  elements: dict
  returned: always
surplus:
  description: Volumes that carry the site's mark and are not in the list, in the same form. With O(state=present) only.
  type: list
  elements: dict
  returned: always
"""

import collections
import concurrent.futures
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _cloud_objects, _openstack, _volume

CINDER = "block-storage"
# Requests at a time.
CONCURRENCY = 8
# The longest pause between two looks at all volumes.
POLL_SECONDS = 3
Found = tuple[_volume.Wanted, t.Optional[_volume.Volume]]
SUBOPTIONS = {
    "name": {"type": "str"},
    "id": {"type": "str"},
    "size": {"type": "int"},
    "type": {"type": "str"},
    "server": {"type": "str"},
    "mount": {"type": "str"},
    "fstype": {"type": "str"},
    "on_teardown": {"type": "str", "choices": ["keep", "delete"], "default": "keep"},
}


class Volumes:
    """The volumes of one project, and the requests that change them."""

    def __init__(self, cloud: _openstack.Cloud, site: str) -> None:
        self.cloud = cloud
        self.site = site
        self.list: list[_volume.Volume] = []
        self.read()

    def read(self) -> None:
        self.list = self.cloud.listing(CINDER, "/volumes/detail", "volumes")

    def of(self, wanted: _volume.Wanted) -> _volume.Volume | None:
        if wanted.id:
            return next((volume for volume in self.list if volume["id"] == wanted.id), None)
        return _volume.find(self.site, wanted.name, self.list)

    def create(self, wanted: _volume.Wanted, volume: None) -> None:
        body = {"name": wanted.name, "size": wanted.size, "metadata": wanted.marks}
        if wanted.type:
            body["volume_type"] = wanted.type
        before = {volume["id"] for volume in self.list}

        def find() -> dict[str, t.Any] | None:
            new = [volume for volume in self.cloud.listing(CINDER, "/volumes/detail", "volumes") if volume["id"] not in before]
            found = _volume.find(self.site, wanted.name, new)
            return {"volume": found} if found else None

        self.cloud.create(CINDER, "/volumes", {"volume": body}, find)

    def mark(self, wanted: _volume.Wanted, volume: _volume.Volume) -> None:
        self.cloud.put(CINDER, f"/volumes/{volume['id']}/metadata", {"metadata": _volume.metadata_of(wanted, volume)})

    def extend(self, wanted: _volume.Wanted, volume: _volume.Volume) -> None:
        def find() -> dict[str, t.Any] | None:
            now = self.cloud.get(CINDER, f"/volumes/{volume['id']}")["volume"]
            return now if now["size"] > volume["size"] or now["status"] != volume["status"] else None

        self.cloud.create(CINDER, f"/volumes/{volume['id']}/action", {"os-extend": {"new_size": wanted.size}}, find)

    def attach(self, wanted: _volume.Wanted, volume: _volume.Volume) -> None:
        path = f"/servers/{wanted.server}/os-volume_attachments"

        def find() -> dict[str, t.Any] | None:
            attached = self.cloud.get("compute", path)["volumeAttachments"]
            return next((one for one in attached if one["volumeId"] == volume["id"]), None)

        self.cloud.create("compute", path, {"volumeAttachment": {"volumeId": volume["id"]}}, find)

    def detach(self, wanted: _volume.Wanted, volume: _volume.Volume) -> None:
        where = _volume.attachment(volume)
        if not self.cloud.delete("compute", f"/servers/{where['server_id']}/os-volume_attachments/{volume['id']}"):
            # Nova does not know of it, as after a server that it could not delete well. Cinder asks Nova before it agrees.
            self.cloud.delete(CINDER, f"/attachments/{where['attachment_id']}")

    def delete(self, wanted: _volume.Wanted, volume: _volume.Volume) -> None:
        self.cloud.delete(CINDER, f"/volumes/{volume['id']}")

    def reason(self, volume_id: str) -> str:
        """What Cinder tells the user about a volume that failed."""
        messages = self.cloud.get(CINDER, "/messages", resource_uuid=volume_id)["messages"]
        return "; ".join(sorted({message["user_message"] for message in messages}))


class Run:
    """Brings all volumes forward at the same time, until each is as wanted or has failed."""

    def __init__(self, volumes: Volumes, released: set[str], timeout: int) -> None:
        """`released` are the entries whose volumes may be detached."""
        self.volumes = volumes
        self.released = released
        self.timeout = timeout
        self.asked: dict[str, list[str]] = collections.defaultdict(list)
        self.refused: dict[str, str] = {}
        self.reasons: dict[str, str] = {}
        self.since: dict[str, tuple[str, float]] = {}
        self.over_quota: list[_volume.Wanted] = []
        self.errors: dict[str, str] = {}

    def go(self, entries: list[_volume.Wanted]) -> None:
        pauses = _openstack.pauses()
        while steps := [(wanted, step) for wanted in entries if (step := self.step(wanted))]:
            if any(step != "wait" for wanted, step in steps):
                # What was asked just now is soon done, as a rule.
                pauses = _openstack.pauses()
                with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as pool:
                    list(pool.map(self.perform, *zip(*steps)))
            time.sleep(min(next(pauses), POLL_SECONDS))
            self.volumes.read()

    def step(self, wanted: _volume.Wanted) -> str | None:
        """What is to be done now; None when there is nothing left, or it has failed."""
        volume, asked = self.volumes.of(wanted), self.asked[wanted.option]
        if wanted.option in self.errors:
            return None
        if volume and "create" in asked and _volume.is_stillborn(volume):
            self.reasons[wanted.option] = f"the cloud could not make it: {self.volumes.reason(volume['id'])}"
        # An order that was refused, but is obeyed, had been given before its answer was lost.
        refused = self.refused.pop(wanted.option, None)
        try:
            step = _volume.step(wanted, volume, asked)
        except _volume.Trouble as error:
            return self.fail(wanted, volume, refused or self.reasons.get(wanted.option) or str(error))
        if step == "detach" and wanted.option not in self.released:
            return self.fail(wanted, volume, f"meanwhile it was attached to the server {_volume.attached_to(volume)}")
        if step != "wait":
            self.since.pop(wanted.option, None)
            return step
        status = volume["status"] if volume else "not there yet"
        what, began = self.since.setdefault(wanted.option, (status, time.monotonic()))
        if what != status:
            del self.since[wanted.option]
        elif time.monotonic() - began > self.timeout:
            return self.fail(wanted, volume, f"waited {self.timeout} s, but it is still {status}")
        return step

    def perform(self, wanted: _volume.Wanted, change: str) -> None:
        if change == "wait":
            return
        volume = self.volumes.of(wanted)
        self.asked[wanted.option].append(change)
        try:
            getattr(self.volumes, change)(wanted, volume)
        except _openstack.ApiError as error:
            self.refused[wanted.option] = str(error)
            if error.is_quota:
                self.over_quota.append(wanted)
            if error.is_quota or change == "create":
                self.fail(wanted, volume, str(error))
        except _openstack.CloudError as error:
            self.fail(wanted, volume, str(error))

    def fail(self, wanted: _volume.Wanted, volume: _volume.Volume | None, text: str) -> None:
        called = f"{wanted.name} ({volume['id']})" if volume else wanted.name
        self.errors[wanted.option] = f"{wanted.option}: {called}: {text}"


class Plan:
    """What is to be done to which volumes, and what forbids it."""

    def __init__(self, params: dict[str, t.Any], volumes: Volumes, is_check: bool) -> None:
        cloud, site = volumes.cloud, params["site"]
        absent = params["state"] == "absent"
        entries = params["volumes"] or []
        servers: list[dict[str, t.Any]] = []
        ids = {entry["id"] for entry in entries}
        if any(entry["server"] for entry in entries) or any(
            volume["attachments"] for volume in volumes.list if volume["id"] in ids or _cloud_objects.belongs(volume, site)
        ):
            servers = cloud.listing("compute", "/servers", "servers")
        self.servers = {server["id"]: server["name"] for server in servers}
        found, self.errors = _volume.resolve(site, entries, absent, volumes.list, servers, is_check)
        found = _volume.all_of(site, volumes.list) if params["volumes"] is None else self.with_types(found, cloud)
        self.kept = [volume for wanted, volume in found if absent and volume and not _volume.may_delete(volume, ids)]
        self.found = [(wanted, volume) for wanted, volume in found if volume not in self.kept]
        listed = {volume["id"] for wanted, volume in found if volume}
        self.surplus = [] if absent else [volume for volume in _volume.of_site(site, volumes.list) if volume["id"] not in listed]
        self.released: set[str] = set()
        for wanted, volume in self.found:
            if volume:
                self.judge(wanted, volume, params["unmounted"], params["force"], cloud)
        self.changes = [(change, wanted, volume) for wanted, volume in self.found for change in _volume.changes(wanted, volume)]

    def with_types(self, found: list[Found], cloud: _openstack.Cloud) -> list[Found]:
        """The same with the names of types instead of their ids. They are asked for only if a type is not that of its volume."""
        if all(wanted.absent or wanted.type in (None, volume and volume["volume_type"]) for wanted, volume in found):
            return found
        types, named = cloud.listing(CINDER, "/types", "volume_types"), []
        for wanted, volume in found:
            try:
                kind = _cloud_objects.choose("volume type", wanted.type, types, f"{wanted.option}.type")["name"] if wanted.type else None
                named.append((wanted._replace(type=kind), volume))
            except _cloud_objects.LookupFailure as error:
                self.errors.append(str(error))
        return named

    def judge(self, wanted: _volume.Wanted, volume: _volume.Volume, unmounted: list[str], force: bool, cloud: _openstack.Cloud) -> None:
        released = _volume.may_detach(wanted, volume, unmounted, force)
        changes = _volume.changes(wanted, volume)
        errors = _volume.conflicts(wanted, volume, self.servers, released)
        server = _volume.attached_to(volume)
        if not errors and not released and "detach" in changes:
            try:
                status = cloud.get("compute", f"/servers/{server}")["server"]["status"]
            except _openstack.ApiError as error:
                if error.status != 404:
                    raise
                status = None
            refusal = _volume.refusal(wanted, volume, self.servers.get(server, server), status)
            errors += [refusal] if refusal else []
        if not errors:
            try:
                _volume.step(wanted, volume)
            except _volume.Trouble as error:
                errors.append(f"{wanted.option}: {wanted.name} ({volume['id']}): {error}")
        if released or "detach" in changes:
            self.released.add(wanted.option)
        self.errors += errors


def main() -> None:
    module = AnsibleModule(
        argument_spec=_openstack.argument_spec(
            site={"type": "str", "required": True},
            volumes={"type": "list", "elements": "dict", "options": SUBOPTIONS},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            unmounted={"type": "list", "elements": "str", "default": []},
            force={"type": "bool", "default": False},
            timeout={"type": "int", "default": 300},
        ),
        required_if=[("state", "present", ["volumes"])],
        supports_check_mode=True,
    )
    params = module.params
    errors = _volume.input_errors(params["site"], params["volumes"] or [], params["state"] == "absent")
    if params["timeout"] < 1:
        errors.append(f"timeout is {params['timeout']}, must be at least 1 second")
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")
    cloud = _openstack.connect(module)
    result: dict[str, t.Any] = {"changed": False}
    try:
        volumes = Volumes(cloud, params["site"])
        plan = Plan(params, volumes, module.check_mode)
        if plan.errors:
            module.fail_json(msg=f"Nothing was done: {'; '.join(plan.errors)}")
        for server in sorted({wanted.server for wanted, volume in plan.found if wanted.server} - plan.servers.keys()):
            module.warn(f"There is no server {server} yet")
        result = {
            "changed": bool(plan.changes),
            "changes": [_volume.describe(change, wanted, volume, plan.servers) for change, wanted, volume in plan.changes],
            "volumes": [_volume.report(volume, wanted.name, plan.servers) for wanted, volume in plan.found if volume],
            "kept": [_volume.brief(volume) for volume in sorted(plan.kept, key=_volume.name_of)],
            "surplus": [_volume.brief(volume) for volume in sorted(plan.surplus, key=_volume.name_of)],
            "diff": {
                "before": {wanted.name: _volume.state_of(volume, plan.servers) for wanted, volume in plan.found if volume},
                "after": {wanted.name: _volume.state_after(wanted, volume, plan.servers) for wanted, volume in plan.found if not wanted.absent},
            },
        }
        run = Run(volumes, plan.released, params["timeout"])
        if not module.check_mode:
            run.go([wanted for wanted, volume in plan.found])
        now = [(wanted, volumes.of(wanted)) for wanted, volume in plan.found]
        result["volumes"] = [_volume.report(volume, wanted.name, plan.servers) for wanted, volume in now if volume]
        if run.over_quota:
            limits = cloud.get(CINDER, "/limits")["limits"]["absolute"]
            run.errors["quota"] = _volume.over_quota(run.over_quota, dict((wanted.option, volume) for wanted, volume in now), limits)
        if run.errors:
            module.fail_json(msg="; ".join(run.errors.values()), **result)
    except _openstack.CloudError as error:
        module.fail_json(msg=str(error), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
