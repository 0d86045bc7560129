# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What holds for every parser of gridmap whatever it is given. For hypothesis (test__gridmap_fuzz.py) and atheris (tests/unit/fuzz.py)."""

from __future__ import annotations

import json
import pathlib
import tempfile
import typing as t

import gridmap_stand_ins as stand_ins

from ansible_collections.elastigrid.site.plugins.module_utils import _dn, _gridmap, _gridmap_outputs, _gridmap_sources


def scim(users, role_groups=frozenset(), wanted=None):
    answer = _gridmap.Answer()
    _gridmap_sources.add_scim_users(answer, users, set(role_groups), wanted)
    return answer


def voms(users):
    answer = _gridmap.Answer()
    _gridmap_sources.add_voms_admin_users(answer, users)
    return answer


def whole(answer: _gridmap.Answer) -> None:
    """What every answer holds: names in their one spelling, accounts and FQANs of their kind, and JSON that can be kept."""
    kept = _gridmap.Answer.from_json(json.loads(json.dumps(answer.to_json())))
    assert (kept.members, kept.ends, kept.out, kept.accounts) == (answer.members, answer.ends, answer.out, answer.accounts)
    for name in [*answer.members, *answer.out]:
        assert name.isascii() and name.isprintable() and name.startswith("/")
        assert _dn.slash(name) == name
    assert set(answer.accounts) <= set(answer.members) and set(answer.ends) <= set(answer.members)
    assert all(account == "" or account != "root" and _gridmap.ACCOUNT.fullmatch(account) for account in answer.accounts.values())
    assert all(_gridmap.FQAN.fullmatch(fqan) for fqans in set(answer.members.values()) for fqan in fqans)
    assert all(example.isprintable() for example in answer.examples)
    mapped(answer)


def mapped(answer: _gridmap.Answer) -> None:
    """Each member has one line in a grid-mapfile, which reads as it was meant, or is counted as one that it cannot hold."""
    vo = _gridmap.Vo("vo", answer.members, dict.fromkeys(answer.members, "grid01"), [], {}, frozenset())
    made = _gridmap.Table([vo], {})
    output = {"vos": None, "type": "grid_mapfile", "by_role": False, "all_accounts": False, "gridmapdir": None, "fqan": None}
    rendered = _gridmap_outputs.render(output, {"vos": []}, made, {})
    again = _gridmap_sources.parse_gridmap(rendered.text.encode("ascii"))
    assert not again.skipped.keys() - {"FQAN"}
    skipped = sum(rendered.skipped.values()) + again.skipped.get("FQAN", 0)
    assert len(again.members) + skipped >= len(answer.members)
    assert set(again.members) <= set(answer.members)


def _scim(data: bytes) -> _gridmap.Answer:
    users, dummy = _gridmap_sources.scim_page(data)
    return scim(users, _gridmap_sources.scim_role_groups(users))


def _manifest(data: bytes) -> _gridmap.Answer:
    root = _gridmap_sources.cvmfs_root(data)
    assert root.isascii() and root.isalnum() or "-" in root
    return _gridmap.Answer()


def _catalog(data: bytes) -> _gridmap.Answer:
    return _gridmap_sources.parse_voms_authz(_gridmap_sources.read_cvmfs(_gridmap_sources.unpack_cvmfs(data, "0-any", 1 << 16)))


def _database(data: bytes) -> _gridmap.Answer:
    return _gridmap_sources.parse_voms_authz(_gridmap_sources.read_cvmfs(data))


PARSERS: dict[str, t.Callable[[bytes], _gridmap.Answer]] = {
    "scim": _scim,
    "voms_admin": lambda data: voms(_gridmap_sources.voms_admin_page(data)),
    "soap": lambda data: _gridmap_sources.parse_voms_soap(data, "/grid"),
    "ldif": lambda data: _gridmap_sources.parse_ldif(data, "gridX509subject"),
    "gridmap": _gridmap_sources.parse_gridmap,
    "voms_authz": lambda data: _gridmap_sources.parse_voms_authz(data.decode("utf-8", "surrogateescape")),
    "manifest": _manifest,
    "catalog": _catalog,
    "database": _database,
}


def check_parser(name: str, data: bytes) -> None:
    """An answer that holds what it must, or an error that can be shown."""
    try:
        answer = PARSERS[name](data)
    except _gridmap_sources.SourceError as error:
        assert str(error).isprintable()
        return
    whole(answer)


