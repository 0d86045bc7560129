# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A collector of monitoring packets, for tests only: it writes what comes to each port to /run/test-collector/<port>, after a line with its sender."""

from __future__ import annotations

import pathlib
import selectors
import socket

PLACE = pathlib.Path("/run/test-collector")

PLACE.mkdir(exist_ok=True)
waiting = selectors.DefaultSelector()
for port in (9930, 9931):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("", port))
    waiting.register(receiver, selectors.EVENT_READ, port)
while True:
    for key in (ready[0] for ready in waiting.select()):
        data, sender = key.fileobj.recvfrom(65536)
        with open(PLACE / str(key.data), "ab") as out:
            out.write(b"from %s\n%s\n" % (sender[0].encode(), data))
