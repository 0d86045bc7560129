# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Requests against a server on loopback that answers what a test has written down."""

from __future__ import annotations

import datetime
import email.utils
import http.server
import json
import pathlib
import threading
import typing as t

import pytest
import yaml
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack

Answer = tuple[int, t.Any, dict[str, str]]
CLOSE = (0, "", {})
BREAK_OFF = (200, "{}", {"Content-Length": "100"})
HANG = (-1, "", {})
TIMEOUT = 0.5


class Script(http.server.BaseHTTPRequestHandler):
    """Answers one after the other; the last one for ever."""

    answers: list[Answer]
    seen: list[str]

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append(f"{self.command} {self.path}")
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status < 1:
            if status:
                threading.Event().wait(2 * TIMEOUT)
            self.close_connection = True
            return
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *arguments: t.Any) -> None:
        pass


class Played(t.NamedTuple):
    cloud: _openstack.Cloud
    seen: list[str]
    slept: list[float]


@pytest.fixture
def play(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Callable[..., Played]]:
    """A cloud that gives these answers. The clock goes on while it sleeps, and only then."""
    servers = []

    def start(*answers: Answer, retry_seconds: float = 300) -> Played:
        handler = type("Handler", (Script,), {"answers": list(answers), "seen": []})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        clouds = {"scripted": {"auth_type": "none", "auth": {"endpoint": address}, "compute_endpoint_override": f"{address}/v2.1/"}}
        path = tmp_path / "clouds.yaml"
        path.write_text(yaml.safe_dump({"clouds": clouds}))
        slept: list[float] = []
        monkeypatch.setattr(_openstack.time, "sleep", slept.append)
        monkeypatch.setattr(_openstack.time, "monotonic", lambda: 1000 + sum(slept))
        return Played(_openstack.Cloud("scripted", api_timeout=TIMEOUT, retry_seconds=retry_seconds, files=[str(path)]), handler.seen, slept)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("failure", [(429, "", {}), (500, "", {}), (502, "", {}), (503, "", {}), (504, "", {}), CLOSE, BREAK_OFF, HANG])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_what_may_be_asked_twice_is_asked_again(play: t.Callable[..., Played], method: str, failure: Answer) -> None:
    cloud, seen, slept = play(failure, failure, (200, {"server": 1}, {}))
    assert cloud.request(method, "compute", "/servers/a") == {"server": 1}
    assert seen == [f"{method} /v2.1/servers/a"] * 3
    assert 0.3 < slept[0] < 0.7 < slept[1] < 1.3
    assert cloud.requests["compute"] == 3


@pytest.mark.parametrize("failure", [(500, "", {}), (502, "", {}), (503, "", {}), (504, "", {}), CLOSE, BREAK_OFF, HANG])
def test_a_post_without_an_answer_is_not_repeated_blindly(play: t.Callable[..., Played], failure: Answer) -> None:
    cloud, seen, _slept = play(failure, (200, {}, {}))
    with pytest.raises(_openstack.NoAnswer):
        cloud.post("compute", "/servers", {})
    assert len(seen) == 1


def test_a_post_that_was_not_begun_is_asked_again(play: t.Callable[..., Played]) -> None:
    cloud, seen, slept = play((429, "", {"Retry-After": "7"}), (202, {"server": 1}, {}))
    assert cloud.post("compute", "/servers", {}) == {"server": 1}
    assert (len(seen), slept) == (2, [7.0])


def test_create_finds_what_was_made_without_an_answer(play: t.Callable[..., Played]) -> None:
    cloud, seen, _slept = play((504, "", {}), (202, {"server": "a second one"}, {}))
    assert cloud.create("compute", "/servers", {}, lambda: {"server": "the first"}) == {"server": "the first"}
    assert len(seen) == 1


def test_create_asks_again_when_nothing_was_made(play: t.Callable[..., Played]) -> None:
    cloud, seen, _slept = play((504, "", {}), (202, {"server": 1}, {}))
    assert cloud.create("compute", "/servers", {}, lambda: None) == {"server": 1}
    assert len(seen) == 2


def test_create_gives_up(play: t.Callable[..., Played]) -> None:
    cloud, seen, slept = play((504, "", {}), retry_seconds=30)
    with pytest.raises(_openstack.NoAnswer):
        cloud.create("compute", "/servers", {}, lambda: None)
    assert 30 < sum(slept) < 60
    assert len(seen) == len(slept)


