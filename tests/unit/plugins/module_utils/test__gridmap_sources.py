# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Parsers on good, bad and random answers; then the way to the sources, against stand-ins on loopback."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import ipaddress
import json
import os
import sqlite3
import ssl
import stat
import subprocess
import time
import zlib

import gridmap_stand_ins as stand_ins
import pytest
from gridmap_parsers import PARSERS, check_parser, scim, voms, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap_config, _gridmap_sources

dn = stand_ins.dn


# --- parsers ---


def test_users_of_iam():
    users = [
        stand_ins.scim_user(1, [("g1", "grid"), ("g2", "grid/production"), ("g3", "grid/higgs")]),
        stand_ins.scim_user(2, active=False),
        stand_ins.scim_user(3, endTime="2030-01-01T00:00:00.000+00:00"),
        stand_ins.scim_user(4, **{stand_ins.USER: {"certificates": [{"subjectDn": "CN=four,DC=org"}, {"subjectDn": "CN=vier+UID=v,DC=org"}]}}),
    ]
    answer = scim(users, {"g2"})
    assert answer.members == {
        dn(1): ("/grid", "/grid/Role=production", "/grid/higgs"),
        dn(3): (),
        "/DC=org/CN=four": (),
        "/DC=org/CN=vier+UID=v": (),
    }
    assert (answer.out, answer.ends, answer.skipped) == ({dn(2): "inactive"}, {dn(3): 1893456000}, {})
    assert scim(users, wanted="grid/higgs").members.keys() == {dn(1)}


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ({}, "no status"),
        ({"active": None}, "no status"),
        ({"active": "true"}, "no status"),
        ({"active": True}, "no certificate"),
        ({"active": True, stand_ins.USER: None}, "no certificate"),
        ({"active": True, stand_ins.USER: {"certificates": [None, 5]}}, "no certificate"),
        ({"active": True, stand_ins.USER: {"certificates": [{}]}}, "DN"),
        ({"active": True, stand_ins.USER: {"certificates": [{"subjectDn": 'CN=a"b'}]}}, "DN"),
        ({"active": True, stand_ins.USER: {"certificates": [{"subjectDn": "CN=a\nb"}]}}, "DN"),
        ({"active": True, stand_ins.USER: {"certificates": [{"subjectDn": "CN=x"}], "endTime": "soon"}}, "end time"),
        ({"active": True, stand_ins.USER: {"certificates": [{"subjectDn": "CN=x"}], "endTime": [1]}}, "end time"),
    ],
)
def test_users_of_iam_that_are_of_no_use(user, reason):
    """They are no members, and nobody is kept out for a format that we do not know."""
    answer = scim([user])
    assert (answer.members, answer.out, answer.skipped) == ({}, {}, {reason: 1})
    assert len(answer.examples) == 1


def test_groups_of_iam_that_are_roles():
    label = {stand_ins.GROUP: {"labels": [{"name": "voms.role"}]}}
    groups = [{"id": "a", **label}, {"id": "b", stand_ins.GROUP: {"labels": None}}, {"id": "c"}, {"id": "d", stand_ins.GROUP: None}, label]
    assert _gridmap_sources.scim_role_groups(groups) == {"a"}


def test_users_of_voms_admin():
    users = [
        stand_ins.voms_user(1, fqans=["/grid", "/grid/Role=production", "/grid/Role=NULL/Capability=NULL", "x", None]),
        stand_ins.voms_user(2, suspended=True),
        stand_ins.voms_user(3, certificates=[{"subjectString": dn(30)}, {"subjectString": dn(31), "suspended": True}]),
        stand_ins.voms_user(4, endTime="2020-01-01T12:00:00"),
        stand_ins.voms_user(5, endTime=1893456000000),
        stand_ins.voms_user(6, suspended=None),
    ]
    answer = voms(users)
    assert answer.members == {dn(1): ("/grid", "/grid/Role=production"), dn(30): ("/grid",), dn(4): ("/grid",), dn(5): ("/grid",)}
    assert answer.out == {dn(2): "suspended", dn(31): "suspended"}
    assert answer.ends == {dn(4): 1577880000, dn(5): 1893456000}
    assert answer.skipped == {"no status": 1}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (0, 0),
        (1893456000, 1893456000),
        (1893456000123, 1893456000),
        ("2030-01-01", 1893456000),
        ("2030-01-01T00:00", 1893456000),
        ("2030-01-01T00:00:00Z", 1893456000),
        ("2030-01-01T02:00:00.123+02:00", 1893456000),
        ("2030-01-01 02:00:00 +0200", 1893456000),
    ],
)
def test_times(value, expected):
    assert _gridmap_sources.parse_time(value) == expected


