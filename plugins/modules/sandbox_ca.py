#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sandbox_ca
short_description: Ensures a certificate authority and signs requests
version_added: 0.1.0
description:
  - Ensures a certificate authority in a directory of the host, and signs the requests it is given.
  - Nobody is asked whether a request is justified. That suits a sandbox, not a production site.
  - The key is made once, never leaves the directory, and is not in the result. The certificate is made anew, with the same key, only
    when it ends in less than O(renew_days) days, so that what it signed stays valid.
  - The list of revoked certificates is empty and ends with the certificate of the CA.
  - May run several times at once, for several hosts.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: Signs nothing, and returns no RV(certificate) where there is none yet.
  diff_mode:
    support: none
  platform:
    platforms: posix
options:
  path:
    description: Absolute path of the directory. Its parents are made too. Mode 0700.
    type: path
    required: true
  base:
    description: The names that are signed begin so, in slash form.
    type: str
    required: true
  days:
    description: Days that the certificate of the CA is valid.
    type: int
    default: 3650
  renew_days:
    description: The certificate of the CA is made anew when it ends in less than so many days.
    type: int
    default: 30
  requests:
    description: What to sign, as M(elastigrid.site.certificate_request) returns it.
    type: list
    elements: dict
    default: []
    suboptions:
      csr:
        description: The signing request, in PEM. Only its key counts.
        type: str
        required: true
      subject:
        description: Distinguished name in slash form. Must begin with O(base).
        type: str
        required: true
      dns:
        description: DNS names of a host. A certificate without any is one for a user.
        type: list
        elements: str
        default: []
      certificate:
        description: Where the certificate belongs. Only handed through.
        type: str
      owner:
        description: Who is to own the certificate. Only handed through.
        type: str
  certificate_days:
    description: Days that a signed certificate is valid.
    type: int
    default: 365
"""

EXAMPLES = r"""
- name: The site has a CA
  elastigrid.site.sandbox_ca:
    path: /var/lib/elastigrid/sandbox_ca
    base: /DC=test/DC=grid/O=Sandbox
  delegate_to: ce.example.org
  register: __ca
"""

RETURN = r"""
certificate:
  description: The certificate of the CA, in PEM.
  type: str
  returned: when there is a CA
crl:
  description: The list of revoked certificates, in PEM.
  type: str
  returned: when there is a CA
hash:
  description: The hash of the CA's name, by which openssl finds it in a directory.
  type: str
  returned: when there is a CA
  sample: 0a1b2c3d
signing_policy:
  description: The text of the CA's signing policy file.
  type: str
  returned: always
signed:
  description: The requests, each with its certificate as C(pem).
  type: list
  elements: dict
  returned: always
