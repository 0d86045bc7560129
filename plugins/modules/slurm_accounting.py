#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_accounting
short_description: Ensures accounts, users and QoS in Slurm's accounting database
version_added: 0.1.0
description:
  - Compares what is wanted with what C(sacctmgr) shows, in one pass, and adds and modifies what differs.
  - Values are compared by meaning, so that V(1440), V(24:00:00) and V(1-0) are the same C(MaxWall).
  - Nothing is removed, unless O(purge) says so.
  - All names are in lower case, as Slurm keeps them.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  cluster:
    description: The cluster that accounts and users belong to. It may be left out if the database knows one cluster only.
    type: str
  qos:
    description: Qualities of service.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the QoS.
        type: str
        required: true
      options:
        description:
          - Options by the names of C(sacctmgr), section "SPECIFICATIONS FOR QOS". An option that is not named is left as it is.
          - V(null) unsets an option. A list stands for a comma list, a mapping for a TRES list.
          - C(GraceTime) is in whole seconds.
        type: dict
        default: {}
  accounts:
    description: Accounts, in any order.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the account.
        type: str
        required: true
      parent:
        description: The account above it, which must exist or be in the list. A new account is below C(root) by default.
        type: str
      description:
        description: What it is for. By default left as it is.
        type: str
      organization:
        description: Whom it belongs to. By default left as it is.
        type: str
      qos:
        description: The QoS that its users may ask for. By default left as it is, which for a new account is what its parent has.
        type: list
        elements: str
        default: []
      fairshare:
        description: Its share, a number or V(parent). By default left as it is.
        type: str
  users:
    description: Users in accounts. A user in several accounts is given several times.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      account:
        description: The account, which must exist or be in O(accounts).
        type: str
        required: true
      admin_level:
        description: The user's rights in the accounting database. By default left as they are.
        type: str
        choices: [none, operator, admin]
      default_account:
        description: The account of jobs that name none. By default left as it is, which for a new user is the first account given.
        type: str
  purge:
    description:
      - The lists whose absent members are removed from the database, as far as they belong to O(cluster).
      - The QoS C(normal), the account C(root) and the user C(root) are never removed.
    type: list
    elements: str
    choices: [qos, accounts, users]
    default: []
"""

EXAMPLES = r"""
- name: The site's accounts are known
  elastigrid.site.slurm_accounting:
    qos:
      - name: short
        options: {Priority: 10, MaxWall: "04:00:00", MaxTRESPerUser: {cpu: 64}}
    accounts:
      - {name: atlas, description: ATLAS, fairshare: 60, qos: [normal, short]}
    users:
      - {name: grid01, account: atlas}
"""

RETURN = r"""
commands:
  description: The sacctmgr commands that were run, or would be in check mode.
  type: list
  elements: list
  returned: success
  sample: [[sacctmgr, -i, add, account, name=atlas, cluster=grid]]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _slurm_accounting


def sacctmgr(module: AnsibleModule, *words: str) -> str:
    command = ["sacctmgr", *words]
    rc, out, err = module.run_command(command)
    if rc:
        said = " ".join(f"{err} {out}".split())
        module.fail_json(msg=f"`{' '.join(command)}` failed: {said}")
    return out


def cluster_name(module: AnsibleModule) -> str:
    known = sacctmgr(module, "-nP", "show", "cluster", "format=Cluster").split()
    wanted = module.params["cluster"]
    if wanted in known or (wanted is None and len(known) == 1):
        return wanted or known[0]
    module.fail_json(msg=f"cluster is {wanted or 'not given'}, but must be one that the database knows: {', '.join(known) or 'none is registered yet'}")


def main() -> None:
    string, required = {"type": "str"}, {"type": "str", "required": True}
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "cluster": string,
            "qos": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"name": required, "options": {"type": "dict", "default": {}}},
            },
            "accounts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": required,
                    "parent": string,
                    "description": string,
                    "organization": string,
                    "qos": names,
                    "fairshare": string,
                },
            },
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": required,
                    "account": required,
                    "admin_level": {"type": "str", "choices": ["none", "operator", "admin"]},
                    "default_account": string,
                },
            },
            "purge": {**names, "choices": ["qos", "accounts", "users"]},
        },
        supports_check_mode=True,
    )
    qos, accounts, users, purge = (module.params[key] for key in ("qos", "accounts", "users", "purge"))
    cluster = cluster_name(module)
    keys = _slurm_accounting.option_keys(qos)
    current_qos = _slurm_accounting.parse_qos(sacctmgr(module, "-nP", "show", "qos", f"format={','.join(['Name', *keys])}"), keys)
    shown = (sacctmgr(module, "--json", "show", kind) for kind in ("account", "user", "assoc"))
    state = _slurm_accounting.parse_state(current_qos, *shown, cluster)

    errors = _slurm_accounting.errors(qos, accounts, users, purge, state)
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")
    plan = _slurm_accounting.plan(qos, accounts, users, purge, state, cluster)
    if not module.check_mode:
        for words in plan.commands:
            sacctmgr(module, "-i", *words)
    module.exit_json(
        changed=bool(plan.commands),
        commands=[["sacctmgr", "-i", *words] for words in plan.commands],
        diff={"before": plan.before, "after": plan.after},
    )


if __name__ == "__main__":
    main()