@pytest.mark.parametrize("value", [True, [], {}, "soon", "2030-13-01", "2030-01-01T25:00:00", float("nan"), float("inf"), 1e300, "٢٠٣٠-01-01"])
def test_no_times(value):
    with pytest.raises(ValueError):
        _gridmap_sources.parse_time(value)


@pytest.mark.parametrize("item", ["item", "getGridmapUsersReturn"])
def test_soap(item):
    answer = _gridmap_sources.parse_voms_soap(stand_ins.soap([dn(1), " /C=DE/CN=J\u00fcrgen\n", "x", ""], item), "/grid/Role=production")
    assert answer.members == {dn(1): ("/grid/Role=production",), "/C=DE/CN=J\\xC3\\xBCrgen": ("/grid/Role=production",)}
    assert answer.skipped == {"DN": 2}
    assert _gridmap_sources.parse_voms_soap(stand_ins.soap([], item), None).members == {}


FAULT = b'<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultcode>x</faultcode><faultstring>no such VO</faultstring></s:Fault></s:Body></s:Envelope>'
BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (stand_ins.LOGIN, "an HTML page (is a login asked for?), not SOAP"),
        (b"<html><body>hello</body></html>", "without getGridmapUsersReturn"),
        (b"", "nothing, not SOAP"),
        (stand_ins.soap([dn(1)])[:-30], "XML, not SOAP"),
        (FAULT, "the fault 'no such VO'"),
        (BOMB, "XML, not SOAP"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "XML, not SOAP"),
    ],
)
def test_no_soap(data, error):
    with pytest.raises(_gridmap_sources.SourceError) as raised:
        _gridmap_sources.parse_voms_soap(data, None)
    assert error in str(raised.value)


def test_ldif():
    encoded = base64.b64encode(f"{dn(2)}\n".encode()).decode()
    text = (
        f"dn: uid=one,ou=people\ngridX509subject: {dn(1)}\nGRIDX509SUBJECT:: {encoded}\ngridX509subject: {dn(3)[:9]}\n {dn(3)[9:]}\n\n"
        "dn: uid=two,ou=people\nuid: two\ngridX509subject:: !!!\ngridX509subject: /O=x/sub\n# gridX509subject: /CN=comment\n"
    )
    answer = _gridmap_sources.parse_ldif(text.encode(), "gridX509subject")
    assert answer.members.keys() == {dn(1), dn(2), dn(3), r"/O=x\/sub"}
    assert answer.skipped == {"base64": 1}
    assert _gridmap_sources.parse_ldif(b"", "x").members == {}
    with pytest.raises(_gridmap_sources.SourceError, match="an HTML page"):
        _gridmap_sources.parse_ldif(stand_ins.LOGIN, "x")


def test_grid_mapfile():
    text = f"""
# a comment
"{dn(1)}" grid01
  "{dn(2)}"   .pool,grid02
"{dn(3)}"
/O=grid/CN=bare grid03
/O=grid/CN=no quotes here grid03
"/atlas/Role=production" prod
"{dn(4)}" root
"{dn(5)}" ../../etc
"{dn(6)}
"{dn(7)}" one
"{dn(7)}" two
"{dn(7)}" three
"/O=x/CN=quote\\"inside" grid01
"""
    answer = _gridmap_sources.parse_gridmap(text.encode())
    assert answer.members.keys() == {dn(1), dn(2), dn(3), "/O=grid/CN=bare", dn(7)}
    assert {name: account for name, account in answer.accounts.items() if account} == {dn(1): "grid01", dn(2): ".pool", "/O=grid/CN=bare": "grid03"}
    assert answer.skipped == {"line": 3, "FQAN": 1, "account": 2, "two accounts": 2}
    assert _gridmap_sources.parse_gridmap(b"").members == {}


