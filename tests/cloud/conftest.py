# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A real OpenStack to test against: OS_CLIENT_CONFIG_FILE says where its clouds.yaml is, ELASTIGRID_CLOUD which cloud of it (default demo).

`tools/cloud.py up` makes one. What a test makes carries the unique site name of the fixture `site`, and is gone afterwards.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t
import uuid

import pytest
import yaml
from faults import Proxy

ROOT = pathlib.Path(__file__).resolve().parents[2]

# pytest-ansible reads it when it is configured, which is after this file is loaded. The link in there is made by `make venv`.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
CLOUDS = os.environ.get("OS_CLIENT_CONFIG_FILE", "")


class Hypervisor:
    """The process of hypervisor.py, for the cloud of the tests."""

    subnet = "10.89.90.0/24"
    gateway = "10.89.90.1"
    pool = ("10.89.90.20", "10.89.90.199")
    """What a Neutron subnet may hand out: the rest belongs to the gateway, the package cache and the cloud itself."""

    def __init__(self, cloud_name: str, log: pathlib.Path) -> None:
        self.log = log
        self.domain = "cloud.test"
        self._cloud_name = cloud_name
        # Past the proxy of a test.
        self._environment = os.environ | {"OS_CLIENT_CONFIG_FILE": CLOUDS}

    @property
    def _command(self) -> list[str]:
        return [sys.executable, str(ROOT / "tests" / "cloud" / "hypervisor.py"), "--cloud", self._cloud_name, "--domain", self.domain]

    def start(self) -> None:
        with open(self.log, "a") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def down(self) -> None:
        self._process.terminate()
        self._process.wait()
        done = subprocess.run([*self._command, "--down"], env=self._environment, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


class RunModule(t.Protocol):
    def __call__(self, name: str, args: dict[str, t.Any], check: bool = False, kill_after: float | None = None) -> dict[str, t.Any]: ...


@pytest.fixture(scope="session")
def cloud_name() -> str:
    """The entry of clouds.yaml that the tests use."""
    assert CLOUDS, "there is no cloud to test against: `tools/cloud.py up` makes one and says what to export"
    return os.environ.get("ELASTIGRID_CLOUD", "demo")


@pytest.fixture(scope="session")
def cloud(cloud_name: str) -> t.Any:
    """The cloud, past any proxy, as module_utils/_openstack.py speaks to it."""
    from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

    return _openstack.Cloud(cloud_name)


@pytest.fixture
def site(cloud: t.Any) -> t.Iterator[str]:
    """A site name that nobody else uses. All that carries its mark is deleted at the end, whatever the modules under test left."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield name
    clean(cloud, name)


@pytest.fixture
def wrong_password(tmp_path: pathlib.Path) -> pathlib.Path:
    """A clouds.yaml like that of the tests, but for its passwords."""
    clouds = yaml.safe_load(pathlib.Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
    for entry in clouds["clouds"].values():
        entry["auth"]["password"] = "wrong"
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(clouds))
    return path


@pytest.fixture
def hypervisor(cloud_name: str, tmp_path: pathlib.Path) -> t.Iterator[Hypervisor]:
    """Servers in a subnet `hypervisor.subnet` become nodes that one can log in to, named <server>.`hypervisor.domain`. Needs tools/cloud.py up."""
    hypervisor = Hypervisor(cloud_name, tmp_path / "hypervisor.log")
    hypervisor.start()
    yield hypervisor
    print(hypervisor.log.read_text())  # pytest shows it if the test failed
    hypervisor.down()


@pytest.fixture
def counted(cloud_name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Proxy]:
    """What the test runs from here on goes through a proxy that counts requests: `counted.calls()`. It lets fail what `inject` asks for."""
    with Proxy(CLOUDS, tmp_path) as proxy:
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(proxy.clouds))
        yield proxy


@pytest.fixture
def faulty(counted: Proxy) -> Proxy:
    """The same, and 5 % of the requests fail. Another seed: FAULT_SEED."""
    counted.share = 0.05
    return counted


@pytest.fixture
def run_module(tmp_path: pathlib.Path) -> RunModule:
    """Runs a module of this collection as Ansible would, and returns its result.

    With `kill_after` all its processes get SIGKILL after so many seconds, unless they have ended before; then the result is {"killed": True}.
    """

    def run(name: str, args: dict[str, t.Any], check: bool = False, kill_after: float | None = None) -> dict[str, t.Any]:
        words = ["localhost", "--inventory", "localhost,", "--connection", "local", "--diff", *(["--check"] if check else [])]
        words += ["--extra-vars", json.dumps({"ansible_python_interpreter": sys.executable})]
        words += ["--module-name", name if "." in name else f"elastigrid.site.{name}", "--args", json.dumps(args)]
        mark = f"ELASTIGRID_TEST_RUN={uuid.uuid4().hex}"
        environment = os.environ | dict([mark.split("=")])
        environment |= {"ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_NOCOLOR": "1"}
        environment |= {"ANSIBLE_LOCAL_TEMP": str(tmp_path), "ANSIBLE_REMOTE_TEMP": str(tmp_path)}
        environment.pop("ANSIBLE_CALLBACKS_ENABLED", None)  # others write beside the JSON
        process = subprocess.Popen(
            [pathlib.Path(sys.executable).with_name("ansible"), *words], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            said, errors = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            kill(mark)
            process.communicate()
            return {"killed": True}
        except KeyboardInterrupt:
            kill(mark)
            raise
        start = said.find('{\n    "custom_stats"')
        assert start >= 0, f"ansible gave no result:\n{said[-3000:]}{errors[-3000:]}"
        return json.loads(said[start:])["plays"][0]["tasks"][0]["hosts"]["localhost"]

    return run


def as_expected(result: dict[str, t.Any], fails: bool) -> dict[str, t.Any]:
    """The result of a module, which has ended as it should or was killed, and shows the user no traceback."""
    assert result.get("killed") or bool(result.get("failed")) is fails, result.get("msg")
    assert "Traceback" not in str(result)
    return result


def kill(mark: str) -> None:
    """SIGKILL to all processes with this word in their environment: Ansible's workers are in sessions of their own."""
    found = True
    while found:  # one may have started another meanwhile
        found = False
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark.encode() in path.read_bytes().split(b"\0"):
                    os.kill(int(path.parent.name), signal.SIGKILL)
                    found = True
            except OSError:
                continue


def wait(what: str, ready: t.Callable[[], t.Any], seconds: float = 60) -> t.Any:
    """What `ready` returns, once that is true."""
    deadline = time.monotonic() + seconds
    while not (result := ready()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.3)
    return result


def belonging(cloud: t.Any, site: str) -> dict[str, list[str]]:
    """The ids of all that carries a site's mark, by kind; what is empty is left out. It shares no code with the modules under test."""
    marked = f"elastigrid_site={site}"

    def neutron(kind: str) -> list[str]:
        return [thing["id"] for thing in cloud.listing("network", f"/{kind}s", f"{kind}s") if marked in thing["description"].split()]

    found = {
        "server": [server["id"] for server in cloud.listing("compute", "/servers/detail", "servers") if server["metadata"].get("elastigrid_site") == site],
        "volume": [
            volume["id"] for volume in cloud.listing("block-storage", "/volumes/detail", "volumes") if volume["metadata"].get("elastigrid_site") == site
        ],
        **{kind: neutron(kind) for kind in ("floatingip", "port", "router", "subnet", "network")},
        "security-group": [
            group["id"] for group in cloud.listing("network", "/security-groups", "security_groups") if marked in group["description"].split()
        ],
        "keypair": [pair["keypair"]["name"] for pair in cloud.get("compute", "/os-keypairs")["keypairs"] if pair["keypair"]["name"] == f"elastigrid-{site}"],
        "server-group": [
            group["id"] for group in cloud.get("compute", "/os-server-groups")["server_groups"] if group["name"].startswith(f"elastigrid-{site}/")
        ],
    }
    return {kind: ids for kind, ids in found.items() if ids}


def clean(cloud: t.Any, site: str) -> None:
    """Delete all of a site, again and again: what is in use goes later, and a module that was killed may have left a request behind."""
    from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

    deadline = time.monotonic() + 120
    while found := belonging(cloud, site):
        assert time.monotonic() < deadline, f"not deleted in 120 s: {found}"
        for kind, things in found.items():
            for thing in things:
                try:
                    delete(cloud, kind, thing)
                except _openstack.ApiError as error:
                    if error.status not in (400, 404, 409):
                        raise
        time.sleep(0.5)


def delete(cloud: t.Any, kind: str, thing: str) -> None:
    service, path = {
        "server": ("compute", "servers"),
        "keypair": ("compute", "os-keypairs"),
        "server-group": ("compute", "os-server-groups"),
        "volume": ("block-storage", "volumes"),
    }.get(kind, ("network", f"{kind}s"))
    if kind == "router":
        for port in cloud.listing("network", "/ports", "ports", device_id=thing, device_owner="network:router_interface"):
            cloud.put("network", f"/routers/{thing}/remove_router_interface", {"port_id": port["id"]})
    cloud.delete(service, f"/{path}/{thing}")