@pytest.mark.parametrize(("failure", "seconds"), [((503, "down", {}), 100), ((500, "bug", {}), 60)])
def test_requests_are_given_up(play: t.Callable[..., Played], failure: Answer, seconds: int) -> None:
    cloud, _seen, slept = play(failure, retry_seconds=100)
    with pytest.raises(_openstack.CloudError, match=rf"cloud scripted: GET compute /servers: given up after \d+ s: {failure[1]} \({failure[0]}\)"):
        cloud.get("compute", "/servers")
    assert seconds - 26 < sum(slept) <= seconds


@pytest.mark.parametrize(
    ("status", "body", "message", "is_quota"),
    [
        (
            403,
            {"forbidden": {"message": "Quota exceeded for cores: Requested 2, but already used 2 of 2 cores", "code": 403}},
            "Quota exceeded for cores",
            True,
        ),
        (403, {"forbidden": {"message": "Policy doesn't allow this", "code": 403}}, "Policy doesn't allow this", False),
        (409, {"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: ['floatingip'].", "detail": ""}}, "Quota exceeded", True),
        (
            413,
            {"overLimit": {"code": 413, "message": "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'."}},
            "Maximum number",
            True,
        ),
        (409, {"conflictingRequest": {"code": 409, "message": "Cannot 'delete' instance while it is in task_state"}}, "Cannot 'delete'", False),
        (404, "<html>nothing here</html>", "nothing here", False),
        (400, "", "no reason given", False),
        (400, [], "[]", False),
    ],
)
def test_refusals_are_told_in_the_words_of_the_service(play: t.Callable[..., Played], status: int, body: t.Any, message: str, is_quota: bool) -> None:
    cloud, seen, _slept = play((status, body, {}))
    with pytest.raises(_openstack.ApiError) as caught:
        cloud.post("compute", "/servers", {})
    assert (caught.value.status, caught.value.is_quota, len(seen)) == (status, is_quota, 1)
    assert message in str(caught.value)
    assert str(caught.value).startswith("cloud scripted: POST compute /servers: ")


def test_delete_says_whether_it_was_there(play: t.Callable[..., Played]) -> None:
    cloud, _seen, _slept = play((204, "", {}), (404, "", {}), (409, "", {}))
    assert cloud.delete("compute", "/servers/a") is True
    assert cloud.delete("compute", "/servers/a") is False
    with pytest.raises(_openstack.ApiError):
        cloud.delete("compute", "/servers/a")


def test_a_listing_is_read_to_its_end(play: t.Callable[..., Played]) -> None:
    more = [{"rel": "next", "href": "elsewhere"}]
    cloud, seen, _slept = play((200, {"servers": [{"id": "a"}, {"id": "b"}], "servers_links": more}, {}), (200, {"servers": [{"id": "c"}]}, {}))
    assert [server["id"] for server in cloud.listing("compute", "/servers/detail", "servers", status="BUILD")] == ["a", "b", "c"]
    assert seen == ["GET /v2.1/servers/detail?status=BUILD&limit=1000", "GET /v2.1/servers/detail?status=BUILD&limit=1000&marker=b"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("", None), ("soon", None), ("3", 3.0), ("-5", 0.0), ("9999", 120.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_retry_after(header: str | None, expected: float | None) -> None:
    assert _openstack.retry_after(header) == expected


def test_retry_after_a_date() -> None:
    date = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=30)
    assert 25 < _openstack.retry_after(email.utils.format_datetime(date, usegmt=True)) <= 30


def test_pauses_grow_to_a_limit() -> None:
    pauses = _openstack.pauses()
    seconds = [next(pauses) for _number in range(12)]
    assert seconds[0] < 1
    assert all(15 <= second <= 25 for second in seconds[6:])


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("clouds: {demo: {}, other: {}}", None, "no cloud is named, neither by an option nor by OS_CLOUD or OS_AUTH_URL; clouds.yaml has: demo, other"),
        ("clouds: {demo: {}, other: {}}", "dmo", "cloud is 'dmo', but clouds.yaml ({path}) has no such cloud; the closest: demo"),
        ("clouds: [", "demo", "cloud is 'demo', but clouds.yaml (none that can be read) has no such cloud; there is none at all"),
        ("clouds: {demo: {auth: {username: me}}}", "demo", "cloud demo: Auth plugin requires parameters which were not given: auth_url"),
    ],
)
def test_bad_clouds(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str | None, expected: str) -> None:
    monkeypatch.delenv("OS_CLOUD", raising=False)
    path = tmp_path / "clouds.yaml"
    path.write_text(text)
    with pytest.raises(_openstack.CloudError) as caught:
        _openstack.Cloud(name, files=[str(path)])
    assert str(caught.value).startswith(expected.format(path=path))