@pytest.mark.parametrize("data", [stand_ins.LOGIN, b"<html>", b"<?xml?>", b'{"a": 1}', b"\x89PNG\x00"])
def test_no_grid_mapfile(data):
    with pytest.raises(_gridmap_sources.SourceError):
        _gridmap_sources.parse_gridmap(data)


def test_catalog_of_cvmfs(tmp_path):
    text = f'x509%/C/CN=x\n{dn(1)}\n"{dn(2)}"\n/ligo:/ligo/Role=pycbc\n/osg/Role=x\n/O=/CN=x\n'
    data = stand_ins.catalog(tmp_path, text)
    root = hashlib.sha1(data).hexdigest()
    database = _gridmap_sources.unpack_cvmfs(data, root, 1 << 20)
    answer = _gridmap_sources.parse_voms_authz(_gridmap_sources.read_cvmfs(database))
    assert answer.members.keys() == {dn(1), dn(2)}
    assert answer.skipped == {"FQAN": 2, "DN": 1}
    with pytest.raises(_gridmap_sources.SourceError, match="not the one of its manifest"):
        _gridmap_sources.unpack_cvmfs(data + b"x", root, 1 << 20)
    with pytest.raises(_gridmap_sources.SourceError, match="of more than 0 MiB"):
        _gridmap_sources.unpack_cvmfs(data, root, 1000)
    with pytest.raises(_gridmap_sources.SourceError, match="cannot be unpacked"):
        _gridmap_sources.unpack_cvmfs(b"x", "x-shake128", 1000)
    with pytest.raises(_gridmap_sources.SourceError, match="cannot be read"):
        _gridmap_sources.read_cvmfs(b"SQLite format 3\x00" + b"\x01" * 2000)
    unset = zlib.decompress(stand_ins.catalog(tmp_path, None))
    with pytest.raises(_gridmap_sources.SourceError, match="without the property voms_authz"):
        _gridmap_sources.read_cvmfs(unset)


def test_a_catalog_without_end(tmp_path):
    path = tmp_path / "evil.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE VIEW properties AS WITH RECURSIVE more(key, value) AS "
            "(SELECT 'x', '0' UNION ALL SELECT key, value + 1 FROM more) SELECT key, value FROM more"
        )
    with pytest.raises(_gridmap_sources.SourceError, match="cannot be read"):
        _gridmap_sources.read_cvmfs(path.read_bytes())


# --- any bytes, any JSON ---

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from([dn(1), "CN=x,DC=org", "2030-01-01"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                ["Resources", "totalResults", "result", "active", "suspended", "groups", "display", "value", "certificates", "subjectDn", "subjectString"]
                + ["endTime", "fqans", "id", "labels", "name", stand_ins.USER, stand_ins.GROUP]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=20,
)
BYTES = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
LINES = st.lists(
    st.sampled_from(
        [b'"', b"/CN=", b"x", b" ", b"\n", b"\n ", b"dn: x\n", b"gridX509subject::", b"gridX509subject: ", b"#", b"\\", b"\xff", b"root", b"<a>", b"</a>"]
        + [b"C" + b"0" * 40]
    )
).map(b"".join)


@pytest.mark.parametrize("parser", PARSERS)
@settings(deadline=None)
@given(data=st.one_of(BYTES, LINES, JSON.map(lambda value: json.dumps(value).encode()), st.just(b"[" * 100000)))
def test_any_bytes(parser, data):
    check_parser(parser, data)


@settings(deadline=None)
@given(st.lists(JSON.filter(lambda value: isinstance(value, dict)), max_size=4))
def test_any_users(users):
    whole(scim(users, {"x"}))
    whole(voms(users))
    _gridmap_sources.scim_role_groups(users)


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=300))
def test_any_database(data):
    with pytest.raises(_gridmap_sources.SourceError):
        _gridmap_sources.read_cvmfs(data)
    with pytest.raises(_gridmap_sources.SourceError):
        _gridmap_sources.unpack_cvmfs(data, "0" * 40, 1000)


# --- the way to the sources ---


