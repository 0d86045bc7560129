# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Approves what workers ask for that join with the token of their cloud-init, and nothing else: a token of a worker with the rights of a worker.

condor_join_approve DOMAIN SECONDS: the trust domain, and for how long the new token may be good at most. HTCondor's own commands show and approve the
requests (condor_token_request_list, condor_token_request_approve), as root on the manager.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

RIGHTS = {"ADVERTISE_STARTD", "ADVERTISE_MASTER", "READ"}
POLL_SECONDS = 3


def is_right(request: dict, domain: str, lifetime: int) -> bool:
    # A token without limits has all rights of its identity.
    rights = set(request.get("LimitAuthorization", "").replace(" ", "").split(","))
    return (
        request.get("AuthenticatedIdentity") == f"join@{domain}"
        and request.get("RequestedIdentity") == f"startd@{domain}"
        and rights == RIGHTS
        and 0 < request.get("TokenLifetime", 0) <= lifetime
    )


def requests() -> list[dict]:
    """Those that wait; none while the collector does not answer."""
    listed = subprocess.run(["condor_token_request_list", "-json"], capture_output=True, text=True, check=False)
    return json.loads(listed.stdout) if listed.returncode == 0 and listed.stdout.strip() else []


def approve(request: dict) -> None:
    done = subprocess.run(["condor_token_request_approve", "-reqid", request["RequestId"]], input="yes\n", capture_output=True, text=True, check=False)
    said = "approved" if done.returncode == 0 else f"not approved: {done.stderr.strip()}"
    print(f"request {request['RequestId']} of {request.get('ClientId')} at {request.get('PeerLocation')}: {said}", flush=True)


def main(domain: str, lifetime: str) -> None:
    while True:
        for request in requests():
            if is_right(request, domain, int(lifetime)):
                approve(request)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
