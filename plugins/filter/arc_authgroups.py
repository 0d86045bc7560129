# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What a role writes into arc.conf for the VOs of a site."""

from __future__ import annotations

DOCUMENTATION = r"""
name: arc_authgroups
short_description: Authorization groups of ARC for VOs
version_added: 0.1.0
author: the elastigrid.site authors
description:
  - Says which authorization groups of C(arc.conf) let the users of VOs in, in the order in which they must be mapped.
  - Lists of users are those that M(elastigrid.site.gridmap) writes to C(/etc/grid-security/authgroups).
options:
  _input:
    description: VOs, as in O(elastigrid.site.gridmap#module:vos).
    type: list
    elements: dict
    required: true
  account:
    description: Account of all users, for an A-REX that cannot run jobs under others. By default each VO and role has its own.
    type: str
seealso:
  - module: elastigrid.site.gridmap
"""

EXAMPLES = r"""
- name: The groups of a VO
  ansible.builtin.debug:
    msg: "{{ [{'name': 'atlas', 'account': '.atlas', 'roles': [{'fqan': '/atlas/Role=production', 'account': 'atlasprd'}]}]
             | elastigrid.site.arc_authgroups }}"
"""

RETURN = r"""
_value:
  description: The groups. The first one that a user is in decides.
  type: list
  elements: dict
  contains:
    name:
      description: Name of the group.
      type: str
      sample: atlas+role1
    account:
      description: Account of those who are in it, or a pool such as V(.atlas).
      type: str
      sample: atlasprd
    mapping:
      description: The rule that maps them, an option of C([mapping]).
      type: dict
      sample: {map_to_user: atlas+role1 atlasprd}
    rules:
      description: Its rules, each a dictionary of one option of C([authgroup:name]).
      type: list
      elements: dict
      sample: [{-file: /etc/grid-security/authgroups/atlas.out}, {voms: atlas /atlas production *}]
"""

from ansible_collections.elastigrid.site.plugins.module_utils._arc_authgroups import authgroups


class FilterModule:
    """The filter."""

    def filters(self) -> dict:
        return {"arc_authgroups": authgroups}