@pytest.fixture
def serve():
    running = []

    def start(answer, context=None):
        running.append(stand_ins.StandIn(answer, context))
        return running[-1]

    yield start
    for stand_in in running:
        stand_in.close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(_gridmap_sources, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def fetch(tmp_path):
    def run(kind, url=None, known=None, seconds=10, **options):
        top = {key: options.pop(key) for key in ("max_size",) if key in options}
        source = {"name": "s", "type": kind, **options}
        source.update({"url": url} if url else {})
        data = {"vos": [{"name": "grid", "sources": [source]}], "outputs": [], **top}
        config = _gridmap_config.load(json.dumps(data))
        return _gridmap_sources.fetch(config["vos"][0]["sources"][0], config, known or {}, time.monotonic() + seconds)

    (tmp_path / "token").write_text("good\n")
    return run


def error_of(fetch, *arguments, **options):
    with pytest.raises(_gridmap_sources.SourceError) as raised:
        fetch(*arguments, **options)
    return str(raised.value)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
@pytest.mark.parametrize("page", [100, 30])
def test_pages_of_iam(serve, fetch, tmp_path, count, page):
    users = [stand_ins.scim_user(number, [("g", "grid/prod")]) for number in range(count)]
    groups = [{"id": "g", stand_ins.GROUP: {"labels": [{"name": "voms.role"}]}}]
    server = serve(stand_ins.iam(lambda: users, groups, page))
    found = fetch("iam", server.url + "/", token_file=str(tmp_path / "token"))
    assert found.answer.members == {dn(number): ("/grid/Role=prod",) for number in range(count)}
    assert fetch("iam", server.url, found.tag, token_file=str(tmp_path / "token")).answer is None
    users.append(stand_ins.scim_user(1000))
    assert len(fetch("iam", server.url, found.tag, token_file=str(tmp_path / "token")).answer.members) == count + 1


def test_a_client_of_iam_gets_its_token_itself(serve, fetch, tmp_path):
    (tmp_path / "secret").write_text("s:e/c\n")
    server = serve(stand_ins.iam(lambda: [stand_ins.scim_user(1)]))
    found = fetch("iam", server.url, client_id="site", client_secret_file=str(tmp_path / "secret"))
    assert len(found.answer.members) == 1
    first = server.requests[0]
    assert (first.command, first.body) == ("POST", b"grant_type=client_credentials&scope=scim%3Aread")
    assert base64.b64decode(first.headers["Authorization"].split()[1]) == b"site:s%3Ae%2Fc"


def test_a_user_is_deleted_while_pages_are_read(serve, fetch, tmp_path):
    users = [stand_ins.scim_user(number) for number in range(150)]
    real = stand_ins.iam(lambda: users)
    deletions = 1

    def answer(request):
        nonlocal deletions
        found = real(request)
        if request.plain_path == "/scim/Users" and deletions:
            deletions -= 1
            users.pop(0)
        return found

    found = fetch("iam", serve(answer).url, token_file=str(tmp_path / "token"))
    assert found.answer.members.keys() == {dn(number) for number in range(1, 150)}
    deletions = 10
    assert "then that there are" in error_of(fetch, "iam", serve(answer).url, token_file=str(tmp_path / "token"))


def test_pages_of_iam_that_do_not_add_up(serve, fetch, tmp_path):
    users = [stand_ins.scim_user(number) for number in range(150)]
    real = stand_ins.iam(lambda: users)
    token = str(tmp_path / "token")

    def cut(request):
        status, headers, body = real(request)
        data = json.loads(body)
        if request.plain_path == "/scim/Users" and data["startIndex"] > 100:
            data["Resources"] = []
        return status, headers, json.dumps(data).encode()

    assert "there are 150" in error_of(fetch, "iam", serve(cut).url, token_file=token)

    def stuck(request):
        request.query["startIndex"] = "1"
        return real(request)

    assert "gives only 100" in error_of(fetch, "iam", serve(stuck).url, token_file=token)


@pytest.mark.parametrize("count", [0, 1, 100, 250])
@pytest.mark.parametrize("page", [100, 30])
def test_pages_of_voms_admin(serve, fetch, count, page):
    users = [stand_ins.voms_user(number) for number in range(count)]
    server = serve(stand_ins.voms_admin(lambda: users, page))
    found = fetch("voms_admin", server.url + "/voms/grid")
    assert found.answer.members == {dn(number): ("/grid",) for number in range(count)}
    assert fetch("voms_admin", server.url + "/voms/grid", found.tag).answer is None


def test_pages_of_voms_admin_without_end(serve, fetch):
    users = json.dumps({"result": [stand_ins.voms_user(1)]}).encode()
    assert "its paging does not work" in error_of(fetch, "voms_admin", serve(lambda request: (200, {}, users)).url)


def test_voms_soap(serve, fetch):
    server = serve(lambda request: (200, {}, stand_ins.soap([dn(1)])))
    found = fetch("voms_soap", server.url + "/voms/grid/", group="/grid/Role=production")
    assert found.answer.members == {dn(1): ("/grid/Role=production",)}
    assert server.requests[0].path == "/voms/grid/services/VOMSCompatibility?method=getGridmapUsers&container=/grid/Role%3Dproduction"
    assert fetch("voms_soap", server.url, found.tag).answer is None


def test_cvmfs(serve, fetch, tmp_path):
    server = serve(stand_ins.cvmfs(stand_ins.catalog(tmp_path, f"{dn(1)}\n")))
    found = fetch("cvmfs", server.url)
    assert found.answer.members == {dn(1): ()}
    assert fetch("cvmfs", server.url, found.tag).answer is None
    assert [request.path.split("/")[1] for request in server.requests] == [".cvmfspublished", "data", ".cvmfspublished"]
    assert "not the manifest" in error_of(fetch, "cvmfs", serve(lambda request: (200, {}, stand_ins.LOGIN)).url)


def test_a_file_on_a_server(serve, fetch):
    server = serve(stand_ins.document(f'"{dn(1)}" grid01\n'.encode()))
    found = fetch("gridmap", server.url + "/grid-mapfile?fqdn=x")
    assert found.answer.accounts == {dn(1): "grid01"}
    assert fetch("gridmap", server.url, found.tag).answer is None
    assert server.requests[-1].headers["If-None-Match"] == found.tag["etag"]
    # What cannot be sent back is not kept.
    server.answer = lambda request: (200, {"ETag": "\u00e4" * 3, "Last-Modified": "x" * 300}, b"")
    assert fetch("gridmap", server.url).tag.keys() == {"digest"}
    server.answer = lambda request: (304, {}, b"") if request.headers.get("If-Modified-Since") == "then" else (200, {"Last-Modified": "then"}, b"")
    assert fetch("gridmap", server.url, fetch("gridmap", server.url).tag).answer is None
    # One that knows no ETag gives the same again.
    server.answer = lambda request: (200, {}, f'"{dn(1)}" grid01\n'.encode())
    assert fetch("gridmap", server.url, found.tag).answer is None
    assert "has not changed, which was not asked" in error_of(fetch, "cvmfs", serve(lambda request: (304, {}, b"")).url)


def test_a_local_file(fetch, tmp_path):
    path = tmp_path / "gmf_local"
    path.write_text(f'"{dn(1)}" grid01\n')
    found = fetch("gridmap", path=str(path))
    assert found.answer.members == {dn(1): ()}
    assert fetch("gridmap", None, found.tag, path=str(path)).answer is None
    path.write_bytes(b"#" * (2 << 20))
    assert "more than 1 MiB" in error_of(fetch, "gridmap", path=str(path), max_size=1)
    path.unlink()
    assert error_of(fetch, "gridmap", path=str(path)) == f"cannot be read: {path}: No such file or directory"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda request: (200, {"Content-Type": "text/html"}, stand_ins.LOGIN), "an HTML page (is a login asked for?)"),
        (lambda request: (302, {"Location": "https://sso.example.org/login"}, b""), "to https://sso.example.org/login: is a login asked for"),
        (lambda request: (401, {}, b""), "answers with 401 Unauthorized"),
        (lambda request: (403, {}, b""), "answers with 403 Forbidden"),
        (lambda request: (404, {}, b""), "answers with 404 Not Found"),
        (lambda request: (503, {}, b""), "answers with 503 Service Unavailable"),
        (lambda request: (204, {}, b""), "answers with 204"),
        (lambda request: (200, {}, b""), "answers with nothing, not JSON"),
        (lambda request: (200, {}, b'{"result": [{"id": 1, "cert'), "JSON that is broken or cut off"),
        (lambda request: (200, {}, b'{"result": 5}'), "answers without result"),
        (lambda request: (200, {}, b'{"result": [5]}'), "answers without result"),
        (lambda request: (200, {}, b"[]"), "answers without result"),
        # The connection ends before all that was promised has come.
        (lambda request: (200, {"Content-Length": "1000", "Connection": "close"}, b'{"result": []}'), "gave no answer"),
        (stand_ins.endless(), "gives more than 1 MiB"),
        (lambda request: (200, {"Content-Length": "104857600"}, b"x" * (3 << 20)), "gives more than 1 MiB"),
    ],
)
def test_wrong_answers(serve, fetch, answer, error):
    server = serve(answer)
    assert error in error_of(fetch, "voms_admin", server.url, max_size=1)


