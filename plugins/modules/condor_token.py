#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: condor_token
short_description: Ensures a file with a token of HTCondor, made here or given
version_added: 0.1.0
description:
  - Where the pool's signing key is, it makes a token for O(identity) with no more than O(rights), and makes it anew in time.
  - Elsewhere, it writes a given token, once the O(manager) has let it in. A token that is refused is not written, and the error says whose it is.
    Nor is one while the clocks of this host and of the manager differ by 60 s or more.
  - The file is owned by root and readable by root alone, as HTCondor demands. The token appears neither in the result nor in the diff.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: The manager is asked in check mode too.
  diff_mode:
    support: full
    details: Says why the token is written, never what is in it.
  platform:
    platforms: posix
options:
  path:
    description: Absolute path of the file. Its directory must exist.
    type: path
    required: true
  identity:
    description: Whom the token is for, with the trust domain, such as V(startd@example.org).
    type: str
  rights:
    description: The authorization levels that the token is limited to, such as V(ADVERTISE_STARTD). They are in the manual under Authorization.
    type: list
    elements: str
    default: []
  lifetime:
    description: For how many seconds a token is good. It is made anew when half of them are over. At least 3600.
    type: int
    default: 31536000
  since:
    description: Tokens from before this time are made anew, in seconds since the epoch. So are those from before the signing key was made.
    type: int
    default: 0
  key:
    description: Absolute path of the signing key.
    type: path
    default: /etc/condor/passwords.d/POOL
  content:
    description: A token that was made elsewhere.
    type: str
  manager:
    description: Full name of the host, with a port if it is not 9618, whose collector is asked whether it lets the token of O(content) in.
    type: str
  asks:
    description: The authorization levels that the O(manager) must grant.
    type: list
    elements: str
  asks_again:
    description: Whether the O(manager) is asked about the token that is there already, too. Not for one of others, who may be down.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: There is a token for workers
  elastigrid.site.condor_token:
    path: /etc/condor/issued.d/startd@example.org
    identity: startd@example.org
    rights: [ADVERTISE_STARTD, ADVERTISE_MASTER, READ]

- name: The worker has its token, and the manager lets it in
  elastigrid.site.condor_token:
    path: /etc/condor/tokens.d/startd
    content: "{{ token }}"
    manager: cm.example.org
    asks: [ADVERTISE_STARTD, ADVERTISE_MASTER]
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
expires:
  description: When the token ends, in UTC; empty if it never does or, in check mode, if it is yet to be made.
  type: str
  returned: success
