# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Approves what workers ask for that join with the token of their cloud-init, and nothing else: a token of a worker with the rights of a worker.

Each of those tokens has an identity of its own, join_<name>, and is good for one approval: who reads the user data afterwards comes too late. The names
are kept in STATE for longer than any such token lives.

condor_join_approve DOMAIN SECONDS: the trust domain, and for how long the new token may be good at most. HTCondor's own commands show and approve the
requests (condor_token_request_list, condor_token_request_approve), as root on the manager.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import time

RIGHTS = {"ADVERTISE_STARTD", "ADVERTISE_MASTER", "READ"}
POLL_SECONDS = 3
STATE = pathlib.Path("/var/lib/elastigrid-condor-join")
# condor_startd_join_lifetime is 3600 at most.
KEEP_SECONDS = 2 * 3600


def is_right(request: dict, domain: str, lifetime: int) -> bool:
    # A token without limits has all rights of its identity.
    rights = set(request.get("LimitAuthorization", "").replace(" ", "").split(","))
    return bool(
        re.fullmatch(r"join_\w{1,64}@" + re.escape(domain), request.get("AuthenticatedIdentity") or "")
        and request.get("RequestedIdentity") == f"startd@{domain}"
        and rights == RIGHTS
        and 0 < request.get("TokenLifetime", 0) <= lifetime
    )


def requests() -> list[dict]:
    """Those that wait; none while the collector does not answer."""
    listed = subprocess.run(["condor_token_request_list", "-json"], capture_output=True, text=True, check=False)
    return json.loads(listed.stdout) if listed.returncode == 0 and listed.stdout.strip() else []


def answer(request: dict) -> bool:
    """Approves a request, unless one with the same token was approved before. False: that failed, and may be tried again."""
    for used in STATE.iterdir():
        if used.stat().st_mtime < time.time() - KEEP_SECONDS:
            used.unlink()
    use = STATE / request["AuthenticatedIdentity"]
    try:
        use.touch(exist_ok=False)
    except FileExistsError:
        say(request, "not approved: its token was used before")
        return True
    done = subprocess.run(["condor_token_request_approve", "-reqid", request["RequestId"]], input="yes\n", capture_output=True, text=True, check=False)
    if done.returncode:
        use.unlink()
        say(request, f"not approved: {done.stderr.strip()}")
        return False
    say(request, "approved")
    return True


def say(request: dict, what: str) -> None:
    print(f"request {request['RequestId']} of {request.get('ClientId')} at {request.get('PeerLocation')}: {what}", flush=True)


def main(domain: str, lifetime: str) -> None:
    # What was refused stays in the list until it expires, and what was approved until it is fetched.
    answered: set[str] = set()
    while True:
        listed = requests()
        answered &= {request["RequestId"] for request in listed}
        for request in listed:
            if request["RequestId"] not in answered and is_right(request, domain, int(lifetime)) and answer(request):
                answered.add(request["RequestId"])
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
