# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""With real certificates, a real command that renews, and a stand-in for systemctl."""

from __future__ import annotations

import datetime
import getpass
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
from ansible.module_utils.testing import patch_module_args
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from ansible_collections.elastigrid.site.plugins.module_utils import _certificates, _host_certificate
from ansible_collections.elastigrid.site.plugins.modules import host_certificate

NAME = "ce.id.test"


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A CA, and a second one that nobody trusts; both with a host key that certificates are made for."""
    place = tmp_path_factory.mktemp("ca")
    for name in ("ca", "stranger"):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", place / f"{name}.key")
        openssl("req", "-x509", *key, "-days", "3650", "-subj", f"/DC=test/CN={name}", "-out", place / f"{name}.pem")
    (place / "trusted").mkdir()
    name = openssl("x509", "-in", place / "ca.pem", "-noout", "-hash").stdout.decode().strip()
    (place / "trusted" / f"{name}.0").write_bytes((place / "ca.pem").read_bytes())
    return place


class Site:
    def __init__(self, place, authority, monkeypatch):
        self.place, self.authority = place, authority
        self.cert, self.key = place / "hostcert.pem", place / "hostkey.pem"
        self.config = {
            **{name: option.get("default") for name, option in _host_certificate.SPEC.items()},
            "cert": str(self.cert),
            "key": str(self.key),
            "names": [NAME],
            "ca_dir": str(authority / "trusted"),
            "services_dir": str(place / "services.d"),
            "state_dir": str(place / "state"),
        }
        (place / "bin").mkdir()
        (place / "bin" / "systemctl").write_text(f'#!/bin/sh\necho "$*" >>{place}/reloads\n[ ! -e {place}/broken ] || exit 1\n')
        (place / "bin" / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}/bin:{os.environ['PATH']}")
        self.service = {**{n: o.get("default") for n, o in _host_certificate.SERVICE.items()}, "name": "web", "owner": getpass.getuser()}
        self.service.update(directory=str(place / "web"), reload=["web.service"])

    def issue(self, cert=None, key=None, name=NAME, begin=-1, end=365, ca="ca", of=None):
        """A pair of files; with `of`, a certificate alone, for that key."""
        cert, key = cert or self.cert, key or self.key
        made = load_pem_private_key(of.read_bytes(), None) if of else ec.generate_private_key(ec.SECP256R1())
        issuer = x509.load_pem_x509_certificate((self.authority / f"{ca}.pem").read_bytes())
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(issuer.subject)
            .public_key(made.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(begin))
            .not_valid_after(now + datetime.timedelta(end, 60))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        )
        signed = builder.sign(load_pem_private_key((self.authority / f"{ca}.key").read_bytes(), None), hashes.SHA256())
        cert.write_bytes(signed.public_bytes(Encoding.PEM))
        if not of:
            key.unlink(missing_ok=True)
            key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            key.chmod(0o400)

    def renews_with(self, script="", **issue):
        """The command copies a pair that is made now, and then does what `script` says."""
        new = self.place / "new"
        new.mkdir(exist_ok=True)
        self.issue(new / "cert", new / "key", **issue)
        text = f"echo called >>{self.place}/calls; cat {new}/cert >$NEW_CERT; cat {new}/key >$NEW_KEY; {script}"
        self.config["renew_command"] = ["/bin/sh", "-c", text]

    def run(self, check=False, **options):
        return _host_certificate.run(self.config, check=check, **options)

    def lines(self, name):
        path = self.place / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def site(tmp_path, authority, monkeypatch):
    return Site(tmp_path, authority, monkeypatch)


def tree(place):
    return {str(path): path.read_bytes() for path in sorted(pathlib.Path(place).rglob("*")) if path.is_file() and path.name != "lock"}


# --- what is wrong with a certificate ---


def test_a_good_certificate(site):
    site.issue()
    report = site.run()
    assert (report.errors, report.warnings, report.changed) == ([], [], False)
    assert report.subject == f"/DC=test/CN={NAME}"


@pytest.mark.parametrize(
    ("issue", "error"),
    [
        ({"end": -0.5}, "hostcert.pem expired on 20"),
        ({"name": "other.id.test"}, f"hostcert.pem is for other.id.test, not for {NAME}"),
        ({"name": "*.test"}, f"hostcert.pem is for *.test, not for {NAME}"),
    ],
)
def test_a_certificate_that_no_service_can_use(site, issue, error):
    site.issue(**issue)
    (text,) = site.run(service=site.service).errors
    assert error in text
    assert not (site.place / "web").exists()


def test_a_wildcard_is_for_the_host(site):
    site.issue(name="*.id.test")
    assert site.run().errors == []


def test_a_key_of_another_certificate(site):
    site.issue()
    site.issue(site.place / "x")
    assert site.run().errors == [f"{site.cert} does not belong to the key"]


def test_a_key_that_others_can_read(site):
    site.issue()
    site.key.chmod(0o644)
    assert site.run().errors == [f"{site.key} has mode 0644, must be 0400 or 0600"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "holds a token, must hold a certificate in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "holds a private key and no certificate"),
        (b"\x30\x82\x01\x00", "is no PEM file"),
        (b"<html>Login</html>", "is not a PEM certificate"),
        (b"", "is not a PEM certificate"),
    ],
)
def test_something_else_in_place_of_a_certificate(site, data, words):
    site.issue()
    site.cert.write_bytes(data)
    (error,) = site.run().errors
    assert error.startswith(f"{site.cert} {words}")


def test_no_files(site):
    assert site.run().errors == [f"{site.cert} does not exist", f"{site.key} does not exist"]


def test_warnings(site):
    site.issue(end=20, ca="stranger")
    report = site.run()
    assert report.errors == []
    assert "expires on" in report.warnings[0] and "in 20 days" in report.warnings[0]
    assert "is not trusted by who trusts the CAs in" in report.warnings[1]
    site.config.update(warn_days=10, ca_dir=None)
    assert site.run().warnings == []


# --- renewal ---


def test_a_certificate_that_is_not_due_is_not_renewed(site):
    site.issue()
    site.renews_with()
    assert not site.run().changed and not site.lines("calls")


@pytest.mark.parametrize("first", [{"end": 10}, {"end": -0.5}, {"name": "other.id.test"}, None])
def test_a_renewal(site, first):
    if first:
        site.issue(**first)
    site.renews_with()
    before = tree(site.place)
    checked = site.run(check=True)
    assert checked.renewed and not checked.errors and tree(site.place) == before
    report = site.run(service=site.service)
    assert (report.errors, report.warnings, report.renewed, report.services) == ([], [], True, {"web": True})
    assert site.cert.read_bytes() == (site.place / "new" / "cert").read_bytes() == (site.place / "web" / "hostcert.pem").read_bytes()
    assert site.key.stat().st_mode & 0o777 == 0o400 and site.cert.stat().st_mode & 0o777 == 0o644
    assert not (site.place / "state" / "new").exists()
    assert not site.run().changed and len(site.lines("calls")) == 1


@pytest.mark.parametrize(
    ("issue", "script", "reason"),
    [
        ({"name": "other.id.test"}, "", f"the new certificate is for other.id.test, not for {NAME}"),
        ({"end": -0.5}, "", "the new certificate expired on"),
        ({"begin": 1}, "", "certificate is not yet valid"),
        ({"ca": "stranger"}, "", "the new certificate is not trusted by who trusts the CAs in"),
        ({}, "rm $NEW_KEY", "the new certificate does not belong to the key"),
        ({}, "rm $NEW_CERT", "the new certificate does not exist"),
        ({}, "echo eyJa.b.c >$NEW_CERT", "the new certificate holds a token"),
        ({}, "echo no luck >&2; exit 3", "ended with status 3: no luck"),
    ],
)
def test_a_renewal_that_is_refused(site, issue, script, reason):
    site.issue(end=10)
    site.renews_with(script, **issue)
    before = (site.cert.read_bytes(), site.key.read_bytes())
    report = site.run(service=site.service)
    assert report.errors == [] and not report.renewed
    assert reason in report.warnings[0] and "was not renewed" in report.warnings[0]
    assert (site.cert.read_bytes(), site.key.read_bytes()) == before
    assert (site.place / "web" / "hostcert.pem").read_bytes() == before[0]
    assert not (site.place / "state" / "new").exists()


def test_a_refused_renewal_of_what_cannot_be_used_is_an_error(site):
    site.issue(end=-0.5)
    site.renews_with("exit 1")
    errors = site.run().errors
    assert "was not renewed" in errors[0] and "expired on" in errors[1]


def test_a_command_that_does_not_exist(site):
    site.issue(end=10)
    site.config["renew_command"] = ["/nonexistent"]
    assert "/nonexistent cannot be run" in site.run().warnings[0]


def test_a_command_that_hangs(site, monkeypatch):
    monkeypatch.setattr(_host_certificate, "COMMAND_SECONDS", 0.3)
    site.issue(end=10)
    site.config["renew_command"] = ["/bin/sh", "-c", "sleep 60 & sleep 60"]
    begin = time.monotonic()
    assert "did not end within" in site.run().warnings[0]
    assert time.monotonic() - begin < 10


def test_a_renewal_may_keep_the_key(site):
    site.issue(end=10)
    key = site.key.read_bytes()
    site.issue(site.place / "kept", of=site.key)
    site.config["renew_command"] = ["/bin/sh", "-c", f"cat {site.place}/kept >$NEW_CERT"]
    assert site.run().renewed and site.key.read_bytes() == key


def test_a_good_certificate_from_before_a_crash_is_put_in_its_place(site):
    site.issue(end=10)
    staged = site.place / "state" / "new"
    staged.mkdir(parents=True)
    site.issue(staged / "hostcert.pem", staged / "hostkey.pem")
    wanted = (staged / "hostcert.pem").read_bytes()
    site.config["renew_command"] = ["/bin/false"]
    assert site.run().renewed and site.cert.read_bytes() == wanted


def test_a_link_is_followed(site):
    site.issue(end=10)
    os.rename(site.cert, site.place / "real.pem")
    site.cert.symlink_to("real.pem")
    site.renews_with()
    assert site.run().renewed and site.cert.is_symlink()
    assert site.cert.read_bytes() == (site.place / "new" / "cert").read_bytes()


# --- copies ---


def test_a_copy_follows_its_original(site):
    site.issue()
    before = tree(site.place)
    assert site.run(check=True, service=site.service).services == {"web": True}
    assert tree(site.place) == before
    assert site.run(service=site.service).services == {"web": True}
    key = site.place / "web" / "hostkey.pem"
    assert key.stat().st_mode & 0o777 == 0o400 and key.read_bytes() == site.key.read_bytes()
    assert len(site.lines("reloads")) == 1
    assert not site.run(service=site.service).changed and not site.run().changed
    site.issue()
    assert site.run(check=True).services == {"web": True}
    assert site.run().services == {"web": True}
    assert site.lines("reloads") == ["try-reload-or-restart web.service"] * 2
    assert (site.place / "web" / "hostcert.pem").read_bytes() == site.cert.read_bytes()
    key.chmod(0o600)
    assert site.run().changed and key.stat().st_mode & 0o777 == 0o400
    assert not site.run().changed


def test_a_reload_that_fails_is_tried_again(site):
    site.issue()
    site.run(service=site.service)
    (site.place / "broken").touch()
    site.issue()
    report = site.run()
    assert "the service web has not got the certificate: systemctl could not reload web.service" in report.errors[0]
    assert 'service_up{service="web"} 0' in _host_certificate.metrics(report, 0)
    (site.place / "broken").unlink()
    reloads = len(site.lines("reloads"))
    assert site.run().errors == []
    assert len(site.lines("reloads")) == reloads + 1
    assert not site.run().changed


def test_one_service_that_fails_does_not_keep_others_from_their_copies(site):
    site.issue()
    report = site.run(service={**site.service, "name": "a", "owner": "nobody-knows", "directory": str(site.place / "a")})
    assert "the service a has not got the certificate: the owner nobody-knows" in report.errors[0]
    report = site.run(service=site.service)
    assert len(report.errors) == 1 and (site.place / "web" / "hostcert.pem").exists()


def test_a_service_whose_account_is_yet_to_come(site):
    site.issue()
    assert site.run(check=True, service={**site.service, "owner": "nobody-knows"}).services == {"web": True}


def test_a_broken_registration_is_named(site):
    site.issue()
    (site.place / "services.d").mkdir()
    (site.place / "services.d" / "x.json").write_text("{")
    assert site.run().errors == [f"{site.place}/services.d/x.json does not say what a service wants"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": "../x"}, "name is '../x'"),
        ({"directory": "x"}, "directory is 'x', must be an absolute path"),
        ({"cert": "../x"}, "cert is '../x', must be the name of a file"),
        ({"key": ".."}, "key is '..'"),
        ({"key": "hostcert.pem"}, "cert and key are both"),
    ],
)
def test_what_a_service_cannot_ask_for(site, change, error):
    (text,) = _host_certificate.service_errors({**site.service, **change})
    assert text.startswith(error)


# --- program and module ---


def test_the_program(site):
    site.issue()
    site.config["metrics"] = str(site.place / "metrics.prom")
    program, config = site.place / "program", site.place / "config.json"
    program.write_bytes(_host_certificate.program())
    config.write_text(json.dumps(site.config))

    def run(*arguments):
        return subprocess.run([sys.executable, "-I", str(program), str(config), *arguments], capture_output=True, text=True, check=False)

    assert (run().returncode, run().stderr) == (0, "")
    assert "elastigrid_host_certificate_success 1" in site.lines("metrics.prom")
    site.issue(end=-0.5)
    assert run("--check").returncode == 1
    assert "expired on" in run().stderr
    assert "elastigrid_host_certificate_success 0" in site.lines("metrics.prom")
    config.write_text('{"cert": 1}')
    assert run().returncode == 2 and "is not what the module" in run().stderr


def test_the_module(site, capsys, monkeypatch):
    warnings = []
    monkeypatch.setattr(host_certificate.AnsibleModule, "warn", lambda module, text: warnings.append(text))

    def run(**options):
        arguments = {**{name: value for name, value in site.config.items() if value is not None}, "_ansible_remote_tmp": str(site.place), **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            host_certificate.main()
        return json.loads(capsys.readouterr().out)

    site.issue(end=20)
    program = {"path": str(site.place / "program"), "config": str(site.place / "config.json")}
    before = tree(site.place)
    checked = run(program=program, service={"name": "web", "owner": getpass.getuser(), "directory": str(site.place / "web")}, _ansible_check_mode=True)
    assert checked["changed"] and tree(site.place) == before
    made = run(program=program, service={"name": "web", "owner": getpass.getuser(), "directory": str(site.place / "web")})
    assert made["changed"] and made["services"] == checked["services"] == {"web": True}
    assert "in 20 days" in warnings[-1]
    assert not run(program=program)["changed"]
    assert json.loads((site.place / "config.json").read_text()) == site.config
    assert "service.name" in run(service={"name": "/", "directory": "/x"})["msg"]
    site.issue(end=-0.5)
    assert run()["failed"]


def test_how_openssl_says_why_it_trusts_nobody():
    text = "CN=x\nerror 20 at 0 depth lookup: unable to get local issuer certificate\nerror /x: verification failed\n"
    assert _host_certificate.verdict(text) == "unable to get local issuer certificate"
    assert _host_certificate.verdict("Can't open x\n") == "Can't open x"
    assert _host_certificate.verdict("") == "openssl says nothing"


def test_days():
    certificate = _certificates.Certificate("/CN=x", 10 * 86400, frozenset())
    assert _host_certificate.days_left(certificate, 0) == 10
    assert _host_certificate.is_due(_host_certificate.Pair([], certificate, None), 0, 11)
    assert not _host_certificate.is_due(_host_certificate.Pair([], certificate, None), 0, 10)
