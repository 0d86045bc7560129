# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""X.509 certificates as openssl shows them. Private to this collection.

Names are written in the slash form that the grid uses: /DC=test/DC=grid/O=Sandbox/CN=Sandbox User
"""

from __future__ import annotations

import re
import ssl
import time
import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

DAY = 86400
NAME = re.compile(r"(/[A-Za-z]+=[^/=\n\"\\]+)+")
# A proxy is signed by the key of a user's certificate: that takes digitalSignature. keyEncipherment is for old TLS.
EXTENSIONS = {
    "ca": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n",
    "host": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
    "extendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
    "user": "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
    "extendedKeyUsage=clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
}


class Certificate(t.NamedTuple):
    subject: str
    not_after: float
    dns: frozenset[str]


def is_name(name: str) -> bool:
    return bool(NAME.fullmatch(name))


def extensions(dns: t.Iterable[str]) -> str:
    """The extensions of a certificate: of a host, if it has DNS names."""
    names = ",".join(f"DNS:{name}" for name in dns)
    return EXTENSIONS["host"] + f"subjectAltName={names}\n" if names else EXTENSIONS["user"]


def signing_policy(ca: str, base: str) -> str:
    """Which names the CA may sign, in the form of the EACL files that grid software reads."""
    return f"access_id_CA  X509   '{ca}'\npos_rights    globus CA:sign\ncond_subjects globus '\"{base}/*\"'\n"


def parse(text: str) -> Certificate:
    """What `openssl x509 -noout -subject -enddate -nameopt compat -ext subjectAltName` prints."""
    subject = re.search(r"^subject=\s*(.*)$", text, re.M)
    end = re.search(r"^notAfter=(.*)$", text, re.M)
    if not subject or not end:
        raise ValueError("openssl shows neither subject nor end")
    return Certificate(subject[1].strip(), ssl.cert_time_to_seconds(end[1].strip()), frozenset(re.findall(r"DNS:([^,\s]+)", text)))


def date(certificate: Certificate) -> str:
    """When it ends."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(certificate.not_after))


def faults(certificate: Certificate, matches_key: bool, now: float, min_days: int = 0) -> list[str]:
    """Why a host cannot use a certificate, as ends of a sentence that starts with its path."""
    found = []
    if certificate.not_after <= now:
        found.append(f"expired on {date(certificate)}")
    elif certificate.not_after - now < min_days * DAY:
        found.append(f"expires on {date(certificate)}, in less than {min_days} days")
    if not matches_key:
        found.append("does not belong to the key")
    return found


def deviations(certificate: Certificate, subject: str, dns: t.Iterable[str], signed: bool) -> list[str]:
    """How a certificate differs from the wanted one."""
    found = []
    if certificate.subject != subject:
        found.append(f"is for {certificate.subject}")
    if certificate.dns != frozenset(dns):
        found.append(f"has the DNS names {', '.join(sorted(certificate.dns)) or '(none)'}")
    if not signed:
        found.append("is not signed by the CA")
    return found


def openssl(module: AnsibleModule, *arguments: str, data: str | None = None) -> tuple[str | None, str]:
    """What openssl prints, None if it failed; and what it complains about."""
    command = [module.get_bin_path("openssl", required=True), *arguments]
    rc, out, err = module.run_command(command, data=data, environ_update={"LC_ALL": "C"})
    return (None if rc else out), (err.strip().splitlines() or [""])[-1]


def read(module: AnsibleModule, path: str) -> Certificate | None:
    """The certificate in a file, None if there is none that openssl can read."""
    arguments = ("-noout", "-subject", "-enddate", "-nameopt", "compat", "-ext", "subjectAltName")
    text = openssl(module, "x509", "-in", path, *arguments)[0]
    return None if text is None else parse(text)


def matches(module: AnsibleModule, certificate: str, key: str) -> bool:
    of_certificate = openssl(module, "x509", "-in", certificate, "-noout", "-pubkey")[0]
    of_key = openssl(module, "pkey", "-in", key, "-passin", "pass:", "-pubout")[0]
    return of_key is not None and of_key == of_certificate


def new_key(module: AnsibleModule, bits: int) -> bytes:
    out, err = openssl(module, "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}")
    if out is None:
        module.fail_json(msg=f"openssl made no key: {err}")
    return out.encode()
