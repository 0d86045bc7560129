# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The plugin as Ansible runs it, with answers from lists. A real API is for tests/cloud."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import pathlib
import stat
import threading
import typing as t

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.vars.manager import VariableManager
from ansible_collections.elastigrid.site.plugins.inventory import openstack as plugin
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack, _openstack_inventory

EVIL = "{{ lookup('pipe', 'echo $((6 * 7)) times') }}"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr"
CONSOLE = f"{_openstack_inventory.CONSOLE_BEGIN}\n{KEY} root@host\n{_openstack_inventory.CONSOLE_END}\n"


def uuid(number: int) -> str:
    return f"{number:08x}-158d-4f8d-bd61-52215860f765"


def server(number: int, name: str = "", **metadata: str) -> dict[str, t.Any]:
    return {
        "id": uuid(number),
        "name": name or f"w{number}",
        "status": "ACTIVE",
        "flavor": {"original_name": "m1.small"},
        "image": "",
        "created": f"2026-11-21T10:{number // 60:02d}:{number % 60:02d}Z",
        "addresses": {"private": [{"addr": f"10.0.{number // 250}.{number % 250 + 1}", "version": 4, "OS-EXT-IPS:type": "fixed"}]},
        "metadata": metadata,
        "os-extended-volumes:volumes_attached": [],
    }


class Answers:
    """In place of a cloud. `servers` are listed newest first, as Nova does.

    `between` happens after the ids were told, and before the first page if that is late.
    """

    def __init__(
        self, *servers: dict[str, t.Any], error: str | None = None, between: t.Callable[[Answers], None] | None = None, is_first_page_late: bool = False
    ) -> None:
        self.servers = list(servers)
        self.volumes: list[dict[str, t.Any]] = []
        self.consoles: dict[str, str | Exception] = {}
        self.error = error
        self.between = between
        self.first_page = threading.Event()
        self.ids_told = threading.Event()
        self.is_first_page_late = is_first_page_late
        self.name = ""
        self.requests: collections.Counter[str] = collections.Counter()
        self.asked: list[str] = []

    def listing(self, service: str, path: str, key: str, **query: t.Any) -> list[dict[str, t.Any]]:
        if self.error:
            raise _openstack.CloudError(f"cloud {self.name}: {self.error}")
        self.asked.append(path)
        found = list(self.volumes if service == "block-storage" else self.servers)
        if path == "/servers" and self.between:
            assert self.is_first_page_late or self.first_page.wait(5)
            self.between(self)
        self.ids_told.set()
        return found

    def get(self, service: str, path: str, limit: int, marker: str | None = None) -> dict[str, t.Any]:
        self.asked.append(path)
        if marker is None and self.is_first_page_late:
            assert self.ids_told.wait(5)
        ids = [each["id"] for each in self.servers]
        if marker is not None and marker not in ids:
            raise _openstack.ApiError(400, f"marker [{marker}] not found", "GET")
        start = ids.index(marker) + 1 if marker else 0
        found = self.servers[start : start + limit]
        self.first_page.set()
        return {"servers": found}

    def post(self, service: str, path: str, body: dict[str, t.Any]) -> dict[str, t.Any]:
        self.asked.append(path)
        assert body == {"os-getConsoleOutput": {}}
        output = self.consoles[path.split("/")[2]]
        if isinstance(output, Exception):
            raise output
        return {"output": output}


class Run(t.NamedTuple):
    manager: InventoryManager
    variables: dict[str, dict[str, t.Any]]
    warnings: list[str]

    @property
    def groups(self) -> dict[str, list[str]]:
        return {name: hosts for name, group in self.manager.groups.items() if (hosts := [host.name for host in group.get_hosts()])}


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> dict[str | None, Answers]:
    """What the clouds answer, by name."""
    known: dict[str | None, Answers] = {}

    def connect(name: str | None, *ignored: t.Any) -> Answers:
        known[name].name = name or "only"
        return known[name]

    monkeypatch.setattr(_openstack, "Cloud", connect)
    return known


@pytest.fixture
def run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Run]:
    monkeypatch.setenv("HOME", str(tmp_path))

    def parse(flush: bool = False, **options: t.Any) -> Run:
        warnings: list[str] = []
        monkeypatch.setattr("ansible.utils.display.Display.warning", lambda self, text, *args, **kwargs: warnings.append(str(text)))
        # A source that cannot be parsed is a warning, and an empty inventory.
        monkeypatch.setattr("ansible.utils.display.Display.error_as_warning", lambda self, msg, exception: warnings.append(str(exception)))
        path = tmp_path / "openstack.yml"
        path.write_text(yaml.safe_dump({"plugin": "elastigrid.site.openstack", **options}))
        loader = DataLoader()
        manager = InventoryManager(loader=loader, sources=[str(path)], cache=not flush)
        variables = VariableManager(loader=loader, inventory=manager)
        return Run(manager, {host.name: variables.get_vars(host=host, include_hostvars=False) for host in manager.get_hosts()}, warnings)

    return parse


