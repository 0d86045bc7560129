# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the tests of the virtual machines share: a way to run a command on a guest, and one to wait."""

from __future__ import annotations

import pathlib
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def on():
    """on("vm1", "id", user="grid01"): what the command says, run by a shell as root or another user; it must end with 0 unless check=False."""

    def run(host: str, command: str, user: str = "root", check: bool = True, timeout: int = 120) -> str:
        # A guest that reboots answers no more; qemu, which forwards the port, still does.
        options = ["-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=10"]
        words = ["ssh", "-F", str(ROOT / ".sandbox/vm/ssh_config"), *options, f"{host}.grid.test", "sudo", "--login", "--user", user, "sh"]
        result = subprocess.run(words, input=command, capture_output=True, text=True, timeout=timeout, check=False)
        if check and result.returncode:
            pytest.fail(f"on {host} as {user}: {command}\nended with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result.stdout.strip()

    return run


@pytest.fixture(scope="session")
def play():
    """play("playbook.yml", ...): run it on the guests; the result has returncode and stdout."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = ["ansible-playbook", "-i", "inventories/vm/hosts.yml", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def until():
    """until("the node is back", lambda: ..., seconds=120): wait, asking every two seconds; returns the first true answer."""

    def wait(what: str, ask, seconds: int = 120):
        deadline = time.monotonic() + seconds
        while not (answer := ask()):
            if time.monotonic() > deadline:
                pytest.fail(f"not in {seconds} s: {what}")
            time.sleep(2)
        return answer

    return wait
