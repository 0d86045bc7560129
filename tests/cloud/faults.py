# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A reverse proxy in front of all APIs of an OpenStack: it counts requests, and lets some of them fail.

    with Proxy("clouds.yaml", place, share=0.05) as proxy:
        ...  # with OS_CLIENT_CONFIG_FILE=proxy.clouds
        proxy.calls()     # Counter({("compute", "GET"): 3, ...})
        proxy.injected()  # Counter({("503", "after"): 1, ...})

The clouds.yaml that it writes leads to a listener of its own for Keystone. Each service of the catalog in Keystone's answers gets
a listener too, and addresses in answers are rewritten, so that a client never finds the way past the proxy.

A fault strikes before the request is passed on, or after, when the cloud has obeyed and the client does not learn of it.
"""

from __future__ import annotations

import collections
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import socket
import struct
import threading
import typing as t
import urllib.parse

import yaml

# `closed` ends the connection without a word, `hang` after some seconds without one.
KINDS = ("500", "503", "429", "closed", "hang")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
# Addresses that only tell versions, or give tokens.
OVERHEAD = re.compile(r"/(v[\d.]+/?)?|(/identity)?/v3/auth/tokens")


class Request(t.NamedTuple):
    """A request as it came in, and what was done to it."""

    service: str
    """As the catalog calls it: compute, block-storage, ..."""
    method: str
    path: str
    """With the query."""
    fault: str | None
    moment: str | None
    """`before` or `after` it was passed on."""
    status: int | None
    """What the client got; None if the connection was closed."""


class Wish(t.NamedTuple):
    method: str
    pattern: re.Pattern[str]
    fault: str
    moment: str


class Proxy:
    """Threads of this process; a context manager."""

    def __init__(self, clouds: str | pathlib.Path, place: pathlib.Path, share: float = 0.0, kinds: t.Sequence[str] = KINDS, hang: float = 5.0) -> None:
        """`share` (0 to 1) of the requests fail, by dice whose seed is FAULT_SEED (default 1). A request that hangs does so for `hang` seconds: a client that
        is to time out must be less patient. `place` is a directory for the clouds.yaml.
        """
        self.share = share
        self.log: list[Request] = []
        self.ended = threading.Event()
        self._dice = random.Random(os.environ.get("FAULT_SEED", "1"))
        self._kinds = kinds
        self._hang = hang
        self._wishes: list[Wish] = []
        self._listeners: dict[str, Listener] = {}
        self._lock = threading.Lock()
        self.clouds = place / "clouds.yaml"
        settings = yaml.safe_load(pathlib.Path(clouds).read_text())
        for cloud in settings["clouds"].values():
            cloud["auth"]["auth_url"] = self.rewritten(cloud["auth"]["auth_url"], "identity")
        self.clouds.touch(mode=0o600)
        self.clouds.write_text(json.dumps(settings))

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.ended.set()
        for listener in self._listeners.values():
            listener.shutdown()
            listener.server_close()

    def inject(self, fault: str, method: str, pattern: str, moment: str = "after") -> None:
        """Let the next request fail whose path (without the query) has the pattern at its end, be `share` what it may."""
        self._wishes.append(Wish(method, re.compile(f"(?:{pattern})$"), fault, moment))

    def calls(self) -> collections.Counter[tuple[str, str]]:
        """How many requests each service got with each method, those for tokens and versions apart."""
        return collections.Counter((request.service, request.method) for request in self.log if not OVERHEAD.fullmatch(request.path))

    def injected(self) -> collections.Counter[tuple[str, str]]:
        """How often each fault struck, before and after."""
        return collections.Counter((request.fault, request.moment) for request in self.log if request.fault)

    def reset(self) -> None:
        """Count from nothing."""
        self.log.clear()

    # --- For the listeners ---

    def rewritten(self, url: str, service: str) -> str:
        """The address of the listener that leads there; a new one if there is none yet."""
        parts = urllib.parse.urlsplit(url)
        with self._lock:
            if parts.netloc not in self._listeners:
                self._listeners[parts.netloc] = Listener(self, parts.netloc, service)
            return parts._replace(netloc=self._listeners[parts.netloc].address).geturl()

    def decide(self, method: str, path: str) -> tuple[str | None, str | None]:
        """The fault that is to strike, and when."""
        with self._lock:
            for wish in self._wishes:
                if wish.method == method and wish.pattern.search(path.split("?")[0]):
                    self._wishes.remove(wish)
                    return wish.fault, wish.moment
            if self._dice.random() >= self.share:
                return None, None
            fault = self._dice.choice(self._kinds)
            # Whoever says 429 has not begun.
            return fault, "before" if fault == "429" else self._dice.choice(["before", "after"])

    def translate(self, body: bytes, is_catalog: bool) -> bytes:
        """An answer with our addresses for theirs."""
        if is_catalog:
            for entry in json.loads(body)["token"].get("catalog", []):
                for endpoint in entry["endpoints"]:
                    self.rewritten(endpoint["url"], entry["type"])
        for theirs, listener in list(self._listeners.items()):
            body = body.replace(f"//{theirs}/".encode(), f"//{listener.address}/".encode())
            body = body.replace(f'//{theirs}"'.encode(), f'//{listener.address}"'.encode())
        return body

    def hang(self) -> None:
        self.ended.wait(self._hang)


class Listener(http.server.ThreadingHTTPServer):
    """What stands in front of one service."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, proxy: Proxy, upstream: str, service: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.proxy, self.upstream, self.service = proxy, upstream, service
        self.address = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        """A client that was killed is no error of ours."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body go out together

    def answer_request(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault, moment = proxy.decide(self.command, self.path)
        if moment != "before":
            status, headers, answer = self.pass_on(body)
        if fault and fault.isdigit():
            status, headers, answer = int(fault), [("Content-Type", "text/plain")], b"injected failure"
            if fault == "429":
                headers.append(("Retry-After", "1"))
        is_silent = fault in ("closed", "hang")
        # Before the answer, for whoever has that may count at once.
        proxy.log.append(Request(self.server.service, self.command, self.path, fault, moment, None if is_silent else status))
        if not is_silent:
            self.reply(status, headers, answer)
            return
        if fault == "hang":
            proxy.hang()
        # A reset, so that nothing looks like an answer without content.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer_request

    def pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the service answers, in words that lead here."""
        proxy = self.server.proxy
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "accept-encoding")}
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=600)
        try:
            upstream.request(self.command, self.path, body or None, headers)
            answer = upstream.getresponse()
            content = answer.read()
        except OSError as error:
            return 502, [("Content-Type", "text/plain")], f"the service behind the proxy: {error}".encode()
        finally:
            upstream.close()
        is_catalog = self.server.service == "identity" and self.path.startswith("/v3/auth/tokens") and answer.status < 300
        content = proxy.translate(content, is_catalog) if content else content
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        return answer.status, [(name, proxy.translate(value.encode(), False).decode()) for name, value in kept], content

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_arguments: object) -> None:
        """The log of the proxy is `Proxy.log`."""
