#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: accounts
short_description: Ensures local users and groups with fixed ids
version_added: 0.1.0
description:
  - Ensures a list of local users and their groups in one pass over C(/etc/passwd) and C(/etc/group).
  - Nothing is ever deleted, and nobody is taken out of a group.
  - A uid or gid that another name holds is an error. Then nothing is done at all.
  - Where the id of an existing account changes, C(usermod) gives its home directory to the new id. Other files keep the old one.
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
  accounts:
    description: The accounts. No two may have the same name or uid.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      uid:
        description: Id of the user, at least 1.
        type: int
        required: true
      gid:
        description: Id of the primary group, at least 1.
        type: int
        required: true
      group:
        description: Name of the primary group. By default that of the user. Accounts may share one.
        type: str
      home:
        description: Home directory. An existing account keeps its own, a new one gets C(/home/NAME).
        type: path
      shell:
        description: Login shell. An existing account keeps its own, a new one gets C(/bin/bash).
        type: path
      comment:
        description: The account's comment. An existing account keeps its own.
        type: str
      groups:
        description: Further groups that the user is a member of. They must exist, or be the primary group of an account in the list.
        type: list
        elements: str
        default: []
  create_homes:
    description:
      - Whether home directories that are missing are made, with mode C(0700) and the user as owner. Their parents must exist.
      - Where homes lie on shared storage, one host has to do it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: The site's service accounts exist
  elastigrid.site.accounts:
    accounts:
      - {name: grid01, uid: 5001, gid: 5001}
      - {name: pilot, uid: 5010, gid: 5000, group: pilots, home: /shared/pilot}
    create_homes: true
"""

RETURN = r"""
commands:
  description: The commands that were run, or would be in check mode.
  type: list
  elements: list
  returned: success
homes:
  description: The home directories that were made, or would be in check mode.
  type: list
  elements: str
  returned: success
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _accounts, _files


def make_home(module: AnsibleModule, user: _accounts.User) -> None:
    try:
        # Never its parents: they would hide a shared file system that is not mounted yet.
        os.mkdir(user.home, 0o700)
        os.chown(user.home, user.uid, user.gid)
    except OSError as error:
        if isinstance(error, FileExistsError) and os.path.isdir(user.home):
            return  # another host that shares the file system was faster
        module.fail_json(msg=f"home {user.home} of {user.name} cannot be made: {error.strerror}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "accounts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "uid": {"type": "int", "required": True},
                    "gid": {"type": "int", "required": True},
                    "group": {"type": "str"},
                    "home": {"type": "path"},
                    "shell": {"type": "path"},
                    "comment": {"type": "str"},
                    "groups": {"type": "list", "elements": "str", "default": []},
                },
            },
            "create_homes": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    accounts = [{**account, "group": account["group"] or account["name"]} for account in module.params["accounts"]]
    users = _accounts.parse_passwd((_files.read(module, "/etc/passwd") or b"").decode(errors="surrogateescape"))
    groups = _accounts.parse_group((_files.read(module, "/etc/group") or b"").decode(errors="surrogateescape"))
    errors = _accounts.errors(accounts, users, groups)
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")

    plan = _accounts.plan(accounts, users, groups)
    homes = [user for user in plan.users.values() if module.params["create_homes"] and not os.path.isdir(user.home)]
    if not module.check_mode:
        for command in plan.commands:
            module.run_command(command, check_rc=True)
        for user in homes:
            make_home(module, user)
    directories = [f"{user.home}/" for user in homes]
    module.exit_json(
        changed=bool(plan.commands or homes),
        commands=plan.commands,
        homes=[user.home for user in homes],
        diff={
            "before_header": "accounts",
            "after_header": "accounts",
            "before": "".join(f"{line}\n" for line in plan.before),
            "after": "".join(f"{line}\n" for line in [*plan.after, *directories]),
        },
    )


if __name__ == "__main__":
    main()
