#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: condor_config
short_description: Writes a file of HTCondor's configuration and says what it takes to come into force
version_added: 0.1.0
description:
  - HTCondor reads the whole configuration with the new file before that replaces the old one; what it refuses is not written.
  - Says whether C(condor_reconfig) suffices or the daemons have to be restarted, by what the running master has read. It does neither.
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
  path:
    description: Absolute path of the file, in C(config.d) of HTCondor.
    type: path
    required: true
  content:
    description: The whole new file.
    type: str
    required: true
  expressions:
    description: Parameters that must be expressions of the ClassAd language, such as V(START). One that is not set is right.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: The worker has its configuration
  elastigrid.site.condor_config:
    path: /etc/condor/config.d/40-elastigrid-startd.conf
    content: "{{ lookup('ansible.builtin.template', 'condor.conf.j2') }}"
    expressions: [START]
  register: __condor_startd_config
"""

RETURN = r"""
action:
  description: >-
    What has to be done so that the file comes into force, V(none), V(reconfig) or V(restart). It is V(none) while no daemon runs.
  type: str
  returned: success
parameters:
  description: The parameters that the running daemons have otherwise.
  type: list
  elements: str
  returned: success
"""

import glob
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _condor_config, _files

MAIN = "/etc/condor/condor_config"


def whole(module: AnsibleModule, path: str, content: str) -> str:
    """The configuration as one file: the main one, then those of its directories by name, with this content at its path."""
    main = (_files.read(module, MAIN) or b"").decode(errors="replace")
    parts = [main]
    for directory in _condor_config.directories(main):
        names = {name for name in glob.glob(os.path.join(directory, "*")) if os.path.isfile(name)}
        for name in sorted(names | ({path} if os.path.dirname(path) == directory else set())):
            parts.append(content if name == path else (_files.read(module, name) or b"").decode(errors="replace"))
    # They are in it already.
    return "\n".join([*parts, "LOCAL_CONFIG_DIR =", ""])


def settings(module: AnsibleModule, path: str, text: str) -> dict[str, str]:
    """What the master would read from this text."""
    with tempfile.NamedTemporaryFile("w", dir=module.tmpdir) as candidate:
        candidate.write(text)
        candidate.flush()
        command = ["condor_config_val", "-subsystem", "MASTER", "-dump", "-expand"]
        rc, out, err = module.run_command(command, environ_update={"CONDOR_CONFIG": candidate.name})
    if rc or "error" in err.lower():
        said = (err or out).strip().replace(candidate.name, path)
        module.fail_json(msg=f"{path} was not written, HTCondor would not accept the new configuration: {said}")
    return _condor_config.parse(out)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "expressions": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    path, content = module.params["path"], module.params["content"]
    after = settings(module, path, whole(module, path, content))
    evaluate = module.get_bin_path("classad_eval")
    for name in module.params["expressions"]:
        value = after.get(name.upper(), "")
        if value and evaluate:
            rc, out, err = module.run_command([evaluate, "-quiet", value])
            if rc:
                module.fail_json(msg=f"{path} was not written, {name} is no expression of the ClassAd language: {value} ({(err or out).strip()})")

    # Not the old file, but what the daemons have read: a run may have been cut off before it told them.
    rc, out, err = module.run_command(["condor_config_val", "-master", "-dump", "-expand"])
    changed = _condor_config.changes(_condor_config.parse(out), after) if not rc else []
    before = (_files.read(module, path) or b"").decode(errors="replace")
    write = before != content
    if write and not module.check_mode:
        _files.write(module, path, content.encode())
    if os.path.exists(path) and not module.check_mode:
        # All users of HTCondor have to read it.
        os.chmod(path, 0o644)
    diff = {"before_header": path, "after_header": path, "before": before, "after": content}
    module.exit_json(changed=write, action=_condor_config.action(changed), parameters=changed, diff=diff)


if __name__ == "__main__":
    main()
