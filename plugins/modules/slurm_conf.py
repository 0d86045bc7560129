#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_conf
short_description: Writes slurm.conf and says what it takes to come into force
version_added: 0.1.0
description:
  - Compares a rendered C(slurm.conf) with the one in place, writes it, and says whether C(scontrol reconfigure) suffices or which
    daemons have to be restarted, by the manual pages of Slurm 24.11. It runs neither.
  - The new file is read by Slurm's own parser before it replaces the old one, where C(scontrol) is installed.
  - A change that needs a restart of C(slurmd) on all workers is refused, and nothing is written, unless O(restart_workers) allows it.
  - If C(slurmctld) is older than the file, a former run was cut off between the two. Then a restart is asked for.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  platform:
    platforms: posix
options:
  path:
    description: Absolute path of the file. Its directory must exist.
    type: path
    default: /etc/slurm/slurm.conf
  content:
    description: The whole new file.
    type: str
    required: true
  restart_workers:
    description: Whether a change may be written that needs a restart of C(slurmd) on all workers.
    type: bool
    default: false
  mode:
    description: Mode of the file, as in M(ansible.builtin.file). All users of Slurm have to read it.
    type: raw
    default: '0644'
"""

EXAMPLES = r"""
- name: The controller has its configuration
  elastigrid.site.slurm_conf:
    content: "{{ lookup('ansible.builtin.template', 'slurm.conf.j2') }}"
    restart_workers: "{{ slurm_restart_workers }}"
  register: __slurm_conf

- name: The controller reads its configuration again
  ansible.builtin.command: scontrol reconfigure
  when: __slurm_conf.action == 'reconfigure'
"""

RETURN = r"""
action:
  description: What has to be done so that the file comes into force. V(restart) means C(slurmctld) at least.
  type: str
  returned: success
  sample: reconfigure
parameters:
  description:
    - The changed parameters, by what they need. All lists are empty where there was no file before.
    - An item of a comma list is written V(SlurmctldParameters/enable_configless), a field of a line V(PartitionName=main/MaxTime).
  type: dict
  returned: always
  contains:
    reconfigure:
      description: C(scontrol reconfigure) suffices.
      type: list
      elements: str
    restart_controller:
      description: C(slurmctld) must be restarted.
      type: list
      elements: str
    restart_workers:
      description: C(slurmctld) and all C(slurmd) must be restarted.
      type: list
      elements: str
pending:
  description: Whether the running C(slurmctld) started before the file in place was written.
  type: bool
  returned: success
"""

import os
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _files, _slurm_conf


def controller_start(module: AnsibleModule) -> float | None:
    """When the running slurmctld started (a reconfigure starts a new process), None if none runs."""
    systemctl = module.get_bin_path("systemctl")
    if systemctl is None:
        return None
    rc, out, dummy = module.run_command([systemctl, "show", "--property=MainPID", "--value", "slurmctld"])
    pid = out.strip()
    if rc or pid in ("", "0"):
        return None
    stat = _files.read(module, f"/proc/{pid}/stat")
    if stat is None:
        return None
    boot_seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
    return _slurm_conf.process_start(stat.decode(errors="replace"), boot_seconds, time.time(), os.sysconf("SC_CLK_TCK"))


def validate(module: AnsibleModule, path: str, content: str) -> None:
    """Fail on what Slurm would refuse: a controller with such a file does not start again."""
    errors = _slurm_conf.parse(content).errors
    scontrol = module.get_bin_path("scontrol")
    if not errors and scontrol and os.path.isdir(os.path.dirname(path)):
        # Beside the old file, so that what it includes is found.
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), prefix=".slurm.conf.") as candidate:
            candidate.write(content)
            candidate.flush()
            rc, out, err = module.run_command([scontrol, "-V"], environ_update={"SLURM_CONF": candidate.name})
            if rc:
                errors = [line.replace(candidate.name, path) for line in err.splitlines()] or [out]
    if errors:
        module.fail_json(msg=f"{path} was not written, Slurm would not accept the new content: {'; '.join(errors)}")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/slurm/slurm.conf"},
            "content": {"type": "str", "required": True},
            "restart_workers": {"type": "bool", "default": False},
            "mode": {"type": "raw", "default": "0644"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    path, content = module.params["path"], module.params["content"]
    if not os.path.isabs(path):
        module.fail_json(msg=f"path is {path}, but must be absolute")
    validate(module, path, content)

    data = _files.read(module, path)
    old = (data or b"").decode(errors="replace")
    write = data != content.encode()
    # Without an old file there is nothing in force that could differ.
    found = _slurm_conf.changes(_slurm_conf.parse(old), _slurm_conf.parse(content)) if old.strip() else []
    kinds = (_slurm_conf.RECONFIGURE, _slurm_conf.RESTART_CONTROLLER, _slurm_conf.RESTART_WORKERS)
    parameters = {kind: [change.name for change in found if change.requirement == kind] for kind in kinds}

    if parameters[_slurm_conf.RESTART_WORKERS] and not module.params["restart_workers"]:
        listed = "; ".join(str(change) for change in found if change.requirement == _slurm_conf.RESTART_WORKERS)
        module.fail_json(
            msg=f"{path} was not written: slurmd would have to be restarted on all workers for {listed}. "
            "To allow it: -e slurm_restart_workers=true",
            parameters=parameters,
        )
    start = controller_start(module)
    pending = data is not None and start is not None and start < os.stat(path).st_mtime
    action = _slurm_conf.action(write, found, bool(old.strip()) and start is not None, pending)

    diff = {"before_header": path, "after_header": path, "before": old, "after": content}
    if write and not module.check_mode:
        _files.write(module, path, content.encode())
    changed = _files.set_attributes(module, write)
    module.exit_json(changed=changed, action=action, parameters=parameters, pending=pending, diff=diff)


if __name__ == "__main__":
    main()