def rendered(run: Run, host: str, template: str) -> t.Any:
    return Templar(loader=DataLoader(), variables=run.variables[host]).template(trust_as_template(template))


def test_only_its_own_files(tmp_path: pathlib.Path) -> None:
    for name, expected in {"openstack.yml": True, "openstack.yaml": True, "demo.openstack.yml": True, "openstack.json": False, "hosts.yml": False}.items():
        (tmp_path / name).touch()
        assert plugin.InventoryModule().verify_file(str(tmp_path / name)) is expected
    assert not plugin.InventoryModule().verify_file(str(tmp_path / "absent.openstack.yml"))


def test_hosts_groups_and_variables(run, clouds):
    clouds[None] = Answers(server(1, elastigrid_groups="slurm_worker,nfs-client", role="a b"), server(2, "other"))
    found = run(
        domain="grid.test",
        compose={"role": "openstack.metadata.role", "ansible_port": "2222"},
        groups={"big": "openstack.flavor == 'm1.large'", "small": "openstack.flavor == 'm1.small'"},
        keyed_groups=[{"key": "openstack.metadata.role", "prefix": "role"}],
    )
    assert found.warnings == []
    assert {name: hosts for name, hosts in found.groups.items() if name != "all"} == {
        "slurm_worker": ["w1.grid.test"],
        "nfs_client": ["w1.grid.test"],
        "small": ["w1.grid.test", "other.grid.test"],
        "role_a_b": ["w1.grid.test"],
    }
    assert found.variables["w1.grid.test"]["role"] == "a b"
    assert "role" not in found.variables["other.grid.test"]
    assert found.variables["other.grid.test"]["ansible_port"] == 2222
    assert found.variables["other.grid.test"]["site_address"] == "10.0.0.3"


@pytest.mark.parametrize(
    "options",
    [
        {"compose": {"role": "openstack.metadata.role"}},
        {"groups": {"big": "openstack.metadata.role == 'x'"}},
        {"keyed_groups": [{"key": "openstack.metadata.role"}]},
        {"hostnames": ["openstack.metadata.role | upper", "name"]},
    ],
)
def test_strict_holds_for_every_expression(run, clouds, options):
    clouds[None] = Answers(server(1))
    assert list(run(**options).variables) == ["w1"]
    failed = run(**options, strict=True)
    # The host may be there, for Ansible goes on after an inventory source that failed.
    assert any("'role'" in warning for warning in failed.warnings), failed.warnings


def test_hostnames_may_be_expressions(run, clouds):
    clouds[None] = Answers(server(1, "WEB", role="x"))
    assert list(run(hostnames=["name | lower"]).variables) == ["web"]
    assert list(run(hostnames=[{"name": "name | lower", "prefix": "openstack.metadata.role | upper", "separator": "-"}]).variables) == ["X-web"]


def test_a_host_never_speaks_for_a_group(run, clouds):
    """Ansible takes a variable for the host `web` as one of the group, where that is there already. (It says that there are both.)"""
    clouds[None] = Answers(server(1, "a", role="web"), server(2, "web"), server(3, "all"))
    found = run(keyed_groups=[{"key": "openstack.metadata.role", "prefix": "", "separator": ""}])
    assert found.manager.groups["web"].get_vars() == {}
    assert found.manager.groups["all"].get_vars() == {}
    assert found.manager.hosts["web"].get_vars()["openstack"]["id"] == uuid(2)
    assert found.manager.hosts["a"].get_vars()["openstack"]["id"] == uuid(1)


# Text of strangers.


