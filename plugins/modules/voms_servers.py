#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: voms_servers
short_description: Ensures the files by which grid software knows the VOMS servers of VOs
version_added: 0.1.0
description:
  - Writes an LSC file for each VOMS server, so that what it has signed is trusted, and a file in C(/etc/vomses), so that users can ask it.
  - A DN with a slash in a value, such as C(CN=host/voms.example.org), is written in both spellings that grid software compares.
  - Files of servers that are gone are removed, if this module made them. Others are left alone.
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
  vos:
    description: The VOs, as in M(elastigrid.site.gridmap). Only C(name) and C(voms) count here.
    type: list
    elements: dict
    required: true
  vomsdir:
    description: Directory of the LSC files, each in the directory of its VO.
    type: path
    default: /etc/grid-security/vomsdir
  vomses:
    description: Directory of the files that say where the servers are.
    type: path
    default: /etc/vomses
  state:
    description: File that lists what this module made.
    type: path
    default: /var/lib/elastigrid/voms-servers.json
"""

EXAMPLES = r"""
- name: The VOMS server of ATLAS is trusted
  elastigrid.site.voms_servers:
    vos:
      - name: atlas
        voms:
          - host: voms-atlas-auth.cern.ch
            port: 443
            dn: /DC=ch/DC=cern/OU=computers/CN=atlas-auth.cern.ch
            ca: /DC=ch/DC=cern/CN=CERN Grid Certification Authority
"""

RETURN = r"""
written:
  description: Files that were new or different.
  type: list
  elements: str
  returned: always
removed:
  description: Files that were removed.
  type: list
  elements: str
  returned: always
"""

import contextlib
import json
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _files, _gridmap_config, _program, _voms_servers


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "vos": {"type": "list", "elements": "dict", "required": True},
            "vomsdir": {"type": "path", "default": "/etc/grid-security/vomsdir"},
            "vomses": {"type": "path", "default": "/etc/vomses"},
            "state": {"type": "path", "default": "/var/lib/elastigrid/voms-servers.json"},
        },
        supports_check_mode=True,
    )
    vomsdir, vomses, state = (module.params[name] for name in ("vomsdir", "vomses", "state"))
    errors = _gridmap_config.check_vos("vos", module.params["vos"])
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(errors)}")
    wanted = _voms_servers.files(module.params["vos"], vomsdir, vomses)
    before = {path: (_files.read(module, path) or b"").decode(errors="replace") for path in wanted}
    written = [path for path, text in wanted.items() if before[path] != text]
    try:
        mine = json.loads(_files.read(module, state) or b"[]")
    except ValueError:
        mine = []
    removed = [path for path in _voms_servers.stale(mine, wanted, vomsdir, vomses) if os.path.lexists(path)]
    try:
        if not module.check_mode:
            # What is ours is known before it is there, and until it is gone.
            ours = sorted({*wanted, *removed})
            if ours != mine:
                put(state, json.dumps(ours))
            for path in written:
                put(path, wanted[path])
            for path in removed:
                os.unlink(path)
                # That of a VO; it stays if others have files in it.
                with contextlib.suppress(OSError):
                    if os.path.dirname(path) != vomses:
                        os.rmdir(os.path.dirname(path))
            if ours != sorted(wanted):
                put(state, json.dumps(sorted(wanted)))
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}", changed=bool(written or removed))
    diffs = [{"before_header": path, "after_header": path, "before": before[path], "after": wanted[path]} for path in written]
    diffs += [{"before_header": path, "after_header": path, "before": "an LSC or vomses file\n", "after": ""} for path in removed]
    module.exit_json(changed=bool(written or removed), written=written, removed=removed, diff=diffs)


def put(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    _program.replace(path, text.encode(), 0o644, os.geteuid(), os.getegid())


if __name__ == "__main__":
    main()
