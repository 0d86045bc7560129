#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: condor_pool_info
short_description: Reads machines and jobs of a running HTCondor pool
version_added: 0.1.0
description:
  - Asks the collector for machines and all schedds for jobs, in small shapes that stay the same between versions of HTCondor.
  - If the collector or a schedd does not answer, that is an error, never an empty list.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
options:
  gather:
    description: What is read.
    type: list
    elements: str
    choices: [nodes, jobs]
    default: [nodes, jobs]
"""

EXAMPLES = r"""
- name: The machines of the pool are known
  elastigrid.site.condor_pool_info:
    gather: [nodes]
  register: condor
"""

RETURN = r"""
nodes:
  description: The machines by name, each with what its slots have together.
  type: list
  elements: dict
  returned: when asked for
  contains:
    name:
      description: The machine's full name.
      type: str
    states:
      description: The states of its slots as HTCondor names them.
      type: list
      elements: str
      sample: [Claimed, Unclaimed]
    draining:
      description: Whether it is being drained.
      type: bool
    drained:
      description: Whether it is drained to the end, so that it has no job.
      type: bool
    reason:
      description: Why it is drained, else empty.
      type: str
    ready:
      description: Whether its own check (SiteReady of the role condor_startd) says that it can run jobs; true where there is no such check.
      type: bool
    not_ready_reason:
      description: What that check lacks, else empty.
      type: str
    cpus:
      description: How many CPUs its slots have.
      type: int
    real_memory:
      description: How much memory its slots have, in MiB.
      type: int
    alloc_cpus:
      description: How many CPUs are claimed by jobs.
      type: int
    address:
      description: The address of its startd in HTCondor's own form.
      type: str
    jobs:
      description: Ids of the jobs that are on it. Two schedds may have jobs of the same id.
      type: list
      elements: str
    retirement_time:
      description: For how many seconds a drain lets the jobs that are on it go on, at least; null if there are none.
      type: int
jobs:
  description: The jobs in the queues of all schedds.
  type: list
  elements: dict
  returned: when asked for
  contains:
    id:
      description: The job's id in its schedd.
      type: str
      sample: "12.0"
    global_id:
      description: The job's id in the pool.
      type: str
    schedd:
      description: The name of its schedd.
      type: str
    user:
      description: Its user.
      type: str
    state:
      description: Its state as HTCondor names it.
      type: str
      sample: RUNNING
    reason:
      description: Why it is held, else empty.
      type: str
    nodes:
      description: The machine it is on, if any.
      type: list
      elements: str
    name:
      description: The name of its batch, else its program.
      type: str
    cpus:
      description: How many CPUs it asks for, null if that is an expression.
      type: int
    memory:
      description: How much memory it asks for in MiB, null if that is an expression.
      type: int
    starts:
      description: How often it has been started.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _condor


def main() -> None:
    kinds = list(_condor.COMMANDS)
    module = AnsibleModule(
        argument_spec={"gather": {"type": "list", "elements": "str", "choices": kinds, "default": kinds}},
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **{kind: _condor.gather(module, kind) for kind in module.params["gather"]})


if __name__ == "__main__":
    main()
