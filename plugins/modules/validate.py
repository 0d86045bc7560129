#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Checks the variables of a host before anything is touched
version_added: 0.1.0
description:
  - Checks the variables of a host against the argument specs of the roles that the host will get, and against each other.
  - All errors are reported at once. Each names the variable, its value and what is allowed.
  - A variable that begins with the name of such a role, or with C(site_), and that nobody knows is an error if it is at most two
    edits away from a known one. All others of this kind are named in one warning. With C(site_strict_variables=true) they are errors.
  - Values of options that are marked C(no_log) are not shown.
  - Relative paths and single values in the place of lists or dictionaries are errors, although argument specs allow them elsewhere.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.action_common_attributes.conn
  - ansible.builtin.action_common_attributes.flow
attributes:
  action:
    support: full
  async:
    support: none
  become:
    support: none
  bypass_host_loop:
    support: none
  check_mode:
    support: full
    details: It only reads.
  connection:
    support: none
    details: It runs on the control node and never connects to the host.
  delegation:
    support: none
  diff_mode:
    support: none
  platform:
    platforms: all
options:
  roles:
    description:
      - Names of roles of this collection (V(slurm), not V(elastigrid.site.slurm)).
      - Without it, the roles of the groups that the host is in, and V(base). The group V(slurm_worker) belongs to the role V(slurm),
        the group V(xrootd_cache) to V(xrootd_cache) and not to V(xrootd), for the longest name counts.
    type: list
    elements: str
notes:
  - Defaults of roles are taken into account, those that are made from facts only where facts have been gathered.
"""

EXAMPLES = r"""
- name: Check the whole site before anything is touched
  hosts: all
  gather_facts: false
  tasks:
    - name: The variables are valid
      elastigrid.site.validate:

- name: In the tasks of a role
  hosts: slurm_worker
  tasks:
    - name: The variables are valid
      elastigrid.site.validate:
        roles: [slurm]
"""

RETURN = r"""
errors:
  description: What is wrong, one sentence per error. Empty if nothing is.
  type: list
  elements: str
  returned: always
  sample:
    - slurm_partition is not a variable of role slurm; did you mean slurm_partitions?
    - slurm_partitions[1].name is not set, must be a string
"""
