#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_drain
short_description: Drains, resumes and deletes Slurm nodes without losing a job
version_added: 0.1.0
description:
  - Takes nodes out of service, gives them back, or deletes dynamic nodes, from the controller's side.
  - No job is ever ended. A node that still has one after O(wait) is an error that names the jobs, and the node stays drained.
  - C(slurmd) on a node should be stopped before the node is deleted, or it registers again.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: It does not wait. That jobs would end within O(wait) is taken for granted.
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  nodes:
    description: Names of nodes, without ranges.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(drained), no new job starts there. A node that is drained already stays as it is, whatever its reason.
      - V(resumed), a node that was drained with O(reason) takes jobs again. One that was drained for any other reason is left alone, unless O(force).
      - V(absent), the node is drained and, once it has no job, deleted. Only a dynamic node can be. A node unknown to Slurm is absent.
      - Except for V(absent), a node unknown to Slurm is an error.
    type: str
    choices: [drained, resumed, absent]
    default: drained
  reason:
    description: The reason given to Slurm, by which our own drain is known again.
    type: str
    default: 'elastigrid.site: removal'
  wait:
    description:
      - How many seconds to wait until the last job has left the nodes, with O(state=drained) and O(state=absent).
      - V(0) does not wait. Then jobs on a node to be deleted are an error at once, and jobs on a drained node none.
    type: int
    default: 0
  force:
    description: Whether to resume a node that somebody else drained.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The worker takes no more jobs, and has none left
  elastigrid.site.slurm_drain:
    nodes: [wn3.grid.test]
    wait: 86400

- name: The worker is no longer registered
  elastigrid.site.slurm_drain:
    nodes: [wn3.grid.test]
    state: absent
"""

RETURN = r"""
drained:
  description: The nodes that were drained.
  type: list
  elements: str
  returned: always
resumed:
  description: The nodes that were resumed.
  type: list
  elements: str
  returned: always
deleted:
  description: The nodes that were deleted.
  type: list
  elements: str
  returned: always
kept:
  description: The nodes that stay drained because somebody else drained them, with the reason.
  type: dict
  returned: always
jobs:
  description: Ids of the jobs that were waited for, or that are left, with O(wait=0).
  type: list
  elements: int
  returned: always
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _slurm, _slurm_drain

POLL_SECONDS = 2


def scontrol(module: AnsibleModule, *arguments: str) -> None:
    rc, out, err = module.run_command(["scontrol", *arguments])
    if rc:
        module.fail_json(msg=f"`scontrol {' '.join(arguments)}` failed: {(err or out).strip()}")


def wait_for_jobs(module: AnsibleModule, names: list[str], seconds: int, seen: set[int]) -> list[dict]:
    """The jobs that are left on the nodes after the given time, as soon as there is none."""
    deadline = time.monotonic() + seconds
    while True:
        jobs = _slurm_drain.jobs_on(names, _slurm.gather(module, "jobs"))
        seen.update(job["id"] for job in jobs)
        left = deadline - time.monotonic()
        if not jobs or left <= 0:
            return jobs
        time.sleep(min(POLL_SECONDS, left))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "resumed", "absent"], "default": "drained"},
            "reason": {"type": "str", "default": "elastigrid.site: removal"},
            "wait": {"type": "int", "default": 0},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    names, state, reason, wait, force = (module.params[key] for key in ("nodes", "state", "reason", "wait", "force"))
    if wait < 0:
        module.fail_json(msg=f"wait is {wait}, but must be 0 or more seconds")
    if not reason.strip():
        module.fail_json(msg="reason is empty, but Slurm drains no node without one")
    nodes = {node["name"]: node for node in _slurm.gather(module, "nodes")}
    errors = _slurm_drain.errors(names, state, nodes)
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")

    plan = _slurm_drain.plan(names, state, reason, force, nodes)
    after = {**{name: "drained" for name in plan.drain}, **{name: "resumed" for name in plan.resume}, **{name: "absent" for name in plan.delete}}
    result = {
        "changed": bool(after),
        "drained": plan.drain,
        "resumed": plan.resume,
        "deleted": plan.delete,
        "kept": plan.kept,
        "jobs": [],
        "diff": {"before": {name: "+".join(nodes[name]["states"]) for name in after}, "after": after},
    }
    if not module.check_mode:
        if plan.drain:
            scontrol(module, "update", f"nodename={','.join(plan.drain)}", "state=drain", f"reason={reason}")
        if plan.resume:
            scontrol(module, "update", f"nodename={','.join(plan.resume)}", "state=resume")
    if state != "resumed":
        there = [name for name in names if name in nodes]
        seen: set[int] = set()
        # Read after the drain, so that no job can come to it any more.
        jobs = wait_for_jobs(module, there, 0 if module.check_mode else wait, seen)
        result["jobs"] = sorted(seen)
        if jobs and (state == "absent" or wait) and not (module.check_mode and wait):
            result.update(changed=bool(plan.drain), deleted=[])
            module.fail_json(msg=f"After {wait} s there are jobs on the nodes, which stay drained: {_slurm_drain.describe(jobs)}", **result)
    if plan.delete and not module.check_mode:
        deleted = ",".join(plan.delete)
        scontrol(module, "update", f"nodename={deleted}", "state=down", f"reason={reason}")
        scontrol(module, "delete", f"nodename={deleted}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
