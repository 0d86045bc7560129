#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_request
short_description: Ensures keys and asks for the certificates that are due
version_added: 0.1.0
description:
  - Ensures a private key for each wanted certificate, and returns a signing request for each certificate that is missing, ends soon,
    does not belong to its key, has another name, or is signed by another CA.
  - A key stays on its host. It is made once and serves for the renewals too.
  - The certificates themselves are written by whoever has them signed, see M(elastigrid.site.sandbox_ca).
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: Returns no requests, since the keys may be missing. RV(due) says which certificates would be made.
  diff_mode:
    support: none
  platform:
    platforms: posix
options:
  ca:
    description: Absolute path of the certificate of the CA that has to have signed, in PEM.
    type: path
    required: true
  renew_days:
    description: A certificate that ends in less than so many days is due.
    type: int
    default: 30
  certificates:
    description: The wanted certificates.
    type: list
    elements: dict
    required: true
    suboptions:
      certificate:
        description: Absolute path of the certificate. Its directory is made if only the last part of it is missing.
        type: path
        required: true
      key:
        description: Absolute path of the private key. Mode 0400.
        type: path
        required: true
      subject:
        description: Distinguished name in slash form, such as V(/DC=test/DC=grid/CN=Somebody). Values hold none of C(/ = " \\).
        type: str
        required: true
      dns:
        description: DNS names of a host. A certificate without any is one for a user.
        type: list
        elements: str
        default: []
      owner:
        description: Account that owns key and certificate.
        type: str
        default: root
"""

EXAMPLES = r"""
- name: The host has a key
  elastigrid.site.certificate_request:
    ca: /etc/grid-security/certificates/0a1b2c3d.0
    certificates:
      - subject: /DC=test/DC=grid/O=Sandbox/CN={{ inventory_hostname }}
        dns: ["{{ inventory_hostname }}"]
        certificate: /etc/grid-security/hostcert.pem
        key: /etc/grid-security/hostkey.pem
  register: __certificate_request
"""

RETURN = r"""
due:
  description: Why a certificate is due, one sentence for each.
  type: list
  elements: str
  returned: always
requests:
  description: What has to be signed. Each is the wanted certificate, with the request.
  type: list
  elements: dict
  returned: always
  contains:
    certificate:
      description: Where the certificate belongs.
      type: str
    csr:
      description: The signing request, in PEM.
      type: str
    dns:
      description: The DNS names.
      type: list
      elements: str
    owner:
      description: Who is to own the certificate.
      type: str
    subject:
      description: The distinguished name.
      type: str
"""

import os
import pwd
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _certificates, _files


def why(module: AnsibleModule, wanted: dict) -> list[str]:
    """Why the certificate has to be made."""
    if not os.path.exists(wanted["certificate"]):
        return ["does not exist"]
    certificate = _certificates.read(module, wanted["certificate"])
    if certificate is None:
        return ["is not a PEM certificate"]
    ca = module.params["ca"]
    # Whether it ended is said by its own end, not by openssl verify.
    verify = ("verify", "-no_check_time", "-partial_chain", "-CAfile", ca, wanted["certificate"])
    signed = not os.path.exists(ca) or _certificates.openssl(module, *verify)[0] is not None
    matches = _certificates.matches(module, wanted["certificate"], wanted["key"])
    return _certificates.faults(certificate, matches, time.time(), module.params["renew_days"]) + _certificates.deviations(
        certificate, wanted["subject"], wanted["dns"], signed
    )


def owner_of(module: AnsibleModule, wanted: dict) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(wanted["owner"])
    except KeyError:
        module.fail_json(msg=f"{wanted['certificate']} cannot be made: the account {wanted['owner']} does not exist")


def ensure_key(module: AnsibleModule, wanted: dict) -> None:
    """The key is there and is its owner's alone; so is, if need be, the directory."""
    account = owner_of(module, wanted)
    directory = os.path.dirname(wanted["key"])
    if not os.path.isdir(directory):
        try:
            os.mkdir(directory, 0o755)
        except OSError as error:
            module.fail_json(msg=f"{directory} cannot be made: {error.strerror}")
        os.chown(directory, account.pw_uid, account.pw_gid)
    if _certificates.openssl(module, "pkey", "-in", wanted["key"], "-passin", "pass:", "-noout")[0] is None:
        _files.write(module, wanted["key"], _certificates.new_key(module, 2048))
    os.chown(wanted["key"], account.pw_uid, account.pw_gid)
    os.chmod(wanted["key"], 0o400)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "ca": {"type": "path", "required": True},
            "renew_days": {"type": "int", "default": 30},
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "certificate": {"type": "path", "required": True},
                    "key": {"type": "path", "required": True, "no_log": False},
                    "subject": {"type": "str", "required": True},
                    "dns": {"type": "list", "elements": "str", "default": []},
                    "owner": {"type": "str", "default": "root"},
                },
            },
        },
        supports_check_mode=True,
    )
    due, requests = [], []
    for wanted in module.params["certificates"]:
        if not _certificates.is_name(wanted["subject"]):
            module.fail_json(msg=f'subject is {wanted["subject"]}, must be like /DC=org/CN=Name, with none of / = " \\ in a value')
        reasons = why(module, wanted)
        if not reasons:
            continue
        due.append(f"{wanted['certificate']} {', '.join(reasons)}")
        if module.check_mode:
            continue
        ensure_key(module, wanted)
        csr, err = _certificates.openssl(module, "req", "-new", "-key", wanted["key"], "-subj", wanted["subject"])
        if csr is None:
            module.fail_json(msg=f"openssl made no request for {wanted['subject']}: {err}")
        requests.append({key: wanted[key] for key in ("certificate", "dns", "owner", "subject")} | {"csr": csr})
    module.exit_json(changed=bool(due), due=due, requests=requests)


if __name__ == "__main__":
    main()