def check_name(text: str) -> None:
    """A name in either form is the same in both, or an error that can be shown."""
    try:
        found = _dn.slash(text)
    except _dn.DnError as error:
        assert str(error).isprintable()
        return
    assert found.isascii() and found.isprintable()
    assert _dn.slash(found) == found and _dn.is_slash(found)
    dn = _dn.parse_slash(found)
    assert _dn.to_slash(dn) == found
    assert _dn.parse_comma(_dn.to_comma(dn)) == dn == _dn.parse(text)
    assert _dn.slash(_dn.to_comma(dn)) == found
    for spelling in _dn.spellings(found):
        assert _dn.slash(spelling) == found
        # Who is banned by one spelling is banned by all.
        assert _dn.key(_dn.slash(spelling)) == _dn.key(found)


def check_time(text: str) -> None:
    try:
        assert _gridmap_sources.parse_time(text) is None or text
    except ValueError:
        pass


CHECKS: dict[str, t.Callable[[bytes], None]] = {
    **{name: lambda data, name=name: check_parser(name, data) for name in PARSERS},
    "dn_slash": lambda data: check_name("/" + data.decode("utf-8", "surrogateescape")),
    "dn_comma": lambda data: check_name(data.decode("utf-8", "surrogateescape")),
    "time": lambda data: check_time(data.decode("utf-8", "replace")),
}
"""What takes any bytes and raises nothing."""


def seeds() -> dict[str, list[bytes]]:
    """What real servers say, as far as it is read: from there a fuzzer gets further than from nothing."""
    users = [
        stand_ins.scim_user(1, [("g1", "grid"), ("g2", "grid/production")]),
        stand_ins.scim_user(2, active=False),
        stand_ins.scim_user(3, endTime="2030-01-01T00:00:00.000+00:00"),
        {"id": "g2", stand_ins.GROUP: {"labels": [{"name": "voms.role"}]}},
    ]
    members = [stand_ins.voms_user(1), stand_ins.voms_user(2, suspended=True), stand_ins.voms_user(3, endTime=1893456000000, fqans=["/grid/Role=x"])]
    names = [stand_ins.dn(1), r"/DC=org/CN=host\/ce.example.org", "/C=DE/O=x/CN=J\\xC3\\xBCrgen/emailAddress=a@b", "/CN=a+UID=b", '/CN=with "quotes"']
    commas = ["CN=user 1,DC=grid,DC=org", r"CN=a\,b\+c\ ,O=\C3\BC", "CN=#0c0161+UID=x;O = y", 'CN="a,b",O=x', "2.999.3=#0C0161,oid.2.5.4.3=x"]
    plain = "\n".join(names).encode()
    with tempfile.TemporaryDirectory() as place:
        packed = stand_ins.catalog(pathlib.Path(place), f"x509\n{plain.decode()}\n/grid/Role=x\n")
    return {
        "scim": [json.dumps({"totalResults": 4, "Resources": users}).encode()],
        "voms_admin": [json.dumps({"result": members}).encode()],
        "soap": [stand_ins.soap(names[:2])],
        "ldif": [b"dn: uid=x,dc=org\ngridX509subject: /DC=org/CN=x y\ngridX509subject:: L0NOPXgK\n\ndn: y\ngridX509subject;x: CN=y,\n O=z\n"],
        "gridmap": ["".join(f'"{name}" grid01,.pool\n' for name in names).encode() + b"/CN=bare x\n# no\n"],
        "voms_authz": [plain],
        "manifest": [b"C" + b"0" * 40 + b"\nB4096\nN ligo.org\n--\nabc\xff"],
        "catalog": [packed],
        "database": [_gridmap_sources.unpack_cvmfs(packed, "0-any", 1 << 16)],
        "dn_slash": [name[1:].encode() for name in names],
        "dn_comma": [name.encode() for name in [*commas, *names]],
        "time": [b"2030-01-01T00:00:00.000+00:00", b"2030-01-01 10:00", b"2030-01-01", b"2030-01-01T00:00:00Z"],
    }


WORDS = [
    "/CN=", "/DC=", ",O=", "+UID=", "emailAddress=", "2.999.3=", "oid.", "#0C0161", "\\x", "\\/", "\\+", "C3", "BC", '"', "\\", "=", ";", " ", "\n", "\n ",
    "/Role=", "/Capability=NULL", "totalResults", "Resources", "result", "suspended", "fqans", "certificates", "subjectDn", "subjectString", "endTime",
    "active", "groups", "display", "labels", "voms.role", stand_ins.USER, stand_ins.GROUP, "getGridmapUsersReturn", "faultstring", "<![CDATA[", "&#10;",
    "<!DOCTYPE", "root", "gridX509subject: ", "gridX509subject:: ", "dn: ", "version: 1", "true", "false", "null", "1e400", "NaN", "\\ud800", "\\u0000",
]  # fmt: skip
