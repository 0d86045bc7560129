#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: arc_runtime_environments
short_description: Ensures runtime environments of an ARC computing element
version_added: 0.1.0
description:
  - Writes the scripts of runtime environments, and enables, sets as default and parametrises them by C(arcctl rte), in one pass.
  - Environments that are not listed are left as they are. A-REX needs no restart.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: The parameters of an environment whose script is not there yet count as changes to come.
  diff_mode:
    support: full
    details: Shows the scripts.
  platform:
    platforms: posix
options:
  config:
    description: Absolute path of the arc.conf of the A-REX instance.
    type: path
    default: /etc/arc.conf
  directory:
    description: Absolute path of the directory for scripts, one of C(runtimedir) in the block C([arex]). It must exist.
    type: path
    required: true
  environments:
    description: The runtime environments.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name, such as V(APPS/HEP/TOOL-1.0).
        type: str
        required: true
      enabled:
        description: Whether jobs may ask for it.
        type: bool
        default: true
      default:
        description: Whether every job gets it unasked.
        type: bool
        default: false
      content:
        description: The script. Without it the environment must be there already.
        type: str
      params:
        description: Its parameters. The script says which there are.
        type: dict
        default: {}
"""

EXAMPLES = r"""
- name: Jobs may ask for a proxy and for a tool
  elastigrid.site.arc_runtime_environments:
    directory: /shared/arc/runtime
    environments:
      - name: ENV/PROXY
        params: {COPY_CACERT_DIR: "No"}
      - name: APPS/HEP/TOOL-1.0
        content: |
          # description: Tool 1.0
          export PATH=/shared/tool/1.0/bin:$PATH
"""

RETURN = r"""
calls:
  description: The calls of C(arcctl rte) that were made, or would be in check mode.
  type: list
  elements: list
  returned: success
  sample: [[enable, ENV/PROXY]]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _arc_runtime_environments as rte
from ansible_collections.elastigrid.site.plugins.module_utils import _files


def arcctl(module: AnsibleModule, *arguments: str) -> str:
    command = [module.get_bin_path("arcctl", required=True), "--config", module.params["config"], "rte", *arguments]
    rc, out, err = module.run_command(command)
    if rc or "[ERROR]" in err:  # it ends with 0 after some errors
        said = [line.rsplit("[", 1)[-1].rstrip("]") for line in err.splitlines() if "[ERROR]" in line]
        module.fail_json(msg=f"arcctl rte {' '.join(arguments)} failed: {'; '.join(said) or err.strip() or rc}")
    return out


def write_script(module: AnsibleModule, name: str, content: str) -> dict | None:
    """What changed, None if nothing did."""
    directory = module.params["directory"]
    path = os.path.join(directory, name)
    current = _files.read(module, path)
    if current == content.encode() and os.stat(path).st_mode & 0o777 == 0o755:
        return None
    if not module.check_mode:
        if not os.path.isdir(directory):
            module.fail_json(msg=f"directory is {directory}, which does not exist")
        os.umask(0o022)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _files.write(module, path, content.encode())
        os.chmod(path, 0o755)
    return {"before_header": path, "after_header": path, "before": (current or b"").decode(errors="replace"), "after": content}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "path", "default": "/etc/arc.conf"},
            "directory": {"type": "path", "required": True},
            "environments": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "enabled": {"type": "bool", "default": True},
                    "default": {"type": "bool", "default": False},
                    "content": {"type": "str"},
                    "params": {"type": "dict", "default": {}},
                },
            },
        },
        supports_check_mode=True,
    )
    wanted = module.params["environments"]
    for one in wanted:
        if not rte.NAME.fullmatch(one["name"]):
            module.fail_json(msg=f"name is {one['name']}, must be like APPS/HEP/TOOL-1.0: letters, digits, + . _ - between slashes")

    diffs = [write_script(module, one["name"], one["content"]) for one in wanted if one["content"] is not None]
    diff = [one for one in diffs if one]

    # In a check before the first run there is no instance yet, so nothing is enabled.
    instance = os.path.exists(module.params["config"]) or not module.check_mode
    enabled, default = (rte.names(arcctl(module, "list", option)) if instance else set() for option in ("--enabled", "--default"))
    calls = rte.calls(wanted, enabled, default)
    for one in wanted:
        if one["params"]:
            # In check mode the script may not be there yet, and arcctl knows nothing about it.
            to_come = module.check_mode and any(item["after_header"].endswith("/" + one["name"]) for item in diff)
            current = {} if to_come or not instance else rte.parameters(arcctl(module, "params-get", one["name"]))
            calls += rte.parameter_calls(one["name"], {key: str(value) for key, value in one["params"].items()}, current)
    if not module.check_mode:
        for call in calls:
            arcctl(module, *call)
    module.exit_json(changed=bool(diff or calls), calls=calls, diff=diff)


if __name__ == "__main__":
    main()
