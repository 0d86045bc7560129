#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_info
short_description: Reads nodes, jobs and partitions of a running Slurm cluster
version_added: 0.1.0
description:
  - Asks the controller for nodes, jobs and partitions, in small shapes that stay the same between versions of Slurm.
  - If the controller does not answer, that is an error, never an empty list.
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
    choices: [nodes, jobs, partitions]
    default: [nodes, jobs, partitions]
"""

EXAMPLES = r"""
- name: The registered nodes are known
  elastigrid.site.slurm_info:
    gather: [nodes]
  register: slurm
"""

RETURN = r"""
nodes:
  description: The nodes by name, dynamic ones too.
  type: list
  elements: dict
  returned: when asked for
  contains:
    name:
      description: The node's name.
      type: str
    states:
      description: Its state and flags as Slurm names them.
      type: list
      elements: str
      sample: [IDLE, DRAIN, DYNAMIC_NORM]
    reason:
      description: Why it is drained or down, else empty.
      type: str
    features:
      description: Its available features.
      type: list
      elements: str
    cpus:
      description: How many CPUs it has.
      type: int
    real_memory:
      description: Its memory in MiB.
      type: int
    alloc_cpus:
      description: How many CPUs are allocated to jobs.
      type: int
    address:
      description: The address the controller calls it by.
      type: str
    dynamic:
      description: Whether it registered itself, so that it can be deleted.
      type: bool
jobs:
  description: The jobs that have not ended, by id. An array whose tasks are all pending is one job.
  type: list
  elements: dict
  returned: when asked for
  contains:
    id:
      description: The job's id.
      type: int
    user:
      description: Its user.
      type: str
    partition:
      description: Its partition, or several with commas while it is pending.
      type: str
    state:
      description: Its state as Slurm names it.
      type: str
      sample: RUNNING
    nodes:
      description: The nodes it has.
      type: list
      elements: str
    name:
      description: Its name.
      type: str
partitions:
  description: The partitions by name.
  type: list
  elements: dict
  returned: when asked for
  contains:
    name:
      description: The partition's name.
      type: str
    state:
      description: UP, DOWN, DRAIN or INACTIVE.
      type: str
    nodes:
      description: The nodes in it now.
      type: list
      elements: str
    node_sets:
      description: The node sets that it is made of.
      type: list
      elements: str
    cpus:
      description: How many CPUs its nodes have together.
      type: int
    max_time:
      description: The longest time a job may have, in minutes, null if there is no limit.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _slurm


def main() -> None:
    kinds = list(_slurm.COMMANDS)
    module = AnsibleModule(
        argument_spec={"gather": {"type": "list", "elements": "str", "choices": kinds, "default": kinds}},
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **{kind: _slurm.gather(module, kind) for kind in module.params["gather"]})


if __name__ == "__main__":
    main()
