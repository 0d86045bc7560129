# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The three modules for certificates, with the real openssl: what one makes, the next one takes, and openssl itself judges."""

from __future__ import annotations

import getpass
import itertools
import json
import stat
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.elastigrid.site.plugins.module_utils import _certificates
from ansible_collections.elastigrid.site.plugins.modules import certificate_info, certificate_request, sandbox_ca

BASE = "/DC=test/DC=grid/O=Sandbox"


class Site:
    """A CA and a host in directories."""

    def __init__(self, capsys, path):
        self.capsys, self.path = capsys, path
        self.cert, self.key = path / "cert.pem", path / "key.pem"

    def run(self, module, **arguments):
        with patch_module_args({"_ansible_remote_tmp": str(self.path), **arguments}):
            with pytest.raises(SystemExit):
                module.main()
        return json.loads(self.capsys.readouterr().out)

    def ca(self, **arguments):
        result = self.run(sandbox_ca, path=str(self.path / "ca"), base=BASE, **arguments)
        if "certificate" in result:
            (self.path / "trust.pem").write_text(result["certificate"])
        return result

    def request(self, name="ce.grid.test", dns=("ce.grid.test",), **arguments):
        wanted = {"subject": f"{BASE}/CN={name}", "dns": list(dns), "certificate": str(self.cert), "key": str(self.key), "owner": getpass.getuser()}
        return self.run(certificate_request, ca=str(self.path / "trust.pem"), certificates=[wanted], **arguments)

    def issue(self, certificate_days=365, **arguments):
        signed = self.ca(requests=self.request(**arguments)["requests"], certificate_days=certificate_days)["signed"]
        self.cert.write_text(signed[0]["pem"])

    def info(self):
        result = self.run(certificate_info, certificate=str(self.cert), key=str(self.key))
        return result["certificate_faults"] + result["key_faults"]


@pytest.fixture(scope="module")
def keys():
    """Three real keys in turn, for making them is what takes long."""
    return itertools.cycle([openssl("genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").encode() for dummy in range(3)])


@pytest.fixture
def site(capsys, tmp_path, monkeypatch, keys):
    monkeypatch.setattr(_certificates, "new_key", lambda *dummy: next(keys))
    return Site(capsys, tmp_path)


def test_keys_are_made_by_openssl(monkeypatch):
    asked = []
    monkeypatch.setattr(_certificates, "openssl", lambda *arguments: asked.append(arguments) or ("KEY", ""))
    assert _certificates.new_key("module", 3072) == b"KEY"
    assert "rsa_keygen_bits:3072" in asked[0]


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def test_a_ca_is_made_once_and_shows_no_key(site):
    first = site.ca()
    assert first["changed"]
    assert "PRIVATE" not in json.dumps(first)
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (site.path / "ca").glob("ca.*")} == {"ca.key": 0o600, "ca.pem": 0o600, "ca.crl": 0o600}
    assert stat.S_IMODE((site.path / "ca").stat().st_mode) == 0o700
    second = site.ca()
    assert not second["changed"]
    assert second["certificate"] == first["certificate"]


def test_a_check_makes_nothing(site):
    result = site.ca(_ansible_check_mode=True)
    assert result["changed"]
    assert "certificate" not in result
    assert not (site.path / "ca").exists()


def test_openssl_accepts_host_and_user(site):
    (site.path / "trust").mkdir()
    ca = site.ca()
    for suffix, text in (("0", ca["certificate"]), ("r0", ca["crl"])):
        (site.path / "trust" / f"{ca['hash']}.{suffix}").write_text(text)
    judge = ("verify", "-x509_strict", "-crl_check", "-CApath", site.path / "trust")
    site.issue()
    openssl(*judge, "-purpose", "sslserver", "-verify_hostname", "ce.grid.test", site.cert)
    site.issue(name="Sandbox User", dns=())
    openssl(*judge, "-purpose", "sslclient", site.cert)
    assert "digitalSignature" in openssl("x509", "-in", site.cert, "-noout", "-ext", "keyUsage").replace("Digital Signature", "digitalSignature")


def test_a_right_certificate_is_not_due(site):
    site.ca()
    site.issue()
    assert stat.S_IMODE(site.key.stat().st_mode) == 0o400
    assert site.info() == []
    assert site.request()["due"] == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda site: site.cert.unlink(), "does not exist"),
        (lambda site: site.cert.write_text("x"), "is not a PEM certificate"),
        (lambda site: site.key.unlink(), "does not belong to the key"),
        (lambda site: site.issue(name="other"), f"is for {BASE}/CN=other"),
        (lambda site: site.issue(dns=["www.grid.test"]), "has the DNS names www.grid.test"),
        (lambda site: site.issue(dns=["www.grid.test"], certificate_days=29), "in less than 30 days"),
        (lambda site: ((site.path / "ca" / "ca.key").unlink(), (site.path / "ca" / "ca.pem").unlink(), site.ca()), "is not signed by the CA"),
    ],
)
def test_a_wrong_certificate_is_due(site, change, reason):
    site.ca()
    site.issue()
    change(site)
    result = site.request(_ansible_check_mode=True)
    assert result["changed"]
    assert reason in result["due"][0]
    assert result["requests"] == []


def test_a_renewal_keeps_the_key(site):
    site.ca()
    site.issue(certificate_days=20)
    key = site.key.read_bytes()
    site.issue()
    assert site.key.read_bytes() == key
    assert site.request()["due"] == []


def test_a_renewed_ca_still_vouches_for_what_it_signed(site):
    old = site.ca(days=20)["certificate"]
    site.issue()
    assert site.ca()["certificate"] != old
    assert site.request()["due"] == []
    assert not site.ca()["changed"]


def test_a_ca_signs_no_foreign_name(site):
    site.ca()
    request = {"csr": site.request()["requests"][0]["csr"], "subject": "/DC=org/CN=x"}
    assert "names begin with" in site.ca(requests=[request])["msg"]


def test_the_name_is_what_the_ca_was_told_not_what_the_request_says(site):
    site.ca()
    asked = site.request(name="root", dns=())["requests"][0]
    site.cert.write_text(site.ca(requests=[asked | {"subject": f"{BASE}/CN=Sandbox User"}])["signed"][0]["pem"])
    assert "CN=Sandbox User" in openssl("x509", "-in", site.cert, "-noout", "-subject", "-nameopt", "compat")
    assert openssl("x509", "-in", site.cert, "-noout", "-issuer", "-nameopt", "compat").strip().endswith(f"{BASE}/CN=CA")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda site: site.key.chmod(0o644), "has mode 0644, must be 0400 or 0600"),
        (lambda site: site.cert.unlink(), "does not exist"),
        (lambda site: (site.key.unlink(), site.key.write_bytes(b"x"), site.key.chmod(0o600)), "is not a PEM private key without a passphrase"),
        (lambda site: (site.key.unlink(), site.request()), "does not belong to the key"),
    ],
)
def test_what_keeps_a_service_from_using_a_certificate(site, change, fault):
    site.ca()
    site.issue()
    change(site)
    assert site.info() == [fault]
