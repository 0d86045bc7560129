#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Clients that read at once; tells in JSON how many seconds they took, and how many bytes they read.

usage: reads.py whole CLIENTS URL       each reads the same file by xrdcp
       reads.py some CLIENTS SEED=URL... each reads every n-th of the files as ROOT does: of each 16 MiB, the fifth part that its branches
                                        (SEED) are, in baskets of 4 to 64 KiB, by one vector read
"""

from __future__ import annotations

import json
import math
import multiprocessing
import random
import subprocess
import sys
import time
import typing as t

CLUSTER = 16 << 20
PART = 0.2


def whole(clients: int, url: str) -> tuple[float, int]:
    began = time.monotonic()
    running = [subprocess.Popen(["xrdcp", "--force", "--silent", url, "/dev/null"]) for _ in range(clients)]
    if any([one.wait() for one in running]):
        sys.exit("a client failed")
    return time.monotonic() - began, 0


def baskets(size: int, seed: str) -> t.Iterator[list[tuple[int, int]]]:
    """The vector reads of one job: (offset, length) of each basket. The same for the same seed."""
    dice = random.Random(seed)
    for start in range(0, size, CLUSTER):
        at, end, chunks = start, min(start + CLUSTER, size), []
        while at < end:
            length = min(int(math.exp(dice.uniform(math.log(4096), math.log(65536)))), end - at)
            if dice.random() < PART:
                chunks.append((at, length))
            at += length
        yield chunks


def job(files: list[str], ready: t.Any, done: t.Any) -> None:
    # Not before the fork: its threads would be left behind.
    from XRootD import client

    ready.wait()
    read = 0
    for seed, url in (one.split("=", 1) for one in files):
        file = client.File()
        for status in (file.open(url)[0], (found := file.stat())[0]):
            if not status.ok:
                sys.exit(f"{url}: {status.message}")
        for chunks in baskets(found[1].size, seed):
            status, answer = file.vector_read(chunks)
            if not status.ok:
                sys.exit(f"{url}: {status.message}")
            read += sum(len(chunk.buffer) for chunk in answer.chunks)
        file.close()
    done.put(read)


def some(clients: int, *files: str) -> tuple[float, int]:
    fork = multiprocessing.get_context("fork")
    ready, done = fork.Barrier(clients + 1), fork.SimpleQueue()
    running = [fork.Process(target=job, args=(files[number::clients], ready, done)) for number in range(clients)]
    for one in running:
        one.start()
    ready.wait()
    began = time.monotonic()
    for one in running:
        one.join()
    took = time.monotonic() - began
    if any(one.exitcode for one in running):
        sys.exit("a client failed")
    return took, sum(done.get() for _ in running)


if __name__ == "__main__":
    seconds, read = {"whole": whole, "some": some}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
    print(json.dumps({"seconds": seconds, "bytes": read}))
