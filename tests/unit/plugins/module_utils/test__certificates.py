# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _certificates

END = 1795232825.0  # 2026-11-21 03:47:05 UTC
HOST = _certificates.Certificate("/DC=test/DC=grid/O=Sandbox/CN=ce.grid.test", END, frozenset(["ce.grid.test"]))
SHOWN = """\
subject=/DC=test/DC=grid/O=Sandbox/CN=ce.grid.test
notAfter=Nov 21 03:47:05 2026 GMT
X509v3 Subject Alternative Name: 
    DNS:ce.grid.test, DNS:www.grid.test
"""  # noqa: W291


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SHOWN, HOST._replace(dns=frozenset(["ce.grid.test", "www.grid.test"]))),
        ("subject=/CN=x\nnotAfter=Nov 21 03:47:05 2026 GMT\nNo extensions matches\n", _certificates.Certificate("/CN=x", END, frozenset())),
        ("subject= /CN=x\nnotAfter=Nov  1 00:00:00 2026 GMT\n", _certificates.Certificate("/CN=x", 1793491200.0, frozenset())),
    ],
)
def test_what_openssl_shows(text, wanted):
    assert _certificates.parse(text) == wanted


def test_what_openssl_does_not_show():
    with pytest.raises(ValueError, match="neither subject nor end"):
        _certificates.parse("unable to load certificate")


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("/DC=test/DC=grid/O=Sandbox/CN=Sandbox User", True),
        ("/CN=x", True),
        ("CN=x", False),
        ("/CN=", False),
        ("/CN=a/b", False),
        ("/CN=a=b", False),
        ('/CN=a"b', False),
        ("/CN=a\nb", False),
        ("/CN=a/", False),
        ("", False),
    ],
)
def test_names(name, right):
    assert _certificates.is_name(name) is right


@pytest.mark.parametrize(
    ("seconds_left", "matches", "min_days", "wanted"),
    [
        (86400, True, 0, []),
        (0, True, 0, ["expired on 2026-11-21 03:47 UTC"]),
        (-1, False, 30, ["expired on 2026-11-21 03:47 UTC", "does not belong to the key"]),
        (29 * 86400, True, 30, ["expires on 2026-11-21 03:47 UTC, in less than 30 days"]),
        (30 * 86400, True, 30, []),
    ],
)
def test_faults(seconds_left, matches, min_days, wanted):
    assert _certificates.faults(HOST, matches, END - seconds_left, min_days) == wanted


@pytest.mark.parametrize(
    ("subject", "dns", "signed", "wanted"),
    [
        (HOST.subject, ["ce.grid.test"], True, []),
        ("/CN=other", ["ce.grid.test"], True, [f"is for {HOST.subject}"]),
        (HOST.subject, [], True, ["has the DNS names ce.grid.test"]),
        (HOST.subject, ["ce.grid.test"], False, ["is not signed by the CA"]),
    ],
)
def test_deviations(subject, dns, signed, wanted):
    assert _certificates.deviations(HOST, subject, dns, signed) == wanted


def test_only_hosts_serve():
    assert "serverAuth" in _certificates.extensions(["a", "b"])
    assert "subjectAltName=DNS:a,DNS:b" in _certificates.extensions(["a", "b"])
    assert "serverAuth" not in _certificates.extensions([])
    # Without it no proxy certificate of a user validates.
    assert "digitalSignature" in _certificates.extensions([])
