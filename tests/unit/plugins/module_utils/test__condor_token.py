# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _condor_token

WHO = "startd@htc.test"
DAY = 86400


def token(**claims):
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "HS256"}, claims, "s")) + "\n"


GOOD = {"sub": WHO, "iss": "htc.test", "iat": 1000, "exp": 1000 + DAY, "scope": "condor:/READ condor:/ADVERTISE_STARTD"}


def test_what_a_token_says():
    said = _condor_token.claims(token(**GOOD))
    assert said == GOOD
    assert _condor_token.rights(said) == ["READ", "ADVERTISE_STARTD"]
    assert _condor_token.describe(said) == (
        "a token of startd@htc.test for the trust domain htc.test, made 1970-01-01T00:16:40Z, valid until 1970-01-02T00:16:40Z"
    )
    assert [_condor_token.expired(said, now) for now in (0, 999 + DAY, 1000 + DAY)] == [False, False, True]
    assert _condor_token.describe({}).endswith("without an end")


@pytest.mark.parametrize("text", ["", "secret", "a.b.c", "a.e30", "a.W10.c", "\u00e9.\u00e9.\u00e9"])
def test_what_is_no_token_is_not_shown(text):
    with pytest.raises(ValueError, match="no token as condor_token_create writes it") as error:
        _condor_token.claims(text)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("claims", "now", "why"),
    [
        ({}, 1000, ""),
        ({}, 1000 + DAY // 2, ""),
        ({}, 1001 + DAY // 2, "its life is half over"),
        ({}, 1001 + DAY, "its life is half over"),
        ({"sub": "schedd@htc.test"}, 1000, "it is one of schedd@htc.test"),
        ({"scope": "condor:/READ"}, 1000, "it has other rights"),
        ({"iat": 499}, 1000, "it was made before tokens were revoked or the key was made"),
        ({"exp": 1000 + 2 * DAY}, 1000, "it lives longer than wanted"),
    ],
)
def test_when_a_token_is_made_anew(claims, now, why):
    assert _condor_token.why_anew(token(**{**GOOD, **claims}), WHO, ["ADVERTISE_STARTD", "READ"], DAY, 500, now) == why


@pytest.mark.parametrize(("text", "why"), [("", "there is none"), ("\n", "there is none"), ("x", "what is there is no token")])
def test_when_there_is_none(text, why):
    assert _condor_token.why_anew(text, WHO, [], DAY, 0, 0) == why


def test_a_token_without_an_end_lives_too_long():
    text = token(**{key: value for key, value in GOOD.items() if key != "exp"})
    assert _condor_token.why_anew(text, WHO, ["ADVERTISE_STARTD", "READ"], DAY, 0, 1000) == "it lives longer than wanted"