@pytest.mark.parametrize("cached", [False, True])
def test_what_the_cloud_says_is_no_template(run, clouds, tmp_path, cached):
    clouds[None] = Answers(server(1, EVIL, evil=EVIL, **{EVIL: "key", "elastigrid_groups": EVIL}) | {"key_name": EVIL})
    clouds[None].servers[0]["os-extended-volumes:volumes_attached"] = [{"id": uuid(9)}]
    clouds[None].volumes = [{"id": uuid(9), "name": EVIL, "size": 1, "metadata": {"elastigrid_mount": EVIL}}]
    options = {
        "raw": True,
        "compose": {"composed": "openstack.metadata.evil", "composed_text": "'x' ~ openstack.metadata.evil"},
        "keyed_groups": [{"key": "openstack.metadata.evil"}],
    }
    if cached:
        options |= {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
        run(**options)
        clouds[None].error = "not asked any more"
    found = run(**options)
    assert found.warnings == []
    (host,) = found.variables
    told = {
        "openstack.metadata.evil": EVIL,
        "openstack.name": EVIL,
        "openstack.key_name": EVIL,
        "openstack.metadata.keys() | list | last": "elastigrid_groups",
        "site_volumes[0].name": EVIL,
        "site_volumes[0].mount": EVIL,
        "openstack_server.name": EVIL,
        "composed": EVIL,
        "composed_text": f"x{EVIL}",
    }
    for expression, expected in told.items():
        assert rendered(found, host, f"{{{{ {expression} }}}}") == expected, expression
    assert rendered(found, host, "{{ openstack | to_json }}").count("lookup") >= 4
    assert "42 times" not in json.dumps([list(found.groups), host])
    # The test itself can fail: what is trusted is a template.
    assert rendered(found, host, EVIL) == "42 times"


# Clouds that fail.


def test_clouds_are_read_side_by_side(run, clouds):
    clouds |= {"north": Answers(server(1)), "south": Answers(server(2), server(3, "w1"))}
    found = run(clouds=["north", "south", "north"])
    assert {name: variables["openstack"]["cloud"] for name, variables in found.variables.items()} == {"w1": "north", "w2": "south", "w1-00000003": "south"}


def test_a_cloud_that_is_down(run, clouds):
    clouds |= {"north": Answers(error="down"), "south": Answers(server(2))}
    failed = run(clouds=["north", "south"])
    assert failed.variables == {}
    assert any("cloud north: down" in warning for warning in failed.warnings)
    found = run(clouds=["north", "south"], fail_on_errors=False)
    assert list(found.variables) == ["w2"]
    assert found.warnings == ["Its servers are missing: cloud north: down"]
    clouds["south"].error = "down, too"
    failed = run(clouds=["north", "south"], fail_on_errors=False)
    assert any("cloud north: down; cloud south: down, too" in warning for warning in failed.warnings)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ip_version": 6}, "ip_version is 6, but no server has such an address; there are: 10.0.0.2 (private)"),
        ({"ip_version": 5}, "ip_version"),
        ({"site_name": "demo"}, "has 'site_name', which is no option; the closest: "),
        ({"cidrs": ["all"]}, "cidrs has 'all', but must be networks"),
        ({"bastion": "w2"}, "bastion is 'w2', but there is no server 'w2' in this cloud; the closest: w1"),
        ({"host_key_source": "guess"}, "host_key_source"),
    ],
)
def test_errors_are_for_the_user(run, clouds, options, words):
    clouds[None] = Answers(server(1))
    warnings = "\n".join(run(**options).warnings)
    assert words in warnings
    assert "Traceback" not in warnings


def test_no_sdk(run, clouds, monkeypatch):
    monkeypatch.setattr(_openstack, "IMPORT_ERROR", "ImportError")
    assert any("openstacksdk" in warning for warning in run().warnings)


# The cache.


def test_the_cache_stands_for_the_clouds_until_it_is_flushed(run, clouds, tmp_path):
    clouds[None] = Answers(server(1))
    options = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    first = run(**options)
    clouds[None].servers.append(server(2))
    assert run(**options).variables == first.variables
    assert sorted(run(flush=True, **options).variables) == ["w1", "w2"]
    assert sorted(run(**options).variables) == ["w1", "w2"]
    # What is to be asked for is part of the question.
    clouds["north"] = Answers(server(3))
    assert sorted(run(clouds=["north"], **options).variables) == ["w3"]
    assert "openstack_server" in run(raw=True, **options).variables["w1"]


