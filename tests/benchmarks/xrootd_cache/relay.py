#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A long way to a server: what comes in goes to the same port of HOST, some milliseconds later, and what it says comes back as late.

usage: relay.py HOST PORT MILLISECONDS
"""

from __future__ import annotations

import asyncio
import collections
import sys


class Leg(asyncio.Protocol):
    """One end of a connection. What it receives is sent by the other end, `delay` seconds later."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.other: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()
        self.waiting: collections.deque[bytes | None] = collections.deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.later(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.later(None)

    def later(self, data: bytes | None) -> None:
        self.waiting.append(data)
        asyncio.get_running_loop().call_later(self.delay, self.other.add_done_callback, self.send)

    def send(self, other: asyncio.Future) -> None:
        data = self.waiting.popleft()
        if data is None:
            other.result().close()
        else:
            other.result().write(data)


async def main(host: str, port: str, milliseconds: str) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task] = set()

    async def join(leg: Leg) -> None:
        transport, back = await loop.create_connection(lambda: Leg(leg.delay), host, int(port))
        back.other.set_result(leg.transport)
        leg.other.set_result(transport)

    def accept() -> Leg:
        leg = Leg(float(milliseconds) / 1000)
        tasks.add(loop.create_task(join(leg)))
        return leg

    server = await loop.create_server(accept, "0.0.0.0", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