"""

import os
import re
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _condor_token, _files

# By so much clocks may differ. What else a grid site runs is not more patient: certificates that were just made, A-REX (60 s).
CLOCK_SECONDS = 60


def make(module: AnsibleModule) -> str:
    command = ["condor_token_create", "-identity", module.params["identity"], "-lifetime", str(module.params["lifetime"])]
    command += ["-key", os.path.basename(module.params["key"])]
    for right in module.params["rights"]:
        command += ["-authz", right]
    rc, out, err = module.run_command(command)
    if rc or not out.strip():
        module.fail_json(msg=f"`{' '.join(command)}` failed: {err.strip()}")
    return out


def ask(module: AnsibleModule, said: _condor_token.Claims) -> None:
    """The manager lets the token in, and its clock agrees with ours. The token is offered from a directory of its own, with nothing else that this host has."""
    params = module.params
    directory = os.path.join(module.tmpdir, "tokens")
    os.mkdir(directory, 0o700)
    offered = os.path.join(directory, "token")
    with open(os.open(offered, os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
        handle.write(params["content"].strip() + "\n")
    # Of the configuration of this host nothing counts, for it may be that of another pool yet, or none.
    environment = {
        "CONDOR_CONFIG": "ONLY_ENV",
        "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS": "IDTOKENS",
        "_CONDOR_SEC_TOKEN_SYSTEM_DIRECTORY": directory,
        "_CONDOR_SEC_TOKEN_DIRECTORY": directory,
    }
    command = ["condor_ping", "-pool", params["manager"], "-type", "collector", "-table", *params["asks"]]
    rc, out, err = module.run_command(command, environ_update=environment)
    if rc and ("make connection" in err or "unknown host" in err):
        module.fail_json(
            msg=f"{params['path']} was not written: the collector of {params['manager']} cannot be reached. Right manager and port (9618)? "
            f"Does it run, and is there no firewall between? It said: {(out + err).strip()}"
        )
    clock = clocks(module, environment)
    if rc:
        # What the client thinks of the token is told here only; nothing else of this output is shown.
        _rc, out_debug, err_debug = module.run_command([*command, "-debug"], environ_update={**environment, "_CONDOR_TOOL_DEBUG": "D_SECURITY"})
        domain = re.search(r"server trust domain is ([\w.-]+)", out_debug + err_debug)
        hint = (f"; the trust domain there is {domain[1]}" if domain else "") + (f"; {clock}" if clock else "")
        module.fail_json(
            msg=f"{params['path']} was not written: {params['manager']} does not grant {', '.join(params['asks'])} to what was offered, "
            f"{_condor_token.describe(said)}{hint}. Right manager? Its key, a token that is not revoked, an identity that it knows? "
            f"It said: {(out + err).strip()}"
        )
    if clock:
        module.fail_json(msg=f"{params['path']} was not written: {clock}. Set the one that is wrong right (NTP), then run this again")


def clocks(module: AnsibleModule, environment: dict[str, str]) -> str:
    """By how much the clock of the manager differs from that of this host; empty if by less than a minute, or if the collector does not say."""

    def holds(condition: str) -> bool:
        # The collector evaluates it, by its own clock.
        command = ["condor_status", "-pool", module.params["manager"], "-collector", "-constraint", condition, "-af", "Name"]
        rc, out, _err = module.run_command(command, environ_update=environment)
        return not rc and bool(out.strip())

    for side, least in (("ahead of", "time() - {now} >= {seconds}"), ("behind", "{now} - time() >= {seconds}")):
        seconds = 0
        for step in (CLOCK_SECONDS << power for power in range(24)):
            now = int(time.time())
            if not holds(least.format(now=now, seconds=step)):
                break
            seconds = step
        if seconds:
            return f"the clock of {module.params['manager']} is {seconds} s or more {side} that of this host, where it is {_condor_token.moment(now)}"
    return ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "identity": {"type": "str"},
            "rights": {"type": "list", "elements": "str", "default": []},
            "lifetime": {"type": "int", "default": 31536000},
            "since": {"type": "int", "default": 0},
            "key": {"type": "path", "default": "/etc/condor/passwords.d/POOL", "no_log": False},
            "content": {"type": "str", "no_log": True},
            "manager": {"type": "str"},
            "asks": {"type": "list", "elements": "str"},
            "asks_again": {"type": "bool", "default": True},
        },
        mutually_exclusive=[("identity", "content"), ("identity", "manager")],
        required_one_of=[("identity", "content")],
        required_together=[("manager", "asks")],
        supports_check_mode=True,
    )
    path, content = module.params["path"], module.params["content"]
    if module.params["lifetime"] < 3600:
        module.fail_json(msg=f"lifetime is {module.params['lifetime']}, but must be at least 3600 seconds")
    current = (_files.read(module, path) or b"").decode(errors="replace")
    wanted = None
    if content is not None:
        try:
            said = _condor_token.claims(content)
        except ValueError as error:
            module.fail_json(msg=f"{path} was not written: content is {error}")
        if _condor_token.expired(said, time.time()):
            module.fail_json(msg=f"{path} was not written: content is expired, {_condor_token.describe(said)}")
        # A token file ends with a newline.
        wanted = content.strip() + "\n"
        why = "it is another one" if current != wanted else ""
        if module.params["manager"] and (why or module.params["asks_again"]):
            ask(module, said)
    else:
        key = module.params["key"]
        since = max(module.params["since"], int(os.stat(key).st_mtime) if os.path.exists(key) else 0)
        why = _condor_token.why_anew(current, module.params["identity"], module.params["rights"], module.params["lifetime"], since, time.time())

    if why and not module.check_mode:
        wanted = wanted or make(module)
        _files.write(module, path, wanted.encode())
        current = wanted
    changed = bool(why)
    if os.path.exists(path):
        attributes = module.load_file_common_arguments({**module.params, "owner": "root", "group": "root", "mode": "0600"})
        changed = module.set_fs_attributes_if_different(attributes, changed)
    end = None if why and module.check_mode else _condor_token.claims(current).get("exp")
    module.exit_json(
        changed=changed,
        path=path,
        expires=_condor_token.moment(end) if end else "",
        diff={"before": {"path": path}, "after": {"path": path, "written because": why} if why else {"path": path}},
    )


if __name__ == "__main__":
    main()