def test_what_may_pass_is_asked_for_again(serve, fetch):
    good = stand_ins.voms_admin(lambda: [stand_ins.voms_user(1)])
    server = serve(lambda request: good(request) if len(server.requests) > 2 else (503, {}, b"busy"))
    assert fetch("voms_admin", server.url).answer.members.keys() == {dn(1)}
    server = serve(lambda request: (401, {}, b""))
    error_of(fetch, "voms_admin", server.url)
    assert len(server.requests) == 1


def test_a_connection_that_was_closed_meanwhile(serve, fetch):
    good = stand_ins.voms_admin(lambda: [stand_ins.voms_user(number) for number in range(250)])

    def closing(request):
        request.close_connection = True
        return good(request)

    assert len(fetch("voms_admin", serve(closing).url).answer.members) == 250


@pytest.mark.parametrize("answer", [stand_ins.endless(b"x", 1000, 0.05), lambda request: (time.sleep(3), (200, {}, b""))[1]])
def test_slow_answers(serve, fetch, answer):
    began = time.monotonic()
    assert "in time" in error_of(fetch, "voms_admin", serve(answer).url, seconds=0.5)
    assert time.monotonic() - began < 2


def test_nobody_there(serve, fetch):
    server = serve(lambda request: (200, {}, b""))
    server.close()
    assert "Connection refused" in error_of(fetch, "voms_admin", server.url)
    assert "gave no answer" in error_of(fetch, "voms_admin", "http://no-such-host.invalid/")


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"-----BEGIN CERTIFICATE-----\nx", "holds a certificate or key, not a token"), (b"two words", "does not hold one word"), (b"", "does not hold one word")],
)
def test_no_tokens(serve, fetch, tmp_path, content, error):
    (tmp_path / "token").write_bytes(content)
    server = serve(stand_ins.iam(list))
    assert error in error_of(fetch, "iam", server.url, token_file=str(tmp_path / "token"))
    assert server.requests == []