def test_half_an_answer_is_not_remembered(run, clouds, tmp_path):
    clouds |= {"north": Answers(server(1), error="down"), "south": Answers(server(2))}
    options = {"clouds": ["north", "south"], "fail_on_errors": False, "cache": True}
    options |= {"cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    assert list(run(**options).variables) == ["w2"]
    clouds["north"].error = None
    assert sorted(run(**options).variables) == ["w1", "w2"]


# Pages.

MANY = [server(number) for number in range(700, 0, -1)]


@pytest.mark.parametrize(
    ("count", "asked"),
    [(0, 1), (1, 1), (plugin.DETAIL_PAGE, 1), (plugin.DETAIL_PAGE + 1, 2), (700, 3)],
)
def test_pages_are_asked_at_once(count: int, asked: int) -> None:
    cloud = Answers(*MANY[:count])
    assert [each["id"] for each in plugin.all_servers(cloud, {})] == [each["id"] for each in MANY[:count]]
    assert sorted(cloud.asked) == ["/servers"] + ["/servers/detail"] * asked


@pytest.mark.parametrize(
    "between",
    [
        lambda cloud: cloud.servers.insert(0, server(701)),
        lambda cloud: cloud.servers.pop(plugin.DETAIL_PAGE - 1),
        lambda cloud: cloud.servers.pop(5),
        lambda cloud: (cloud.servers.insert(0, server(701)), cloud.servers.pop(5)),
    ],
)
@pytest.mark.parametrize("is_first_page_late", [False, True])
def test_what_changes_between_the_pages_loses_no_server(between: t.Callable[[Answers], None], is_first_page_late: bool) -> None:
    cloud = Answers(*MANY, between=between, is_first_page_late=is_first_page_late)
    found = {each["id"] for each in plugin.all_servers(cloud, {})}
    before, after = {each["id"] for each in MANY}, {each["id"] for each in cloud.servers}
    assert before & after <= found <= before | after


def test_other_refusals_are_errors():
    class Refusing(Answers):
        def get(self, *ignored: t.Any, **query: t.Any) -> dict[str, t.Any]:
            raise _openstack.ApiError(403, "no", "GET")

    with pytest.raises(_openstack.ApiError):
        plugin.all_servers(Refusing(server(1)), {})


# Host keys.


def test_keys_come_from_the_consoles_of_new_servers(run, clouds, tmp_path):
    known_hosts = tmp_path / "of the site" / "known_hosts"
    known_hosts.parent.mkdir()
    known_hosts.write_text(f"{uuid(1)} {KEY}")
    clouds[None] = Answers(*(server(number) for number in (1, 2, 3, 4)), server(5) | {"status": "SHUTOFF"})
    clouds[None].consoles = {uuid(2): CONSOLE, uuid(3): "no keys yet", uuid(4): _openstack.NoAnswer("cloud only: no answer")}
    options = {"host_key_source": "console", "known_hosts": str(known_hosts)}
    clouds["only"] = clouds[None]
    found = run(**options)
    assert sorted(path for path in clouds[None].asked if "action" in path) == [f"/servers/{uuid(number)}/action" for number in (2, 3, 4)]
    assert known_hosts.read_text() == f"{uuid(1)} {KEY}\n{uuid(2)} {KEY}\n"
    assert found.warnings == [
        f"ssh will refuse server w3 ({uuid(3)}), for its host keys are unknown: its console shows no keys, or several that differ",
        f"ssh will refuse server w4 ({uuid(4)}), for its host keys are unknown: cloud only: no answer",
    ]
    # One that has come up since.
    clouds[None].consoles = {uuid(3): CONSOLE, uuid(4): CONSOLE}
    assert run(**options).warnings == []
    assert len(known_hosts.read_text().splitlines()) == 4
    clouds[None].asked.clear()
    run(**options)
    assert sorted(clouds[None].asked) == ["/servers", "/servers/detail"]


def test_no_console_is_asked_unless_it_is_wanted(run, clouds, tmp_path):
    clouds[None] = Answers(server(1, elastigrid_site="demo"))
    run()
    assert sorted(clouds[None].asked) == ["/servers", "/servers/detail"]
    assert stat.S_IMODE((tmp_path / ".ssh").stat().st_mode) == 0o700
    assert list((tmp_path / ".ssh").iterdir()) == []


def test_several_may_add_at_once(tmp_path):
    path = tmp_path / "real"
    (tmp_path / "known_hosts").symlink_to(path)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: plugin.add(str(tmp_path / "known_hosts"), [f"{uuid(number)} {KEY}", f"{uuid(0)} {KEY}"]), range(1, 40)))
    assert sorted(path.read_text().splitlines()) == [f"{uuid(number)} {KEY}" for number in range(40)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / "known_hosts").is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["known_hosts", "real", "real.lock"]


def test_known_hosts_where_nothing_can_be(run, clouds, tmp_path):
    (tmp_path / "file").touch()
    clouds[None] = Answers(server(1))
    assert any("known_hosts is" in warning and "cannot be used" in warning for warning in run(known_hosts=str(tmp_path / "file" / "known_hosts")).warnings)
