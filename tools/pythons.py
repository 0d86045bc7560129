#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The virtual environments, and the tests that run under several Pythons with several ansible-core.

    tools/pythons.py venv      make .cache/venv, and the link by which the checkout is found as a collection
    tools/pythons.py sanity    ansible-test sanity, under each Python
    tools/pythons.py units     pytest tests/unit, under each Python

A Python that is missing is named and left out; where ELASTIGRID_ALL_PYTHONS is set (CI) it is an error.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
REPORTS = ROOT / "reports"
MAIN_VENV = CACHE / "venv"
COLLECTION = pathlib.Path("ansible_collections/elastigrid/site")

# The first is the one of requirements.txt. The others are the newest of their series for the next Pythons.
CORES = {"3.11": None, "3.12": "2.20.10", "3.13": "2.21.5"}

# ansible-test runs this in each environment that it makes, as `get_pip.py [options of pip install] pip==X`; otherwise it would
# download the script from a site of its own, which is not there in a network that has a package index and nothing else.
GET_PIP = '''\
"""Stands in for get-pip.py: what ensurepip carries installs the pip that was asked for."""
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "pip", "install"] + wanted)
'''
GET_PIP_VERSIONS = ("24_2", "25_2")  # the pip that ansible-core 2.19, and 2.20 and later, ask for


class Failure(Exception):
    """Something that the user can act on; shown without a traceback."""

NO_PART = (b"tools/", b"tests/benchmarks/", b"tests/cloud/", b"tests/sandbox/", b"tests/vm/")


def say(message: str) -> None:
    print(f"pythons: {message}", flush=True)


def run(*command: object, **kwargs) -> None:
    """Run a command; its output is the user's to read."""
    result = subprocess.run([str(word) for word in command], check=False, **kwargs)
    if result.returncode:
        raise Failure(f"`{' '.join(map(str, command))[:200]}` ended with {result.returncode}")


def find_python(version: str) -> str | None:
    """The real path of a python3.x that can make virtual environments.

    A shim of pyenv may be on PATH and say that this version is not selected: therefore each candidate is tried. One that lies in
    a virtual environment, such as our own, stands for the Python that it was made of.
    """
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    for candidate in filter(None, candidates):
        probe = subprocess.run(
            [str(candidate), "-c", "import ensurepip, ssl, sys, venv; print(sys._base_executable)"],
            capture_output=True, text=True, check=False,
        )
        if not probe.returncode:
            return probe.stdout.strip()
    return None


def pythons() -> Iterator[tuple[str, str]]:
    """The versions to test, with their programs."""
    missing = []
    for version in CORES:
        python = find_python(version)
        if python:
            yield version, python
        else:
            missing.append(version)
    if missing:
        message = f"NOT TESTED, since there is no such Python with ensurepip here: {', '.join(missing)}"
        if os.environ.get("ELASTIGRID_ALL_PYTHONS") or len(missing) == len(CORES):
            raise Failure(message)
        say(message)


def requirements(path: pathlib.Path) -> str:
    """The text of a requirements file with those it includes."""
    text = path.read_text()
    included = [line.split()[1] for line in text.splitlines() if line.startswith("-r ")]
    return text + "".join(requirements(path.parent / name) for name in included)


def make_venv(venv: pathlib.Path, python: str, file: str, *packages: str) -> pathlib.Path:
    """The environment's bin directory; made anew when a requirement or the Python has changed."""
    wanted = hashlib.sha256("\n".join([python, *packages, requirements(ROOT / file)]).encode()).hexdigest()
    stamp = venv / ".stamp"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{venv}.lock", "w") as lock:  # two stages of `make test` may ask at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            started = time.monotonic()
            say(f"making {venv.relative_to(ROOT)} of {python}; this downloads some packages")
            run(python, "-m", "venv", "--clear", venv)
            run(venv / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "-qq", "-r", file, *packages, cwd=ROOT)
            stamp.write_text(wanted)
            say(f"{venv.relative_to(ROOT)} made in {time.monotonic() - started:.0f} s")
    return venv / "bin"


def make_main_venv() -> pathlib.Path:
    """The environment of playbooks and linters: of the first Python of the table that is here."""
    python = next(filter(None, map(find_python, CORES)), None)
    if not python:
        raise Failure(f"none of Python {', '.join(CORES)} is here with ensurepip; on Debian: apt install python3-venv")
    bin_dir = make_venv(MAIN_VENV, python, "requirements-dev.txt")
    link = CACHE / "collections" / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to("../../../..")
    return bin_dir


def make_test_venv(version: str, python: str) -> pathlib.Path:
    core = CORES[version]
    if core is None:
        return make_main_venv()
    return make_venv(CACHE / f"venv-{version}", python, "tests/unit/requirements.txt", f"ansible-core=={core}")


