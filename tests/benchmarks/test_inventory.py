# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""`ansible-inventory --list` of the plugin openstack, and of openstack.cloud.openstack under the same Python and Ansible.

Needs a test cloud (OS_CLIENT_CONFIG_FILE, ELASTIGRID_CLOUD). Servers are made there up to BENCHMARK_SERVERS (default 1000; the first
1000 take a quarter of an hour), and stay: making the cloud anew is cheaper than deleting them. Other numbers are copies of one of
them, told by a small HTTP server in place of Nova, which takes no time to think.
"""

from __future__ import annotations

import collections
import http.client
import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import typing as t
import urllib.parse
import uuid

import pytest
import yaml
from conftest import ROOT, cpu_seconds, table

sys.path.append(str(ROOT / "tests" / "cloud"))
sys.path.append(str(ROOT / "tools"))
import pythons
from faults import Proxy

CLOUD = os.environ.get("ELASTIGRID_CLOUD", "demo")
SERVERS = int(os.environ.get("BENCHMARK_SERVERS", "1000"))
REPLAYED = [size for size in (100, 1000, 5000) if size != SERVERS]
RUNS = 3
SITE = "bench-inventory"
INCUMBENT = ROOT / ".cache" / "incumbent"
PLUGINS = {
    "elastigrid.site.openstack": {"plugin": "elastigrid.site.openstack", "clouds": [CLOUD]},
    "openstack.cloud.openstack": {"plugin": "openstack.cloud.openstack", "only_clouds": [CLOUD]},
}


class Listing(t.NamedTuple):
    seconds: float
    cpu: float
    megabytes: float
    hosts: int


@pytest.fixture(scope="session")
def program() -> pathlib.Path:
    """`ansible-inventory` of an environment that has the newest openstack.cloud."""
    python = pythons.find_python("3.13") or pythons.find_python("3.12")
    assert python, "the package ansible 14 needs Python 3.12 or later"
    return pythons.make_venv(INCUMBENT, python, "tests/benchmarks/incumbent.txt") / "ansible-inventory"


@pytest.fixture(scope="session")
def cloud() -> t.Any:
    from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

    return _openstack.Cloud(CLOUD)


@pytest.fixture(scope="session")
def servers(cloud: t.Any) -> int:
    """How many there are, once there are enough."""
    flavor = next(one["id"] for one in cloud.get("compute", "/flavors")["flavors"] if one["name"] == "m1.nano")
    image = next(one["id"] for one in cloud.get("image", "/images")["images"] if one["name"] == "cirros")
    network = next(one["id"] for one in cloud.get("network", "/networks")["networks"] if one["name"] == "private")
    while (there := collections.Counter(one["status"] for one in cloud.listing("compute", "/servers/detail", "servers")))["ACTIVE"] < SERVERS:
        if there["BUILD"]:
            time.sleep(5)
            continue
        count = min(100, SERVERS - there["ACTIVE"])
        metadata = {"elastigrid_site": SITE, "elastigrid_pool": "worker", "elastigrid_groups": "slurm_worker"}
        body = {"name": f"{SITE}-worker", "flavorRef": flavor, "imageRef": image, "networks": [{"uuid": network}], "metadata": metadata}
        cloud.post("compute", "/servers", {"server": body | {"min_count": count, "max_count": count}})
    return there["ACTIVE"]


def inventory(program: pathlib.Path, place: pathlib.Path, plugin: str, clouds: pathlib.Path | str) -> Listing:
    path = place / "openstack.yml"
    path.write_text(yaml.safe_dump(PLUGINS[plugin]))
    # None of a user's settings, and no cache.
    (place / "ansible.cfg").touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"OS_CLIENT_CONFIG_FILE": str(clouds), "ANSIBLE_CONFIG": str(place / "ansible.cfg")}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".cache" / "collections")
    began, cpu = time.monotonic(), cpu_seconds()
    done = subprocess.run([program, "-i", path, "--list"], env=environment, stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False)
    seconds, cpu = time.monotonic() - began, cpu_seconds() - cpu
    assert done.returncode == 0, done.stderr[-3000:]
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert hosts, done.stderr[-3000:]
    return Listing(seconds, cpu, len(done.stdout) / 1e6, len(hosts))


def compare(program: pathlib.Path, place: pathlib.Path, clouds: pathlib.Path | str, expected: int) -> tuple[dict[str, list[Listing]], float]:
    """The runs of each plugin, by turns, and how many times faster ours is."""
    runs: dict[str, list[Listing]] = {plugin: [] for plugin in PLUGINS}
    for plugin in list(PLUGINS) * RUNS:
        runs[plugin].append(inventory(program, place, plugin, clouds))
        assert runs[plugin][-1].hosts == expected
    ours, theirs = (statistics.median(run.seconds for run in runs[plugin]) for plugin in PLUGINS)
    return runs, theirs / ours


def lines(runs: dict[str, list[Listing]]) -> list[str]:
    rows = [("plugin", "s (median)", "s (all)", "CPU s (median)", "MB of JSON")]
    for plugin, each in runs.items():
        seconds = [run.seconds for run in each]
        middle = sorted(each)[len(each) // 2]
        rows.append((plugin, statistics.median(seconds), ", ".join(f"{one:.1f}" for one in seconds), middle.cpu, middle.megabytes))
    return table(*rows)


def test_real_api(program: pathlib.Path, servers: int, tmp_path: pathlib.Path, report: list[str]) -> None:
    clouds = os.environ["OS_CLIENT_CONFIG_FILE"]
    runs, ratio = compare(program, tmp_path, clouds, servers)
    requests = {}
    for plugin in PLUGINS:
        with Proxy(clouds, tmp_path) as proxy:
            inventory(program, tmp_path, plugin, proxy.clouds)
            requests[plugin] = sum(proxy.calls().values())
    report += [f"### {servers} servers of a real API (load {os.getloadavg()[0]:.1f})", "", *lines(runs)]
    told = ", ".join(f"{count} ({plugin})" for plugin, count in requests.items())
    report += [f"{ratio:.1f} times faster (goal, with 1000 servers: 4). Requests, tokens and versions apart: {told}.", ""]
    assert requests["elastigrid.site.openstack"] <= 10 * max(1, servers / 1000)


@pytest.mark.parametrize("size", REPLAYED)
def test_replayed_api(program: pathlib.Path, cloud: t.Any, servers: int, tmp_path: pathlib.Path, report: list[str], size: int) -> None:
    model = cloud.get("compute", "/servers/detail", limit=1, status="ACTIVE")["servers"][0]
    with Replay(cloud._session.get_endpoint(service_type="compute", interface="public"), model, size) as replay:
        settings = yaml.safe_load(pathlib.Path(os.environ["OS_CLIENT_CONFIG_FILE"]).read_text())
        settings["clouds"][CLOUD]["compute_endpoint_override"] = replay.url
        clouds = tmp_path / "clouds.yaml"
        clouds.write_text(yaml.safe_dump(settings))
        clouds.chmod(0o600)
        runs, ratio = compare(program, tmp_path, clouds, size)
    report += [f"### {size} servers, told by an HTTP server (load {os.getloadavg()[0]:.1f})", "", *lines(runs), f"{ratio:.1f} times faster.", ""]


class Replay(http.server.ThreadingHTTPServer):
    """Lists copies of a server, page by page as Nova does; what else is asked is passed on to Nova."""

    daemon_threads = True

    def __init__(self, nova: str, model: dict[str, t.Any], size: int) -> None:
        super().__init__(("127.0.0.1", 0), ReplayHandler)
        self.nova = urllib.parse.urlsplit(nova)
        self.url = f"http://127.0.0.1:{self.server_port}{self.nova.path}"
        self.ids = [str(uuid.UUID(int=number)) for number in range(1, size + 1)]
        # Written once, for our own time is not to be measured.
        self.details = [json.dumps(model | {"id": one, "name": f"w{one[-6:]}"}) for one in self.ids]
        self.shorts = [json.dumps({"id": one, "name": f"w{one[-6:]}", "links": model["links"]}) for one in self.ids]

    def __enter__(self) -> Replay:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *ignored: object) -> None:
        self.shutdown()
        self.server_close()

    def page(self, path: str, query: dict[str, str]) -> bytes:
        start = self.ids.index(query["marker"]) + 1 if "marker" in query else 0
        limit = min(int(query.get("limit", 1000)), 1000)
        listed = (self.details if path.endswith("/detail") else self.shorts)[start : start + limit]
        following = ""
        if start + limit < len(self.ids):
            href = f"{self.url}{path}?{urllib.parse.urlencode(query | {'marker': self.ids[start + limit - 1]})}"
            following = f', "servers_links": [{{"rel": "next", "href": "{href}"}}]'
        return f'{{"servers": [{", ".join(listed)}]{following}}}'.encode()


class ReplayHandler(http.server.BaseHTTPRequestHandler):
    server: Replay
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        path = parts.path.removeprefix(self.server.nova.path)
        status = 200
        if path in ("/servers", "/servers/detail"):
            body = self.server.page(path, dict(urllib.parse.parse_qsl(parts.query)))
        else:
            nova = http.client.HTTPConnection(self.server.nova.netloc, timeout=60)
            nova.request("GET", self.path, headers={"Accept": "application/json", "X-Auth-Token": self.headers.get("X-Auth-Token", "")})
            answer = nova.getresponse()
            status, body = answer.status, answer.read().replace(self.server.nova.netloc.encode(), urllib.parse.urlsplit(self.server.url).netloc.encode())
            nova.close()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *ignored: object) -> None:
        """Nothing is worth a line."""
