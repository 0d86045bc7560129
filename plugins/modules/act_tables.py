#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: act_tables
short_description: Ensures the tables of an ARC Control Tower, and never drops one
version_added: 0.1.0
description:
  - Ensures that a MariaDB database on this host has the tables and columns that the installed version of aCT works with.
  - aCT's own C(actbootstrap) drops tables that it finds. Here it runs in a scratch database, C(<database>_bootstrap), under a database user
    that exists for that time only and has no rights elsewhere. What is missing from the real database is then moved or added there.
  - Tables, rows and columns that are there already are never changed or removed. A column of another type is an error.
  - The module needs the command C(mariadb), and must run as root, whom MariaDB lets in through its socket.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: The scratch database is made and removed in check mode, too.
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  database:
    description: Name of the database, which exists.
    type: str
    required: true
  command:
    description: Absolute path of C(actbootstrap).
    type: path
    required: true
  account:
    description: Unix account that C(actbootstrap) runs as.
    type: str
    required: true
  config:
    description: What C(aCTConfigARC.yaml) says. Its C(db), C(logger), C(tmp) and C(actlocation) are replaced.
    type: dict
    required: true
  app_config:
    description: What C(aCTConfigAPP.yaml) says.
    type: dict
    required: true
  unit:
    description:
      - Unit of the control tower. It is stopped before columns are added, which wait for as long as it has transactions open, and it always has.
      - The module does not start it again.
    type: str
    default: act
"""

EXAMPLES = r"""
- name: The tables are those of the installed version
  elastigrid.site.act_tables:
    database: act
    command: /opt/act/current/bin/actbootstrap
    account: act
    config: {}
    app_config: {modules: {app: [act.client]}}
"""

RETURN = r"""
tables:
  description: The tables that were missing.
  type: list
  elements: str
  returned: success
columns:
  description: The columns that were missing from tables that were there, as C(table.column).
  type: list
  elements: str
  returned: success
"""

import json
import os
import pwd
import secrets
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _act_tables


def query(module: AnsibleModule, sql: str) -> str:
    """What MariaDB answers; its passwords come through standard input, so that no list of processes shows them."""
    # Through the socket. Where the server has a certificate for others, its client would ask for that CA here, too.
    command = [module.get_bin_path("mariadb", required=True), "--skip-ssl", "--batch", "--skip-column-names"]
    rc, out, err = module.run_command(command, data=sql + ";\n")
    if rc:
        module.fail_json(msg=f"MariaDB: {err.strip()}")
    return out


def bootstrap(module: AnsibleModule, scratch: str, password: str) -> None:
    """aCT makes its tables in the scratch database."""
    account = pwd.getpwnam(module.params["account"])
    directory = tempfile.mkdtemp(prefix="act-bootstrap-")
    try:
        db = {"type": "mysql", "name": scratch, "user": scratch, "password": password}
        places = {"db": db, "logger": {"logdir": directory}, "tmp": {"dir": directory}, "actlocation": {"pidfile": f"{directory}/none"}}
        files = {"ACTCONFIGARC": {**module.params["config"], **places}, "ACTCONFIGAPP": module.params["app_config"]}
        environment = {}
        for name, content in files.items():
            environment[name] = os.path.join(directory, name)
            with open(environment[name], "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as handle:
                # JSON is YAML.
                json.dump(content, handle)
            os.chown(environment[name], account.pw_uid, account.pw_gid)
        os.chown(directory, account.pw_uid, account.pw_gid)
        command = [module.get_bin_path("runuser", required=True), "--user", account.pw_name, "--", module.params["command"]]
        rc, out, err = module.run_command(command, environ_update=environment, cwd=directory, data="")
        # It ends with 0 whatever happens, and says so.
        if rc or "Error" in out or "Exception" in out:
            with open(os.path.join(directory, "aCTBootstrap.log"), "a+", encoding="utf-8", errors="replace") as log:
                log.seek(0)
                reason = [line for line in log.read().splitlines() if "[ERROR]" in line]
            module.fail_json(msg="actbootstrap made no tables: " + " ".join([*reason, *err.strip().splitlines()][-3:] or [out.strip()]))
    finally:
        shutil.rmtree(directory)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "str", "required": True},
            "command": {"type": "path", "required": True},
            "account": {"type": "str", "required": True},
            "config": {"type": "dict", "required": True},
            "app_config": {"type": "dict", "required": True},
            "unit": {"type": "str", "default": "act"},
        },
        supports_check_mode=True,
    )
    database = module.params["database"]
    scratch, password = f"{database}_bootstrap", secrets.token_hex(16)
    # What an interrupted run has left is this module's own.
    remove = f"DROP DATABASE IF EXISTS `{scratch}`; DROP USER IF EXISTS `{scratch}`@localhost"
    query(module, f"{remove}; CREATE DATABASE `{scratch}`; CREATE USER `{scratch}`@localhost IDENTIFIED BY '{password}'")
    try:
        query(module, f"GRANT ALL ON `{scratch}`.* TO `{scratch}`@localhost")
        bootstrap(module, scratch, password)
        there, wanted = (_act_tables.parse(query(module, _act_tables.QUERY.format(name))) for name in (database, scratch))
        plan = _act_tables.plan(database, scratch, there, wanted)
        if not wanted:
            plan.errors.append("actbootstrap made none at all")
        if plan.errors:
            module.fail_json(msg=f"The tables in database {database} are those of another version: {'; '.join(plan.errors)}")
        if plan.statements and not module.check_mode:
            if plan.columns:
                module.run_command([module.get_bin_path("systemctl", required=True), "stop", module.params["unit"]])
            # Other than the default of a day.
            query(module, "; ".join(["SET SESSION lock_wait_timeout = 30", *plan.statements]))
    finally:
        query(module, remove)
    diff = {"before": {}, "after": {"tables": plan.tables, "columns": plan.columns}} if plan.statements else {}
    module.exit_json(changed=bool(plan.statements), tables=plan.tables, columns=plan.columns, diff=diff)


if __name__ == "__main__":
    main()
