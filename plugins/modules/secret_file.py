#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_file
short_description: Ensures a file with a secret
version_added: 0.1.0
description:
  - Ensures that a file holds a secret, either a given one or a random one that is made once.
  - The secret appears neither in the result nor in the diff.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
    details: An owner or group that does not exist yet counts as a change to come.
  diff_mode:
    support: full
    details: Says whether there is a secret and whether it is replaced, never its content.
  platform:
    platforms: posix
options:
  path:
    description: Absolute path of the file. Its directory must exist.
    type: path
    required: true
  content:
    description:
      - The secret in base64. The file is made equal to it.
      - Without it, a missing or empty file is filled with O(length) random bytes and any other file is left as it is.
    type: str
  length:
    description: How many random bytes are made, when a secret has to be made. At least 16.
    type: int
    default: 128
  encoding:
    description:
      - How random bytes are written. V(raw) writes them as they are.
      - V(hex) writes two hexadecimal digits per byte and no newline, for passwords in text files.
    type: str
    choices: [raw, hex]
    default: raw
  mode:
    description: Mode of the file, as in M(ansible.builtin.file).
    type: raw
    default: '0600'
"""

EXAMPLES = r"""
- name: The site has a munge key
  elastigrid.site.secret_file:
    path: /etc/munge/munge.key
    owner: munge
    group: munge

- name: A joining host has the same key
  elastigrid.site.secret_file:
    path: /etc/munge/munge.key
    content: "{{ slurped_key.content }}"
    owner: munge
    group: munge

- name: The accounting database has a password
  elastigrid.site.secret_file:
    path: /etc/slurm/storage_password
    length: 24
    encoding: hex
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: always
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _files


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "no_log": True},
            "length": {"type": "int", "default": 128},
            "encoding": {"type": "str", "choices": ["raw", "hex"], "default": "raw"},
            "mode": {"type": "raw", "default": "0600"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    path, content, length = (module.params[key] for key in ("path", "content", "length"))
    if not os.path.isabs(path):
        module.fail_json(msg=f"path is {path}, but must be absolute")
    if length < 16:
        module.fail_json(msg=f"length is {length}, but must be at least 16 bytes")
    try:
        wanted = None if content is None else _files.decode_secret(content)
    except ValueError as error:
        module.fail_json(msg=str(error))

    current = _files.read(module, path)
    secret = _files.secret_to_write(current, wanted, lambda: _files.new_secret(length, module.params["encoding"]))
    before = {"path": path, "secret": "present" if current else "absent"}
    after = {"path": path, "secret": "replaced" if current and secret else "present"}
    diff = {"before": before, "after": after}
    if secret and not module.check_mode:
        if current is not None:
            # The new content takes over the mode of the old file, which may have been open to all.
            os.chmod(path, 0o600)
        _files.write(module, path, secret)
    changed = _files.set_attributes(module, secret is not None, diff)
    module.exit_json(changed=changed, path=path, diff=diff)


if __name__ == "__main__":
    main()
