# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Stand-ins for the servers that list members: with what the real ones answer as far as it is read, and with faults."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import itertools
import json
import sqlite3
import threading
import time
import types
import typing as t
import urllib.parse
import zlib

USER = "urn:indigo-dc:scim:schemas:IndigoUser"
GROUP = "urn:indigo-dc:scim:schemas:IndigoGroup"
LOGIN = b"<!DOCTYPE html>\n<html><body><form>Sign in</form></body></html>"


class StandIn:
    """A server, on loopback if nothing else is said. `answer` gets the request and returns status, headers and body."""

    def __init__(self, answer: t.Callable[[http.server.BaseHTTPRequestHandler], tuple], context=None, address=("127.0.0.1", 0)) -> None:
        stand_in = self
        self.answer = answer
        self.requests: list[types.SimpleNamespace] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                self.body = self.rfile.read(size)
                stand_in.requests.append(types.SimpleNamespace(command=self.command, path=self.path, headers=self.headers, body=self.body))
                parts = urllib.parse.urlsplit(self.path)
                self.plain_path, self.query = parts.path, dict(urllib.parse.parse_qsl(parts.query))
                status, headers, body = stand_in.answer(self)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if isinstance(body, bytes):
                        if "Content-Length" not in headers:
                            self.send_header("Content-Length", str(len(body)))
                        self.end_headers()
                        self.wfile.write(body)
                    else:
                        self.send_header("Connection", "close")
                        self.end_headers()
                        for chunk in body:
                            self.wfile.write(chunk)
                        self.close_connection = True

            do_POST = do_GET

            def log_message(self, *args) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args) -> None:
                pass

        self.server = Server(address, Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def dn(number: int) -> str:
    return f"/DC=org/DC=grid/CN=user {number}"


def in_commas(number: int) -> str:
    return f"CN=user {number},DC=grid,DC=org"


def scim_user(number: int, groups: t.Sequence[tuple[str, str]] = (), **entries) -> dict:
    certificates = [{"primary": True, "subjectDn": in_commas(number), "issuerDn": "CN=CA,DC=org", "display": "cert"}]
    more = {"certificates": certificates, **{key: entries.pop(key) for key in ("endTime",) if key in entries}}
    groups = [{"value": value, "display": display} for value, display in groups]
    return {"id": f"u{number}", "userName": f"user{number}", "active": True, "groups": groups, USER: more, **entries}


def voms_user(number: int, **entries) -> dict:
    certificates = [{"subjectString": dn(number), "issuerString": "/DC=org/CN=CA", "suspended": False}]
    return {"id": number, "suspended": False, "endTime": None, "certificates": certificates, "fqans": ["/grid"], **entries}


def iam(users: t.Callable[[], list[dict]], groups: t.Sequence[dict] = (), page: int = 100) -> t.Callable:
    """An IAM that has these users, with pages of at most that size."""

    def answer(request):
        if request.plain_path == "/token":
            return 200, {}, json.dumps({"access_token": "good", "token_type": "Bearer", "expires_in": 3599}).encode()
        if request.headers.get("Authorization") != "Bearer good":
            return 401, {}, b'{"error":"unauthorized"}'
        listed = {"/scim/Users": users, "/scim/Groups": lambda: list(groups)}[request.plain_path]()
        start, count = int(request.query["startIndex"]), min(int(request.query["count"]), page)
        found = listed[start - 1 : start - 1 + count]
        body = {"totalResults": len(listed), "itemsPerPage": len(found), "startIndex": start, "schemas": [], "Resources": found}
        return 200, {"Content-Type": "application/scim+json"}, json.dumps(body).encode()

    return answer


def voms_admin(users: t.Callable[[], list[dict]], page: int = 100) -> t.Callable:
    def answer(request):
        if request.headers.get("X-VOMS-CSRF-GUARD") != "y":
            return 403, {}, b"CSRF"
        start, size = int(request.query["startIndex"]), min(int(request.query["pageSize"]), page)
        return 200, {}, json.dumps({"startIndex": start, "pageSize": size, "result": users()[start : start + size]}).encode()

    return answer


def soap(names: t.Iterable[str], item: str = "getGridmapUsersReturn") -> bytes:
    items = "".join(f'<{item} xsi:type="soapenc:string">{name}</{item}>' for name in names)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"><soapenv:Body>'
        '<getGridmapUsersResponse><getGridmapUsersReturn soapenc:arrayType="soapenc:string[1]" xsi:type="soapenc:Array">'
        f"{items}</getGridmapUsersReturn></getGridmapUsersResponse></soapenv:Body></soapenv:Envelope>"
    ).encode()


def catalog(tmp_path, authz: str | None) -> bytes:
    path = tmp_path / "catalog.sqlite"
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE properties (key TEXT, value TEXT)")
        connection.execute("INSERT INTO properties VALUES ('schema', '2.5')")
        if authz is not None:
            connection.execute("INSERT INTO properties VALUES ('voms_authz', ?)", (authz,))
        connection.commit()
    return zlib.compress(path.read_bytes())


def cvmfs(data: bytes) -> t.Callable:
    root = hashlib.sha1(data).hexdigest()

    def answer(request):
        if request.plain_path == "/.cvmfspublished":
            return 200, {}, f"C{root}\nB4096\nRd41d8cd98f00b204e9800998ecf8427e\nD240\nS7\nNligo.example.org\n--\nabc\n".encode() + b"\xff\x00"
        if request.plain_path == f"/data/{root[:2]}/{root[2:]}C":
            return 200, {}, data
        return 404, {}, b""

    return answer


def document(data: bytes, **headers: str) -> t.Callable:
    """One file, with an ETag that is honoured."""
    etag = f'"{hashlib.md5(data).hexdigest()}"'

    def answer(request):
        if request.headers.get("If-None-Match") == etag:
            return 304, {}, b""
        return 200, {"ETag": etag, **headers}, data

    return answer


def endless(piece: bytes = b"x" * (1 << 20), pieces: int = 100, pause: float = 0) -> t.Callable:
    def body():
        for chunk in itertools.repeat(piece, pieces):
            time.sleep(pause)
            yield chunk

    return lambda request: (200, {}, body())
