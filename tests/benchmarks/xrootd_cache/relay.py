#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A way to a server that is as long as one likes: what comes in on one of PORTs goes to TARGET, some milliseconds later, and back.

usage: relay.py MILLISECONDS TARGET_PORT PORT...
Each port tells how many bytes came back from the server so far to whoever connects to it on 127.0.0.1, PORT + 1000.
"""

from __future__ import annotations

import asyncio
import collections
import sys


class Leg(asyncio.Protocol):
    """One end of a connection. What it receives is sent by the other end, `delay` seconds later."""

    def __init__(self, delay: float, counts: collections.Counter, port: int | None) -> None:
        self.delay, self.counts, self.port = delay, counts, port
        self.other: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()
        self.waiting: collections.deque[bytes | None] = collections.deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.port:
            self.counts[self.port] += len(data)
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


async def main(milliseconds: str, target: str, *ports: str) -> None:
    loop = asyncio.get_running_loop()
    delay, counts = float(milliseconds) / 1000, collections.Counter()

    async def join(leg: Leg, port: int) -> None:
        transport, back = await loop.create_connection(lambda: Leg(delay, counts, port), "127.0.0.1", int(target))
        back.other.set_result(leg.transport)
        leg.other.set_result(transport)

    def accept(port: int) -> Leg:
        leg = Leg(delay, counts, None)
        tasks.add(loop.create_task(join(leg, port)))
        return leg

    async def tell(port: int, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{counts[port]}\n".encode())
        writer.close()

    tasks: set[asyncio.Task] = set()
    for port in map(int, ports):
        await loop.create_server(lambda port=port: accept(port), "0.0.0.0", port)
        await asyncio.start_server(lambda reader, writer, port=port: tell(port, writer), "127.0.0.1", port + 1000)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