def clean_copy(version: str) -> pathlib.Path:
    """A copy of what is, or would be, committed, at a path that ansible-test accepts.

    Without what is no part of the collection: tools/ (ansible-test allows no script there that names python3) and the tests of whole sites.
    """
    copy = CACHE / "ansible-test" / version / COLLECTION
    copy.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout
    files = sorted(
        name for name in set(listed.split(b"\0")) if name and not name.startswith(NO_PART) and os.path.lexists(ROOT / os.fsdecode(name))
    )
    # rsync deletes nothing from a list of files: what has gone is found out here.
    for path in sorted(copy.rglob("*"), reverse=True):
        name = path.relative_to(copy)
        if name.parts[0] == ".git" or name.parts[:2] == ("tests", "output"):
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif os.fsencode(name) not in files:
            path.unlink()
    # ansible-test asks git for the files; the checkout's git would answer that all of .cache is ignored.
    if not (copy / ".git").exists():
        run("git", "init", "--quiet", copy)
    run("rsync", "--archive", "--from0", "--files-from=-", f"{ROOT}/", f"{copy}/", input=b"\0".join(files))
    return copy


def ansible_test_home() -> pathlib.Path:
    """A home directory for ansible-test, whose environments then outlive a run and lie in the checkout."""
    home = CACHE / "home"
    scripts = home / ".ansible/test/cache"
    scripts.mkdir(parents=True, exist_ok=True)
    for version in GET_PIP_VERSIONS:
        (scripts / f"get_pip_{version}.py").write_text(GET_PIP)
    (home / ".pip").mkdir(exist_ok=True)
    (home / ".pip/pip.conf").write_text("[global]\nquiet = 2\n")
    for name in (".config/pip", ".cache/pip"):  # the user's package index, and what was downloaded already
        real, link = pathlib.Path.home() / name, home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if real.exists() and not link.is_symlink():
            link.symlink_to(real)
    return home


def sanity(version: str, python: str) -> None:
    bin_dir = make_test_venv(version, python)
    copy = clean_copy(version)
    # The Pythons that ansible-test finds on PATH are the ones it imports the modules with: this one, and, once, the oldest that
    # a host may have. A shim of pyenv is none, hence links to the real ones.
    found = copy.parents[2] / "bin"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir()
    oldest = find_python("3.9") if CORES[version] is None else None
    for name, target in ((f"python{version}", python), ("python3.9", oldest)):
        if target:
            (found / name).symlink_to(target)
    environment = dict(os.environ, HOME=str(ansible_test_home()), PATH=f"{bin_dir}:{found}:/usr/local/bin:/usr/bin:/bin", PYTHONWARNINGS="ignore")
    REPORTS.mkdir(exist_ok=True)
    log = REPORTS / f"sanity-{version}.log"
    with log.open("w") as output:
        result = subprocess.run(
            ["ansible-test", "sanity", "--color", "no"], cwd=copy, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
        )
    lines = log.read_text().splitlines()
    ran = {line.split('"')[1] for line in lines if line.startswith("Running sanity test ")}
    say(f"{len(ran)} sanity tests ran with Python {version}; {log.relative_to(ROOT)} has all that they said")
    # With no files to look at, ansible-test is content; so is it with nothing but a few tests that need no environment.
    if result.returncode or not {"import", "pylint", "validate-modules"} <= ran:
        quiet = ("Running sanity test ", "Installing requirements ", "Using cached pip ", "WARNING: Skipping sanity test ")
        print("\n".join(line for line in lines if not line.startswith(quiet)), flush=True)
        raise Failure(f"ansible-test sanity with Python {version} ended with {result.returncode}")


def units(version: str, python: str) -> None:
    bin_dir = make_test_venv(version, python)
    REPORTS.mkdir(exist_ok=True)
    run(bin_dir / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit", f"--junitxml={REPORTS}/units-{version}.xml", cwd=ROOT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["venv", "sanity", "units"])
    command = parser.parse_args().command
    make_main_venv()
    if command == "venv":
        return
    test = {"sanity": sanity, "units": units}[command]
    failed = []
    for version, python in list(pythons()):
        started = time.monotonic()
        try:
            test(version, python)
            outcome = "passed"
        except Failure as failure:
            say(str(failure))
            failed.append(version)
            outcome = "FAILED"
        say(f"{command}, Python {version}, ansible-core {CORES[version] or 'of requirements.txt'}: {outcome} in {time.monotonic() - started:.0f} s")
    if failed:
        raise Failure(f"{command} failed with Python {', '.join(failed)}")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"pythons: {failure}")
