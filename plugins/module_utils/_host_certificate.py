# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The life of a host certificate: looked at, renewed, copied for services. For the module and, without Ansible, for the program of the timer.

Nothing replaces a certificate that has not been looked at, and copies are only made of one that can be used.
"""

from __future__ import annotations

import argparse
import contextlib
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _certificates, _files, _program

COMMAND_SECONDS = 600
SHOWN = ("-noout", "-subject", "-enddate", "-nameopt", "compat", "-ext", "subjectAltName")
SERVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
TOKEN = re.compile(rb"\s*eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")

SERVICE: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str"},
    "directory": {"type": "path", "required": True},
    "cert": {"type": "str", "default": "hostcert.pem"},
    "key": {"type": "str", "default": "hostkey.pem", "no_log": False},
    "reload": {"type": "list", "elements": "str", "default": []},
}
SPEC: dict[str, dict[str, t.Any]] = {
    "cert": {"type": "path", "required": True},
    "key": {"type": "path", "required": True, "no_log": False},
    "names": {"type": "list", "elements": "str", "required": True},
    "ca_dir": {"type": "path"},
    "warn_days": {"type": "int", "default": 30},
    "renew_command": {"type": "list", "elements": "str", "default": []},
    "renew_days": {"type": "int", "default": 30},
    "services_dir": {"type": "path", "default": "/etc/grid-security/host-certificate.d"},
    "state_dir": {"type": "path", "default": "/var/lib/elastigrid/host-certificate"},
    "metrics": {"type": "path"},
}

Config = dict[str, t.Any]


class RunError(Exception):
    """Nothing could be done; the text is for the user."""


class Report:
    """What a run found and did."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.subject: str | None = None
        self.not_after: float | None = None
        self.renewed = False
        """Whether there is a new certificate, or would be one without check mode."""
        self.services: dict[str, bool] = {}
        """Whether the copy of each service changed."""
        self.failed: set[str] = set()
        """Services whose copy could not be made, or whose units could not be reloaded."""

    @property
    def changed(self) -> bool:
        return self.renewed or any(self.services.values())


class Pair(t.NamedTuple):
    """What was found in the files of a certificate and its key."""

    faults: list[str]
    """Why no service can use them, as sentences."""
    certificate: _certificates.Certificate | None
    chain: str | None
    """Why nobody who trusts the CAs alone would trust it, None if he would."""


# --- decisions ---


def no_certificate(data: bytes) -> str:
    """What a file holds that should hold a certificate, and does not."""
    if TOKEN.match(data):
        return "holds a token, must hold a certificate in PEM"
    if b"PRIVATE KEY-----" in data:
        return "holds a private key and no certificate in PEM"
    if data[:1] == b"\x30":
        return "is no PEM file (it looks like DER or PKCS #12: convert it by openssl)"
    return "is not a PEM certificate"


def days_left(certificate: _certificates.Certificate, now: float) -> float:
    return (certificate.not_after - now) / _certificates.DAY


def is_due(pair: Pair, now: float, renew_days: int) -> bool:
    return bool(pair.faults) or pair.certificate is None or days_left(pair.certificate, now) < renew_days


def verdict(text: str) -> str:
    """Why `openssl verify` refuses a chain, from what it complains about."""
    found = re.search(r"lookup: *(.*)", text)
    return found[1] if found else (text.strip().splitlines() or ["openssl says nothing"])[-1]


def service_errors(service: Config) -> list[str]:
    """What is wrong with what a service asks for. `_files` become paths, so that nothing but a name may be in them."""
    errors = []
    if not SERVICE_NAME.fullmatch(service["name"]):
        errors.append(f"name is {service['name']!r}, must be made of letters, digits, _ and -")
    if not service["directory"].startswith("/"):
        errors.append(f"directory is {service['directory']!r}, must be an absolute path")
    for option in ("cert", "key"):
        if not service[option] or "/" in service[option] or service[option] in (".", ".."):
            errors.append(f"{option} is {service[option]!r}, must be the name of a file in directory")
    if service["cert"] == service["key"]:
        errors.append(f"cert and key are both {service['cert']!r}, must differ")
    return errors


