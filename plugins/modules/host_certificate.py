#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_certificate
short_description: Looks after the certificate of a host and the copies that services have of it
version_added: 0.1.0
description:
  - Says whether services can use the certificate, has it renewed by a command in time, gives each service that wants one a copy, and
    reloads its units when the copy is a new one.
  - A new certificate is looked at before it replaces anything. It must belong to its key, carry all O(names), be valid now, and be trusted
    by who trusts the CAs in O(ca_dir).
  - A certificate that no service can use (expired, for another host, of another key) is an error, and no copy is made of it.
  - With O(program) the same code is installed to be run by a timer, with the same state and the same lock.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    details: The command is not run. A renewal that is due is taken for one that succeeds.
  diff_mode:
    support: partial
    details: Of program and configuration, not of certificates.
  platform:
    platforms: posix
notes:
  - Takes the command C(openssl), and C(systemctl) where units are to be reloaded.
options:
  cert:
    description: The certificate of the host, in PEM, with further ones of its chain, if any. It may be missing while there is O(renew_command).
    type: path
    required: true
  key:
    description: Its private key, in PEM, without a passphrase. Mode 0400 or 0600.
    type: path
    required: true
  names:
    description: DNS names that the certificate has to carry.
    type: list
    elements: str
    required: true
  ca_dir:
    description: Directory of CA certificates, by their hashes. Without it nobody asks who signed the certificate.
    type: path
  warn_days:
    description: A certificate that ends in less than so many days is warned about.
    type: int
    default: 30
  renew_command:
    description:
      - Command and arguments that get a new certificate, run as root and without a shell, for at most ten minutes.
      - It must write the certificate, with its chain, to the path in the environment variable E(NEW_CERT). A new key belongs to the path in
        E(NEW_KEY); without one the key stays. E(HOST_CERT) and E(HOST_KEY) are the present ones, E(HOST_NAMES) are O(names), with
        blanks between them.
      - By default a certificate is not renewed.
    type: list
    elements: str
    default: []
  renew_days:
    description: The certificate is renewed when it ends in less than so many days, or cannot be used.
    type: int
    default: 30
  services_dir:
    description: Directory with a file for each service that has a copy.
    type: path
    default: /etc/grid-security/host-certificate.d
  state_dir:
    description: Directory for the state and the lock. It is made if need be.
    type: path
    default: /var/lib/elastigrid/host-certificate
  metrics:
    description: File with metrics for the textfile collector of Prometheus' node exporter.
    type: path
  service:
    description: A service that has a copy from now on.
    type: dict
    suboptions:
      name:
        description: Its name, of letters, digits, V(_) and V(-).
        type: str
        required: true
      owner:
        description: Account that owns the copy.
        type: str
        default: root
      group:
        description: Group of the copy. By default that of the account.
        type: str
      directory:
        description: Directory of the copy, made if need be.
        type: path
        required: true
      cert:
        description: Name of the certificate there. Mode 0644.
        type: str
        default: hostcert.pem
      key:
        description: Name of the key there. Mode 0400.
        type: str
        default: hostkey.pem
      reload:
        description: Units that are reloaded when the copy is a new one, or restarted where they cannot be reloaded. One that does not run stays so.
        type: list
        elements: str
        default: []
  program:
    description: Where to install this code as a program for a timer. It is called with the path of its configuration.
    type: dict
    suboptions:
      path:
        description: The program, one file.
        type: path
        required: true
      config:
        description: Its configuration, the options of this module in JSON.
        type: path
        required: true
"""

EXAMPLES = r"""
- name: The host certificate is renewed in time
  elastigrid.site.host_certificate:
    cert: /etc/grid-security/hostcert.pem
    key: /etc/grid-security/hostkey.pem
    names: ["{{ inventory_hostname }}"]
    ca_dir: /etc/grid-security/certificates
    renew_command: [/usr/local/sbin/new-host-certificate, --acme]

- name: XRootD has a copy of its own
  elastigrid.site.host_certificate:
    cert: /etc/grid-security/hostcert.pem
    key: /etc/grid-security/hostkey.pem
    names: ["{{ inventory_hostname }}"]
    service:
      name: xrootd
      owner: xrootd
      directory: /etc/grid-security/xrd
      cert: xrdcert.pem
      key: xrdkey.pem
      reload: [xrootd@cache.service]
"""

RETURN = r"""
subject:
  description: Distinguished name of the certificate, null if there is none.
  type: str
  returned: always
  sample: /DC=test/DC=grid/O=Sandbox/CN=ce.grid.test
not_after:
  description: End of the certificate, in seconds since 1970, null if there is none.
  type: float
  returned: always
renewed:
  description: Whether there is a new certificate, or would be one without check mode.
  type: bool
  returned: always
services:
  description: Whether the copy of each service changed, or would.
  type: dict
  returned: always
  sample: {xrootd: true}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _host_certificate, _program


def main() -> None:
    module = AnsibleModule(
        argument_spec={**_host_certificate.SPEC, "service": {"type": "dict", "options": _host_certificate.SERVICE}, "program": _program.OPTION},
        supports_check_mode=True,
    )
    config = {name: module.params[name] for name in _host_certificate.SPEC}
    service, place = module.params["service"], module.params["program"]
    errors = _host_certificate.service_errors(service) if service else []
    if errors:
        module.fail_json(msg=f"Nothing was done: {'; '.join(f'service.{error}' for error in errors)}")
    diffs = _program.install(module, _host_certificate.program(), config, place) if place else []
    try:
        report = _host_certificate.run(config, service, module.check_mode)
    except (_host_certificate.RunError, OSError) as error:
        module.fail_json(msg=f"Nothing was done: {error}", changed=bool(diffs))
    for text in report.warnings:
        module.warn(text)
    result = {
        "changed": report.changed or bool(diffs),
        "subject": report.subject,
        "not_after": report.not_after,
        "renewed": report.renewed,
        "services": report.services,
        "diff": diffs,
    }
    if report.errors:
        module.fail_json(msg="; ".join(report.errors), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
