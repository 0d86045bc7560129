#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: Says whether a service can use a certificate
version_added: 0.1.0
description:
  - Reads a certificate and its key by C(openssl) and says what would keep a service from using them.
  - The module fails only where C(openssl) is missing. What is wrong with the files is in the result.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: Changes nothing.
  diff_mode:
    support: none
  platform:
    platforms: posix
options:
  certificate:
    description: Absolute path of the certificate, in PEM. Further certificates in the file are not looked at.
    type: path
    required: true
  key:
    description: Absolute path of the private key, in PEM, without a passphrase.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: The host certificate is read
  elastigrid.site.certificate_info:
    certificate: /etc/grid-security/hostcert.pem
    key: /etc/grid-security/hostkey.pem
  register: __certificate

- name: The host certificate can be used
  ansible.builtin.assert:
    that: not (__certificate.certificate_faults + __certificate.key_faults)
"""

RETURN = r"""
certificate_faults:
  description: What is wrong with the certificate, as ends of a sentence. Empty if nothing is.
  type: list
  elements: str
  returned: always
  sample: [expired on 2026-01-01 00:00 UTC]
key_faults:
  description: What is wrong with the key, as ends of a sentence. Empty if nothing is.
  type: list
  elements: str
  returned: always
  sample: ["has mode 0644, must be 0400 or 0600"]
subject:
  description: Distinguished name of the certificate.
  type: str
  returned: when the certificate could be read
  sample: /DC=test/DC=grid/O=Sandbox/CN=ce.grid.test
not_after:
  description: End of the certificate, in seconds since 1970.
  type: float
  returned: when the certificate could be read
"""

import os
import stat
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _certificates


def file_fault(path: str) -> str | None:
    try:
        with open(path, "rb"):
            return None
    except FileNotFoundError:
        return "does not exist"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def main() -> None:
    module = AnsibleModule(
        argument_spec={"certificate": {"type": "path", "required": True}, "key": {"type": "path", "required": True, "no_log": False}},
        supports_check_mode=True,
    )
    path, key = module.params["certificate"], module.params["key"]
    certificate, found = None, {}

    fault = file_fault(key)
    if fault:
        key_faults = [fault]
    else:
        key_faults = []
        mode = stat.S_IMODE(os.stat(key).st_mode)
        if mode & 0o177:
            key_faults.append(f"has mode {mode:04o}, must be 0400 or 0600")
        if _certificates.openssl(module, "pkey", "-in", key, "-passin", "pass:", "-noout")[0] is None:
            key_faults.append("is not a PEM private key without a passphrase")

    fault = file_fault(path)
    if fault:
        certificate_faults = [fault]
    else:
        certificate = _certificates.read(module, path)
        if certificate is None:
            certificate_faults = ["is not a PEM certificate"]
        else:
            found = {"subject": certificate.subject, "not_after": certificate.not_after}
            # A key that cannot be read says nothing about the certificate.
            matches = bool(key_faults and "mode" not in key_faults[-1]) or _certificates.matches(module, path, key)
            certificate_faults = _certificates.faults(certificate, matches, time.time())

    module.exit_json(changed=False, certificate_faults=certificate_faults, key_faults=key_faults, **found)


if __name__ == "__main__":
    main()
