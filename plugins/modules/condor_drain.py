#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: condor_drain
short_description: Drains, gives back and stops HTCondor workers without losing a job
version_added: 0.1.0
description:
  - Takes machines of an HTCondor pool out of service, or gives them back, from the manager's side.
  - No job is ever ended by it. A machine whose policy would end its jobs early is an error, as is one that still has a job after O(wait);
    the latter stays drained.
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
    description: Full names of machines.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(drained), no new job starts there. A machine that is drained already stays as it is, whatever its reason.
      - V(resumed), a machine that was drained with O(reason) takes jobs again, and the jobs that are left go on. One that was drained for any
        other reason is left alone, unless O(force).
      - V(absent), the machine is drained and, once it has no job, its startd is stopped. A machine unknown to the pool is absent.
      - Except for V(absent), a machine unknown to the pool is an error.
    type: str
    choices: [drained, resumed, absent]
    default: drained
  reason:
    description: The reason given to HTCondor, by which our own drain is known again.
    type: str
    default: 'elastigrid.site: removal'
  wait:
    description:
      - How many seconds to wait until the last job has left the machines, with O(state=drained) and O(state=absent).
      - V(0) does not wait. Then jobs on a machine to be stopped are an error at once, and jobs on a drained machine none.
    type: int
    default: 0
  retirement:
    description:
      - For how many seconds a drain must let the jobs go on that are on a machine now, by its MAXJOBRETIREMENTTIME. Less is an error.
    type: int
    default: 86400
  force:
    description: Whether to give a machine back that somebody else drained.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The worker takes no more jobs, and has none left
  elastigrid.site.condor_drain:
    nodes: [wn3.grid.test]
    wait: 86400

- name: There is work again, the worker goes on
  elastigrid.site.condor_drain:
    nodes: [wn3.grid.test]
    state: resumed
"""

RETURN = r"""
drained:
  description: The machines that were drained.
  type: list
  elements: str
  returned: always
resumed:
  description: The machines that were given back.
  type: list
  elements: str
  returned: always
stopped:
  description: The machines whose startd was stopped.
  type: list
  elements: str
  returned: always
kept:
  description: The machines that stay drained because somebody else drained them, with the reason.
  type: dict
  returned: always
jobs:
  description: Ids of the jobs that were waited for, or that are left, with O(wait=0).
  type: list
  elements: str
  returned: always
"""

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _condor, _condor_drain

POLL_SECONDS = 2
# A startd tells the collector of a drain, and of its end, a moment later.
SETTLE_SECONDS = 60


def read(module: AnsibleModule) -> dict[str, dict]:
    return {node["name"]: node for node in _condor.gather(module, "nodes")}


def condor(module: AnsibleModule, *command: str) -> None:
    rc, out, err = module.run_command(list(command))
    if rc:
        module.fail_json(msg=f"`{' '.join(command)}` failed: {(err or out).strip()}")


def wait_until_known(module: AnsibleModule, plan: _condor_drain.Plan) -> None:
    """The collector says of all machines what was just done to them: who asks next would be told the past."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while late := _condor_drain.unsettled(plan, read(module)):
        if time.monotonic() > deadline:
            module.fail_json(msg=f"After {SETTLE_SECONDS} s the collector still does not say that {', '.join(late)} has been drained or given back")
        time.sleep(POLL_SECONDS / 4)


def wait_until_drained(module: AnsibleModule, names: list[str], seconds: int, seen: set[str]) -> dict[str, list[str]]:
    """The machines that are not drained after the given time, with their jobs, as soon as there is none."""
    deadline = time.monotonic() + seconds
    while True:
        busy = _condor_drain.left(names, read(module))
        seen.update(job for jobs in busy.values() for job in jobs)
        left = deadline - time.monotonic()
        if not busy or left <= 0:
            return busy
        time.sleep(min(POLL_SECONDS, left))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "resumed", "absent"], "default": "drained"},
            "reason": {"type": "str", "default": "elastigrid.site: removal"},
            "wait": {"type": "int", "default": 0},
            "retirement": {"type": "int", "default": 86400},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    names, state, reason, wait, retirement, force = (module.params[key] for key in ("nodes", "state", "reason", "wait", "retirement", "force"))
    for key in ("wait", "retirement"):
        if module.params[key] < 0:
            module.fail_json(msg=f"{key} is {module.params[key]}, but must be 0 or more seconds")
    if not reason.strip():
        module.fail_json(msg="reason is empty, but a drain is known again by it")
    nodes = read(module)
    errors = _condor_drain.errors(names, state, nodes, retirement)
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")

    plan = _condor_drain.plan(names, state, reason, force, nodes)
    after = {**dict.fromkeys(plan.drain, "drained"), **dict.fromkeys(plan.resume, "resumed"), **dict.fromkeys(plan.stop, "absent")}
    result = {
        "changed": bool(after),
        "drained": plan.drain,
        "resumed": plan.resume,
        "stopped": plan.stop,
        "kept": plan.kept,
        "jobs": [],
        "diff": {"before": {name: "+".join(nodes[name]["states"]) for name in after}, "after": after},
    }
    if not module.check_mode:
        for name in plan.drain:
            condor(module, "condor_drain", "-graceful", "-reason", reason, name)
        for name in plan.resume:
            condor(module, "condor_drain", "-cancel", name)
        wait_until_known(module, plan)
    if state != "resumed":
        there = [name for name in names if name in nodes]
        seen: set[str] = set()
        busy = wait_until_drained(module, there, 0 if module.check_mode else wait, seen)
        result["jobs"] = sorted(seen)
        if module.check_mode:
            # Of a machine that would be drained only now, its jobs say whether it would be free.
            busy = {name: jobs for name, jobs in busy.items() if jobs}
        if busy and (state == "absent" or wait) and not (module.check_mode and wait):
            result.update(changed=bool(plan.drain), stopped=[])
            module.fail_json(msg=f"After {wait} s these machines are not free, and stay drained: {_condor_drain.describe(busy)}", **result)
    if not module.check_mode:
        for name in plan.stop:
            condor(module, "condor_off", "-daemon", "startd", "-name", name)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
