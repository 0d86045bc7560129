#!/usr/bin/python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Wait until services answer.

    wait.py ports [PORT]...    these ports speak HTTP
    wait.py ready              every API does, and the schedulers know of the hypervisors and of the volume service
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request

APIS = (5000, 8774, 8776, 8778, 9292, 9696)
HYPERVISORS = 2
SECONDS = 180
# Reports come every 10 s. Asked of the databases, since the APIs would take a token and half a second.
REPORTS = {
    "hypervisors": (HYPERVISORS, "SELECT COUNT(*) FROM nova.services WHERE deleted = 0 AND `binary` = 'nova-compute' AND last_seen_up > UTC_TIMESTAMP() - INTERVAL 12 SECOND"),
    "cells' hypervisors": (HYPERVISORS, "SELECT COUNT(*) FROM nova_api.host_mappings"),
    "nova-conductor and -scheduler": (2, "SELECT COUNT(*) FROM nova.services WHERE deleted = 0 AND `binary` <> 'nova-compute' AND last_seen_up > UTC_TIMESTAMP() - INTERVAL 12 SECOND"),
    "cinder-scheduler and -volume": (2, "SELECT COUNT(*) FROM cinder.services WHERE deleted = 0 AND updated_at > UTC_TIMESTAMP() - INTERVAL 12 SECOND"),
}


def answers(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def reported(wanted, query):
    said = subprocess.run(["mariadb", "--skip-column-names", "--execute", query], capture_output=True, text=True, check=False).stdout.strip()
    return said.isdigit() and int(said) >= wanted


def wait(ports, reports=()):
    deadline = time.monotonic() + SECONDS
    for what, ready in [(f"port {port}", lambda port=port: answers(port)) for port in ports] + [
        (what, lambda what=what: reported(*REPORTS[what])) for what in reports
    ]:
        while not ready():
            if time.monotonic() > deadline:
                sys.exit(f"waited {SECONDS} s for {what}")
            time.sleep(0.2)


if __name__ == "__main__":
    if sys.argv[1] == "ready":
        wait(APIS, REPORTS)
    else:
        wait(map(int, sys.argv[2:]))