def test_a_server_that_gives_no_token(serve, fetch, tmp_path):
    for body in (b"{}", b'{"access_token": 5}', b'{"access_token": "a\\r\\nb"}', stand_ins.LOGIN):
        assert (
            "answers with an HTML"
            in (
                error := error_of(
                    fetch, "iam", serve(lambda request, body=body: (200, {}, body)).url, client_id="x", client_secret_file=str(tmp_path / "token")
                )
            )
            or "gives no token" in error
        )


# --- TLS ---


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A CA of the name that OpenSSL looks for in a directory, and certificates for this host, for another one and for a client."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    place = tmp_path_factory.mktemp("pki")
    now = datetime.datetime.now(datetime.timezone.utc)

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.DOMAIN_COMPONENT, "test"), x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def make(text, issuer=None, **alternative):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = x509.CertificateBuilder(name(issuer[0] if issuer else text), name(text), key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(issuer is None, None), True)
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative["san"]]), False)
        certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (place / f"{text}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (place / f"{text}.key").write_bytes(private)
        (place / f"{text}.both").write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        return text, key

    authority = make("ca")
    make("here", authority, san=x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    make("elsewhere", authority, san=x509.DNSName("elsewhere.test"))
    make("client", authority)
    (place / "certificates").mkdir()
    (place / "none").mkdir()
    (place / "token").write_text("eyJhbGciOiJSUzI1NiJ9.e30.x")
    command = ["openssl", "x509", "-in", str(place / "ca.pem"), "-noout", "-hash"]
    digest = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    (place / "certificates" / f"{digest}.0").write_bytes((place / "ca.pem").read_bytes())
    return place


def context(pki, name, ask=False):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    if ask:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(pki / "ca.pem")
    return made


def test_tls_with_a_client_certificate(serve, fetch, pki):
    server = serve(stand_ins.voms_admin(lambda: [stand_ins.voms_user(1)]), context(pki, "here", True))
    ca_dir = str(pki / "certificates")
    assert len(fetch("voms_admin", server.url, ca_dir=ca_dir, cert=str(pki / "client.pem"), key=str(pki / "client.key")).answer.members) == 1
    assert len(fetch("voms_admin", server.url, ca_dir=ca_dir, cert=str(pki / "client.both")).answer.members) == 1
    assert "gave no answer" in error_of(fetch, "voms_admin", server.url, ca_dir=ca_dir)


def test_servers_that_cannot_be_trusted(serve, fetch, pki):
    ca_dir = str(pki / "certificates")
    elsewhere = serve(stand_ins.voms_admin(list), context(pki, "elsewhere"))
    assert "cannot be trusted: the certificate of 127.0.0.1: IP address mismatch" in error_of(fetch, "voms_admin", elsewhere.url, ca_dir=ca_dir)
    here = serve(stand_ins.voms_admin(list), context(pki, "here"))
    assert "cannot be trusted" in error_of(fetch, "voms_admin", here.url, ca_dir=str(pki / "none"))
    assert "cannot be trusted" in error_of(fetch, "voms_admin", here.url)
    assert elsewhere.requests == here.requests == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"cert": "token"}, "is not in PEM; is it a token?"),
        ({"cert": "client.pem", "key": "token"}, "is not in PEM; is it a token?"),
        ({"cert": "client.pem", "key": "here.key"}, "KEY_VALUES_MISMATCH"),
        ({"cert": "client.pem"}, "cannot be asked: cert"),
        ({"cert": "absent"}, "No such file or directory"),
        ({"ca_dir": "absent"}, "is no directory"),
    ],
)
def test_credentials_that_are_none(serve, fetch, pki, options, error):
    server = serve(stand_ins.voms_admin(list), context(pki, "here"))
    paths = {name: str(pki / value) for name, value in options.items()}
    assert error in error_of(fetch, "voms_admin", server.url, **{"ca_dir": str(pki / "certificates"), **paths})