def metrics(report: Report, now: float) -> str:
    """For the textfile collector of Prometheus' node exporter."""
    lines: list[str] = []

    def metric(name: str, text: str, values: dict[str, float]) -> None:
        lines.extend([f"# HELP elastigrid_host_certificate_{name} {text}", f"# TYPE elastigrid_host_certificate_{name} gauge"])
        lines.extend(f"elastigrid_host_certificate_{name}{labels} {value}" for labels, value in values.items())

    metric("success", "Whether the certificate can be used, was renewed if it was due, and all services have it.", {"": int(not report.errors)})
    metric("run_timestamp_seconds", "When the last run was.", {"": int(now)})
    if report.not_after is not None:
        metric("expiry_timestamp_seconds", "When the certificate ends.", {"": int(report.not_after)})
    services = {f'{{service="{name}"}}': int(name not in report.failed) for name in report.services}
    metric("service_up", "Whether the service has a copy of the certificate, and has been told.", services)
    return "\n".join(lines) + "\n"


# --- the run ---


def run(config: Config, service: Config | None = None, check: bool = False) -> Report:
    """`service` is one that wants a copy from now on."""
    with contextlib.ExitStack() as stack:
        if not check:
            try:
                stack.enter_context(_program.locked(config["state_dir"]))
            except _program.LockError as error:
                raise RunError(f"state_dir: {error}") from error
        return _Run(config, service, check).run()