"""

import fcntl
import os
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _certificates, _files

# What `openssl ca` wants before it writes an empty list.
CRL_CONFIG = "[ca]\ndefault_ca=ca\n[ca]\ndatabase={database}\ndefault_md=sha256\n[extensions]\nauthorityKeyIdentifier=keyid\n"


class Authority:
    """The files of a CA."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.base = module.params["base"]
        self.name = f"{self.base}/CN=CA"
        self.path = module.params["path"]
        self.key, self.certificate, self.crl = (os.path.join(self.path, name) for name in ("ca.key", "ca.pem", "ca.crl"))

    def openssl(self, *arguments: str, data: str | None = None) -> str:
        out, err = _certificates.openssl(self.module, *arguments, data=data)
        if out is None:
            self.module.fail_json(msg=f"openssl {arguments[0]} failed: {err}")
        return out

    def is_due(self) -> bool:
        """Whether key, certificate or list is missing, or the certificate ends soon."""
        if not all(map(os.path.exists, (self.key, self.certificate, self.crl))):
            return True
        certificate = _certificates.read(self.module, self.certificate)
        if certificate is None:
            self.module.fail_json(msg=f"{self.certificate} is not a PEM certificate: put it right, or remove it to have it made anew")
        if certificate.subject != self.name:
            self.module.fail_json(msg=f"{self.certificate} is for {certificate.subject}, not for {self.name}; another base takes another path")
        return bool(_certificates.faults(certificate, True, time.time(), self.module.params["renew_days"]))

    def make(self) -> None:
        if not os.path.exists(self.key):
            _files.write(self.module, self.key, _certificates.new_key(self.module, 3072))
        days = str(self.module.params["days"])
        with tempfile.TemporaryDirectory(dir=self.path) as scratch:
            config, database = os.path.join(scratch, "config"), os.path.join(scratch, "database")
            write(config, "[req]\ndistinguished_name=dn\nx509_extensions=x\n[dn]\n[x]\n" + _certificates.EXTENSIONS["ca"])
            pem = self.openssl("req", "-new", "-x509", "-config", config, "-key", self.key, "-subj", self.name, "-days", days, "-sha256")
            _files.write(self.module, self.certificate, pem.encode())
            write(config, CRL_CONFIG.format(database=database))
            write(database, "")
            pair = ("-cert", self.certificate, "-keyfile", self.key)
            crl = self.openssl("ca", "-gencrl", "-config", config, *pair, "-crldays", days, "-crlexts", "extensions")
            _files.write(self.module, self.crl, crl.encode())

    def sign(self, request: dict) -> str:
        if not _certificates.is_name(request["subject"]) or not request["subject"].startswith(self.base + "/"):
            self.module.fail_json(msg=f"{request['subject']} is not signed: names begin with {self.base}/")
        with tempfile.TemporaryDirectory(dir=self.path) as scratch:
            config = os.path.join(scratch, "config")
            write(config, _certificates.extensions(request["dns"]))
            return self.openssl(
                "x509", "-req", "-CA", self.certificate, "-CAkey", self.key, "-set_serial", f"0x{os.urandom(15).hex()}", "-sha256",
                "-days", str(self.module.params["certificate_days"]), "-subj", request["subject"], "-extfile", config,
                data=request["csr"],
            )  # fmt: skip

    def public(self) -> dict:
        """What others need of the CA."""
        return {
            "certificate": (_files.read(self.module, self.certificate) or b"").decode(),
            "crl": (_files.read(self.module, self.crl) or b"").decode(),
            "hash": self.openssl("x509", "-in", self.certificate, "-noout", "-hash").strip(),
        }


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as handle:
        handle.write(text)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "base": {"type": "str", "required": True},
            "days": {"type": "int", "default": 3650},
            "renew_days": {"type": "int", "default": 30},
            "requests": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "csr": {"type": "str", "required": True},
                    "subject": {"type": "str", "required": True},
                    "dns": {"type": "list", "elements": "str", "default": []},
                    "certificate": {"type": "str"},
                    "owner": {"type": "str"},
                },
            },
            "certificate_days": {"type": "int", "default": 365},
        },
        supports_check_mode=True,
    )
    if not _certificates.is_name(module.params["base"]):
        module.fail_json(msg=f'base is {module.params["base"]}, must be like /DC=org/O=Name, with none of / = " \\ in a value')
    authority = Authority(module)
    result = {"signing_policy": _certificates.signing_policy(authority.name, authority.base), "signed": []}
    if module.check_mode:
        changed = not os.path.isdir(authority.path) or authority.is_due()
        if os.path.exists(authority.certificate):
            result.update(authority.public())
        module.exit_json(changed=changed, **result)

    os.umask(0o077)
    os.makedirs(authority.path, exist_ok=True)
    with open(os.path.join(authority.path, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        changed = authority.is_due()
        if changed:
            authority.make()
    result["signed"] = [request | {"pem": authority.sign(request)} for request in module.params["requests"]]
    module.exit_json(changed=changed or bool(result["signed"]), **result, **authority.public())


if __name__ == "__main__":
    main()