# --- LDAP: a stand-in for the command ldapsearch ---


@pytest.fixture
def ldapsearch(tmp_path, monkeypatch):
    def install(script):
        path = tmp_path / "bin" / "ldapsearch"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    (tmp_path / "password").write_text("s3cret\n")
    return install


LDAP = {"base": ["ou=people,o=x", "ou=robot,o=x"], "filter": "(isMemberOf=ligo)"}


def test_ldap(fetch, ldapsearch, tmp_path):
    ldapsearch(f"""
        echo "$@" >>{tmp_path}/log
        while [ $# -gt 0 ]; do case $1 in -b) base=$2;; -y) cat "$2" >>{tmp_path}/passwords;; esac; shift; done
        echo "dn: $base"; echo "gridX509subject: /O=ligo/CN=$base"
    """)
    options = {**LDAP, "bind_dn": "uid=site", "password_file": str(tmp_path / "password"), "ca_dir": str(tmp_path)}
    found = fetch("ldap", "ldaps://ldap.example.org", **options)
    assert found.answer.members.keys() == {"/O=ligo/CN=ou=people,o=x", "/O=ligo/CN=ou=robot,o=x"}
    assert fetch("ldap", "ldaps://ldap.example.org", found.tag, **options).answer is None
    log = (tmp_path / "log").read_text()
    assert "-H ldaps://ldap.example.org -b ou=people,o=x -D uid=site -y /dev/fd/" in log
    # Not in the list of processes, and without the newline.
    assert "s3cret" not in log
    assert (tmp_path / "passwords").read_text() == "s3cret" * 4


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo 'ldap_bind: Invalid credentials (49)' >&2; exit 49", "ended with 49: ldap_bind: Invalid credentials (49)"),
        ("exec sleep 10", "gave no full answer in time"),
        ("yes", "gives more than 1 MiB"),
        ("echo '<html>'", "not LDIF"),
    ],
)
def test_ldap_that_fails(fetch, ldapsearch, script, error):
    ldapsearch(script)
    assert error in error_of(fetch, "ldap", "ldaps://ldap.example.org", seconds=1.5, max_size=1, **LDAP)


def test_no_ldapsearch(fetch, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "there is no command ldapsearch" in error_of(fetch, "ldap", "ldaps://ldap.example.org", **LDAP)