class _Run:
    def __init__(self, config: Config, service: Config | None, check: bool) -> None:
        self.config = config
        self.service = service
        self.check = check
        self.now = time.time()
        self.report = Report()
        self.staging = os.path.join(config["state_dir"], "new")

    def run(self) -> Report:
        cert, key = self.config["cert"], self.config["key"]
        pair = self._look(cert, key)
        if self.config["renew_command"] and is_due(pair, self.now, self.config["renew_days"]):
            problem = None if self.check else self._renew()
            self.report.renewed = problem is None
            if problem:
                (self.report.errors if pair.faults else self.report.warnings).append(f"{cert} was not renewed: {problem}")
            elif not self.check:
                pair = self._look(cert, key)
        will_be_new = self.check and self.report.renewed
        if not will_be_new:
            self.report.errors += pair.faults
        if pair.certificate:
            self.report.subject, self.report.not_after = pair.certificate.subject, pair.certificate.not_after
            left = days_left(pair.certificate, self.now)
            if not pair.faults and left < self.config["warn_days"] and not will_be_new:
                self.report.warnings.append(f"{cert} expires on {_certificates.date(pair.certificate)}, in {left:.0f} days")
        if pair.chain and not pair.faults:
            self.report.warnings.append(f"{cert} is not trusted by who trusts the CAs in {self.config['ca_dir']}: {pair.chain}")
        self._services(pair)
        if self.config["metrics"] and not self.check:
            try:
                _program.replace(self.config["metrics"], metrics(self.report, self.now).encode(), 0o644, os.geteuid(), os.getegid())
            except OSError as error:
                self.report.errors.append(f"{self.config['metrics']} was not written: {error.strerror}")
        return self.report

    def _look(self, cert: str, key: str, is_new: bool = False) -> Pair:
        """What can be said about a pair of files. Of a new one, the mode of the key does not matter yet."""
        faults = []
        certificate, chain = None, None
        data = {}
        for path in (cert, key):
            try:
                with open(path, "rb") as handle:
                    data[path] = handle.read()
            except FileNotFoundError:
                faults.append(f"{path} does not exist")
            except OSError as error:
                faults.append(f"{path} cannot be read: {error.strerror}")
        has_key = key in data and _openssl("pkey", "-in", key, "-passin", "pass:", "-noout")[0] is not None
        if key in data and not has_key:
            faults.append(f"{key} is not a PEM private key without a passphrase")
        if key in data and not is_new and stat.S_IMODE(os.stat(key).st_mode) & 0o177:
            faults.append(f"{key} has mode {stat.S_IMODE(os.stat(key).st_mode):04o}, must be 0400 or 0600")
        if cert in data:
            shown = _openssl("x509", "-in", cert, *SHOWN)[0]
            certificate = None if shown is None else _certificates.parse(shown)
            if certificate is None:
                faults.append(f"{cert} {no_certificate(data[cert])}")
        if certificate:
            matches = not has_key or _openssl("x509", "-in", cert, "-noout", "-pubkey")[0] == _openssl("pkey", "-in", key, "-passin", "pass:", "-pubout")[0]
            faults += [f"{cert} {fault}" for fault in _certificates.faults(certificate, matches, self.now)]
            others = [name for name in self.config["names"] if not self._is_for(cert, name)]
            if others:
                faults.append(f"{cert} is for {', '.join(sorted(certificate.dns)) or certificate.subject}, not for {', '.join(others)}")
            if self.config["ca_dir"] and certificate.not_after > self.now:
                out, complaint = _openssl("verify", "-CApath", self.config["ca_dir"], "-untrusted", cert, cert)
                chain = verdict(complaint) if out is None else None
        return Pair(faults, certificate, chain)

    def _is_for(self, cert: str, name: str) -> bool:
        return "does match certificate" in (_openssl("x509", "-in", cert, "-noout", "-checkhost", name)[0] or "")

    # --- renewal ---

    def _renew(self) -> str | None:
        """A new certificate is in place; else why not. One that was found good, but not put in its place before a crash, comes first."""
        new_cert, new_key = os.path.join(self.staging, "hostcert.pem"), os.path.join(self.staging, "hostkey.pem")
        if not os.path.exists(new_cert) or self._refused(new_cert, new_key):
            shutil.rmtree(self.staging, ignore_errors=True)
            os.mkdir(self.staging, 0o700)
            problem = self._command(new_cert, new_key) or self._refused(new_cert, new_key)
            if problem:
                shutil.rmtree(self.staging, ignore_errors=True)
                return problem
        for path, new, mode in ((self.config["key"], new_key, 0o400), (self.config["cert"], new_cert, 0o644)):
            if os.path.exists(new):
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                there = os.stat(path) if os.path.exists(path) else None
                owner = (there.st_uid, there.st_gid) if there else (os.geteuid(), os.getegid())
                with open(new, "rb") as handle:
                    _program.replace(os.path.realpath(path), handle.read(), mode, *owner)
        shutil.rmtree(self.staging, ignore_errors=True)
        return None

    def _command(self, new_cert: str, new_key: str) -> str | None:
        names = {"HOST_NAMES": " ".join(self.config["names"]), "HOST_CERT": self.config["cert"], "HOST_KEY": self.config["key"]}
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
        command = self.config["renew_command"]
        with tempfile.TemporaryFile() as output:
            try:
                # This runs without Ansible, too: there is no run_command.
                process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self.staging,
                    env={**environment, **names, "NEW_CERT": new_cert, "NEW_KEY": new_key},
                    umask=0o077,
                    start_new_session=True,
                )
            except OSError as error:
                return f"{command[0]} cannot be run: {error.strerror}"
            try:
                status = process.wait(COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return f"{command[0]} did not end within {COMMAND_SECONDS} s"
            output.seek(0)
            said = output.read(65536).decode(errors="replace").strip().splitlines()
        if status:
            return f"{command[0]} ended with status {status}: {' / '.join(said[-3:]) or 'it said nothing'}"
        return None

    def _refused(self, new_cert: str, new_key: str) -> str | None:
        """Why a new certificate is not taken. Without a new key, it is for the old one."""
        pair = self._look(new_cert, new_key if os.path.exists(new_key) else self.config["key"], is_new=True)
        faults = [fault.replace(new_cert, "the new certificate").replace(new_key, "the new key") for fault in pair.faults]
        if pair.chain:
            faults.append(f"the new certificate is not trusted by who trusts the CAs in {self.config['ca_dir']}: {pair.chain}")
        return "; ".join(faults) or None

    # --- copies ---

    def _services(self, pair: Pair) -> None:
        services = self._read_services()
        state_path = os.path.join(self.config["state_dir"], "services.json")
        told = _read_json(state_path) or {}
        known = dict(told)
        if self.service and services.get(self.service["name"]) != self.service:
            services[self.service["name"]] = self.service
            self.report.services[self.service["name"]] = True
            if not self.check:
                os.makedirs(self.config["services_dir"], mode=0o755, exist_ok=True)
                path = os.path.join(self.config["services_dir"], f"{self.service['name']}.json")
                data = json.dumps(self.service, indent=1, sort_keys=True).encode() + b"\n"
                _program.replace(path, data, 0o644, os.geteuid(), os.getegid())
        for name, service in services.items():
            self.report.services.setdefault(name, False)
            will_be_new = self.check and self.report.renewed
            if will_be_new:
                self.report.services[name] = True
            elif not pair.faults:
                try:
                    changed = self._copy(service, known)
                    self.report.services[name] = changed or self.report.services[name]
                except (RunError, OSError) as error:
                    self.report.failed.add(name)
                    self.report.errors.append(f"the service {name} has not got the certificate: {error}")
        known = {name: digest for name, digest in known.items() if name in services}
        if known != told and not self.check:
            _program.replace(state_path, json.dumps(known).encode(), 0o600, os.geteuid(), os.getegid())

    def _read_services(self) -> dict[str, Config]:
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for entry in sorted(os.listdir(self.config["services_dir"])):
                path = os.path.join(self.config["services_dir"], entry)
                if entry.endswith(".json"):
                    service = _read_json(path)
                    if service is None or service.keys() != SERVICE.keys():
                        self.report.errors.append(f"{path} does not say what a service wants")
                    else:
                        found[service["name"]] = service
        return found

    def _copy(self, service: Config, known: dict[str, str]) -> bool:
        """The service has the certificate, and its units know. `known` holds the digest of the certificate that they know."""
        name = service["name"]
        uid, gid = self._ids(service)
        changed, digest = False, ""
        # The key first: a new one with the old certificate lasts for a moment only, and is seen by those who look in it.
        for source, target, mode in ((self.config["key"], service["key"], 0o400), (self.config["cert"], service["cert"], 0o644)):
            path = os.path.join(service["directory"], target)
            with open(source, "rb") as handle:
                data = handle.read()
            digest = hashlib.sha256(data).hexdigest()
            if self._differs(path, data, mode, uid, gid):
                changed = True
                if not self.check:
                    os.makedirs(service["directory"], mode=0o755, exist_ok=True)
                    _program.replace(path, data, mode, uid, gid)
        is_late = known.get(name, digest) != digest
        if (changed or is_late) and not self.check:
            known[name] = ""
            self._reload(service["reload"])
        known[name] = digest
        return changed or is_late

    def _ids(self, service: Config) -> tuple[int, int]:
        """Owner and group; -1 for those that a check before the first installation does not find."""
        try:
            account = pwd.getpwnam(service["owner"])
            return account.pw_uid, grp.getgrnam(service["group"]).gr_gid if service["group"] else account.pw_gid
        except KeyError:
            if self.check:
                return -1, -1
            raise RunError(f"the owner {service['owner']} or the group {service['group']} does not exist") from None

    def _differs(self, path: str, data: bytes, mode: int, uid: int, gid: int) -> bool:
        try:
            with open(path, "rb") as handle:
                there = os.fstat(handle.fileno())
                return handle.read() != data or (stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid) != (mode, uid, gid)
        except OSError:
            return True

    def _reload(self, units: list[str]) -> None:
        """Units that run read the certificate again; those that cannot are restarted, those that do not run stay so."""
        if not units:
            return
        done = _run(["systemctl", "try-reload-or-restart", *units])
        if done.returncode:
            raise RunError(f"systemctl could not reload {', '.join(units)}: {done.stderr.strip()}")


def _read_json(path: str) -> dict[str, t.Any] | None:
    try:
        with open(path, encoding="utf-8") as handle:
            data = json.load(handle)
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _openssl(*arguments: str) -> tuple[str | None, str]:
    """What openssl prints, None if it failed; and what it complains about."""
    done = _run(["openssl", *arguments])
    return (None if done.returncode else done.stdout), done.stderr


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        # This runs without Ansible, too: there is no run_command.
        return subprocess.run(  # pylint: disable=ansible-bad-function
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False, env={**os.environ, "LC_ALL": "C"}, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"{command[0]} cannot be run: {error}") from error


# --- the program ---


def program() -> bytes:
    """This code as one file that Python runs."""
    return _program.archive(_certificates, _files, _program, sys.modules[__name__])


def main(arguments: list[str] | None = None) -> int:
    """0: all is well; 1: something is wrong, though what could be done was done; 2: nothing was done."""
    parser = argparse.ArgumentParser(description="Look at the host certificate, renew it if it is due, and give it to services.")
    parser.add_argument("config", help="what to do: JSON with the options of the Ansible module elastigrid.site.host_certificate")
    parser.add_argument("--check", action="store_true", help="write nothing, only say what is wrong")
    options = parser.parse_args(arguments)
    try:
        config = _read_json(options.config)
        if config is None or config.keys() != SPEC.keys():
            raise RunError(f"{options.config} does not exist, or is not what the module elastigrid.site.host_certificate writes")
        report = run(config, check=options.check)
    except (RunError, OSError) as error:
        _program.log(3, str(error))
        return 2
    if report.renewed:
        _program.log(5, f"{config['cert']} {'would be' if options.check else 'was'} renewed")
    for name, changed in report.services.items():
        if changed:
            _program.log(5, f"the service {name} {'would get' if options.check else 'has got'} the certificate")
    for text in report.warnings:
        _program.log(4, text)
    for text in report.errors:
        _program.log(3, text)
    return 1 if report.errors else 0
