# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What an IDTOKEN of HTCondor says, and when it has to be made anew. Pure; private to this collection."""

from __future__ import annotations

import base64
import json
import re
import time
import typing as t

Claims = dict[str, t.Any]
# A token that has lived so much of its life is made anew.
RENEW_AT = 0.5


def claims(text: str) -> Claims:
    """What a token says, without a look at its signature, for which one needs the key. The error never names what is in it."""
    parts = text.strip().split(".")
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        if len(parts) != 3 or not isinstance(body, dict):
            raise ValueError
    except (IndexError, ValueError):
        raise ValueError("no token as condor_token_create writes it: three parts of base64 with dots between") from None
    return body


def rights(said: Claims) -> list[str]:
    """The authorization levels that a token is limited to; none: it has all those of its identity."""
    return re.findall(r"condor:/(\w+)", said.get("scope", ""))


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def describe(said: Claims) -> str:
    """A token in words, without anything that is secret."""
    end = f"valid until {moment(said['exp'])}" if "exp" in said else "without an end"
    return f"a token of {said.get('sub', 'nobody')} for the trust domain {said.get('iss', '(none)')}, made {moment(said.get('iat', 0))}, {end}"


def expired(said: Claims, now: float) -> bool:
    return isinstance(said.get("exp"), (int, float)) and said["exp"] <= now


def why_anew(text: str, identity: str, wanted: list[str], lifetime: int, since: float, now: float) -> str:
    """Why a token has to be made, empty if the one that is there does. Those from before `since` are worthless."""
    if not text.strip():
        return "there is none"
    try:
        said = claims(text)
    except ValueError:
        return "what is there is no token"
    if said.get("sub") != identity:
        return f"it is one of {said.get('sub')}"
    if sorted(rights(said)) != sorted(wanted):
        return "it has other rights"
    if said.get("iat", 0) < since:
        return "it was made before tokens were revoked or the key was made"
    left = said.get("exp", float("inf")) - now
    # A few seconds pass while one is made.
    if left > lifetime + 60:
        return "it lives longer than wanted"
    return "its life is half over" if left < lifetime * RENEW_AT else ""
