# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Where the members of VOs are listed: parsers of what servers and files say, then the way to ask them. Private to this collection.

An answer that is not what was asked for is a SourceError as a whole. A single entry that is of no use is skipped and counted.
Only what a source says outright keeps a user out; what it does not say makes him no member, so that a server which changes its
format cannot lock out a VO: that is a shrinking, and the last good answer stays.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import typing as t
import urllib.parse
import xml.etree.ElementTree
import zlib

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap

USER = "urn:indigo-dc:scim:schemas:IndigoUser"
GROUP = "urn:indigo-dc:scim:schemas:IndigoGroup"
PAGE = 100
# A grid-mapfile as it is read: the name, in quotes if it holds blanks, and its accounts.
ENTRY = re.compile(r'\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>/[^\s"]*))(?:\s+(?P<accounts>\S+))?\s*')
# An FQAN among names.
VOMS = re.compile(r"(?:/[^/=]*)+(?:/Role=[^/=]*)?(?:/Capability=[^/=]*)?")
RETRIES = 3
PAUSE_SECONDS = 1.0
FORMAT = 1
"""To be raised with each change of what a parser makes of the same answer."""


class SourceError(Exception):
    """A source gave no answer that can be used; the text is for the user."""


class Fetched(t.NamedTuple):
    answer: _gridmap.Answer | None
    """None: as it was."""
    tag: dict[str, str]
    """By what a later fetch sees that nothing has changed."""


# --- Parsers: bytes to answers ---


def decode_json(data: bytes) -> t.Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise SourceError(f"answers with {looks_like(data)}, not JSON") from None


def looks_like(data: bytes) -> str:
    start = data[:1000].lstrip().lower()
    if not start:
        return "nothing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page (is a login asked for?)"
    if start.startswith(b"<"):
        return "XML"
    if start.startswith((b"{", b"[")):
        return "JSON that is broken or cut off"
    return "something else"


def _dicts(value: t.Any, what: str) -> list[dict[str, t.Any]]:
    """A list of mappings, where nothing else makes sense."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SourceError(f"answers without {what}")
    return value


def _some_dicts(value: t.Any) -> list[dict[str, t.Any]]:
    """Those items of a list that are mappings, where others are of no use."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def parse_time(value: t.Any) -> int | None:
    """Seconds since 1970, None for no time given. A time that cannot be read is a ValueError."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(value)
    if isinstance(value, str):
        match = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]+)?)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?", value)
        if not match:
            raise ValueError(value)
        zone = "+0000" if match[3] in (None, "Z") else match[3].replace(":", "")
        clock = match[2] or "00:00:00"
        clock += ":00" if len(clock) == 5 else ""
        return int(datetime.datetime.strptime(f"{match[1]} {clock} {zone}", "%Y-%m-%d %H:%M:%S %z").timestamp())
    if not abs(value) < 1e15:
        raise ValueError(value)
    # Java counts milliseconds.
    return int(value / 1000 if abs(value) > 1e11 else value)


def scim_page(data: bytes) -> tuple[list[dict[str, t.Any]], int]:
    """The resources of a page of a SCIM listing, and how many there are on all pages."""
    page = decode_json(data)
    total = page.get("totalResults") if isinstance(page, dict) else None
    if isinstance(total, bool) or not isinstance(total, int):
        raise SourceError("answers without totalResults: that is no SCIM listing")
    # A page of nothing may have no list.
    return _dicts(page.get("Resources", [] if total == 0 else None), "Resources"), total


def scim_role_groups(groups: t.Iterable[dict[str, t.Any]]) -> set[str]:
    """Ids of the groups of IAM that stand for a VOMS role."""
    found = set()
    for group in groups:
        more = group.get(GROUP)
        labels = _some_dicts(more.get("labels")) if isinstance(more, dict) else []
        if isinstance(group.get("id"), str) and any(label.get("name") == "voms.role" for label in labels):
            found.add(group["id"])
    return found


def add_scim_users(answer: _gridmap.Answer, users: t.Iterable[dict[str, t.Any]], role_groups: set[str], wanted: str | None) -> None:
    """Users of IAM; with `wanted`, only those in that group."""
    for user in users:
        name = str(user.get("userName", user.get("id", "?")))[:100]
        more = user.get(USER)
        more = more if isinstance(more, dict) else {}
        groups = _some_dicts(user.get("groups"))
        if wanted is not None and not any(group.get("display") == wanted for group in groups):
            continue
        active = user.get("active")
        try:
            end = parse_time(more.get("endTime"))
        except ValueError:
            answer.skip("end time", f"{name} has the end time {more.get('endTime')!r}")
            continue
        if not isinstance(active, bool):
            answer.skip("no status", f"{name} is neither active nor inactive")
            continue
        certificates = _some_dicts(more.get("certificates"))
        if not certificates:
            answer.skip("no certificate", name)
        fqans = _scim_fqans(groups, role_groups)
        for certificate in certificates:
            answer.add(certificate.get("subjectDn"), fqans, end=end, out=None if active else "inactive")


def _scim_fqans(groups: list[dict[str, t.Any]], role_groups: set[str]) -> tuple[str, ...]:
    found = []
    for group in groups:
        path = group.get("display")
        if not isinstance(path, str):
            continue
        parent, dummy, last = path.rpartition("/")
        name = f"/{parent}/Role={last}" if parent and group.get("value") in role_groups else f"/{path}"
        found.append(_gridmap.fqan(name))
    return tuple(sorted({name for name in found if name}))


def voms_admin_page(data: bytes) -> list[dict[str, t.Any]]:
    """The users of a page of VOMS-Admin's REST interface."""
    page = decode_json(data)
    return _dicts(page.get("result") if isinstance(page, dict) else None, "result: that is no VOMS-Admin")


def add_voms_admin_users(answer: _gridmap.Answer, users: t.Iterable[dict[str, t.Any]]) -> None:
    for user in users:
        name = str(user.get("id", "?"))[:100]
        try:
            end = parse_time(user.get("endTime"))
        except ValueError:
            answer.skip("end time", f"user {name} has the end time {user.get('endTime')!r}")
            continue
        if not isinstance(user.get("suspended"), bool):
            answer.skip("no status", f"user {name} is neither suspended nor not")
            continue
        listed = user.get("fqans")
        names = [_gridmap.fqan(one) for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        fqans = tuple(sorted({one for one in names if one}))
        certificates = _some_dicts(user.get("certificates"))
        if not certificates:
            answer.skip("no certificate", f"user {name}")
        for certificate in certificates:
            suspended = user["suspended"] or certificate.get("suspended") is True
            answer.add(certificate.get("subjectString"), fqans, end=end, out="suspended" if suspended else None)


def parse_voms_soap(data: bytes, fqan: str | None) -> _gridmap.Answer:
    """What getGridmapUsers of the service VOMSCompatibility answers: a list in SOAP."""
    if b"<!DOCTYPE" in data[:10000] or b"<!ENTITY" in data:
        raise SourceError(f"answers with {looks_like(data)}, not SOAP")
    try:
        root = xml.etree.ElementTree.fromstring(data)
    except (xml.etree.ElementTree.ParseError, ValueError, LookupError):
        raise SourceError(f"answers with {looks_like(data)}, not SOAP") from None
    elements = list(root.iter())
    fault = next((element for element in elements if _tag(element) == "faultstring"), None)
    if fault is not None:
        raise SourceError(f"answers with the fault {(fault.text or '')[:200]!r}")
    arrays = [element for element in elements if _tag(element) == "getGridmapUsersReturn"]
    if not arrays:
        raise SourceError("answers without getGridmapUsersReturn: that is no VOMSCompatibility")
    answer = _gridmap.Answer()
    # Old and new servers name the items differently.
    for item in arrays[0]:
        answer.add((item.text or "").strip(), (fqan,) if fqan else ())
    return answer


def _tag(element: xml.etree.ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def parse_ldif(data: bytes, attribute: str) -> _gridmap.Answer:
    """The values of an attribute in what `ldapsearch -LLL` prints."""
    answer = _gridmap.Answer()
    if data.strip() and not re.search(rb"^(dn|version):", data, re.MULTILINE):
        raise SourceError(f"answers with {looks_like(data)}, not LDIF")
    unfolded = data.replace(b"\r\n", b"\n").replace(b"\n ", b"")
    for line in unfolded.split(b"\n"):
        name, colon, value = line.partition(b":")
        if not colon or name.split(b";")[0].lower() != attribute.lower().encode():
            continue
        if value.startswith(b":"):
            try:
                value = base64.b64decode(value[1:].strip(), validate=True)
            except (binascii.Error, ValueError):
                answer.skip("base64", ascii(value[:100]))
                continue
        # Some end with a newline, which is why they come as base64.
        answer.add(value.strip().decode("utf-8", "surrogateescape"))
    return answer


def parse_gridmap(data: bytes) -> _gridmap.Answer:
    """A grid-mapfile, or a mere list of names."""
    if b"\x00" in data or looks_like(data).startswith(("an HTML", "XML", "JSON")):
        raise SourceError(f"is {looks_like(data)}, not a grid-mapfile")
    answer = _gridmap.Answer()
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = ENTRY.fullmatch(line)
        account = match["accounts"].split(",")[0] if match and match["accounts"] else None
        if not match:
            # A name with blanks and no quotes would be cut off somewhere.
            answer.skip("line", f"line {number} is {ascii(line[:100])}")
        elif account is not None and (account == "root" or not _gridmap.ACCOUNT.fullmatch(account)):
            answer.skip("account", f"line {number} is {ascii(line[:100])}")
        elif VOMS.fullmatch(match["quoted"] or match["bare"] or ""):
            answer.skip("FQAN", f"line {number} is {ascii(line[:100])}")
        else:
            answer.add(match["quoted"] if match["bare"] is None else match["bare"], account=account)
    return answer


def cvmfs_root(data: bytes) -> str:
    """The hash of the root catalog, from the manifest (.cvmfspublished) of a CVMFS repository."""
    for line in data.split(b"\n--", 1)[0].split(b"\n"):
        if re.fullmatch(rb"C[0-9a-f]{40}(-[a-z0-9]+)?", line):
            return line[1:].decode()
    raise SourceError(f"answers with {looks_like(data)}, not the manifest of a CVMFS repository")


def unpack_cvmfs(data: bytes, root: str, limit: int) -> bytes:
    """The database in a catalog as it was transferred, if it is what the manifest names."""
    if "-" not in root and hashlib.sha1(data, usedforsecurity=False).hexdigest() != root:
        raise SourceError("gives a catalog that is not the one of its manifest")
    unpacker = zlib.decompressobj()
    try:
        database = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise SourceError(f"gives a catalog that cannot be unpacked: {error}") from error
    if len(database) > limit:
        raise SourceError(f"gives a catalog of more than {limit >> 20} MiB")
    if not unpacker.eof:
        raise SourceError("gives a catalog that cannot be unpacked: it is cut off")
    return database


def read_cvmfs(database: bytes) -> str:
    """The property `voms_authz` of a catalog."""
    with tempfile.NamedTemporaryFile(prefix="gridmap-", suffix=".sqlite") as handle:
        handle.write(database)
        handle.flush()
        try:
            with contextlib.closing(sqlite3.connect(f"file:{urllib.parse.quote(handle.name)}?mode=ro&immutable=1", uri=True)) as connection:
                # A file of a stranger may hold more than tables; a view without end must end.
                connection.set_progress_handler(lambda: 1, 10_000_000)
                rows = connection.execute("SELECT value FROM properties WHERE key = 'voms_authz'").fetchmany(2)
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise SourceError(f"gives a catalog that cannot be read: {error}") from error
    if not rows or not isinstance(rows[0][0], str):
        raise SourceError("gives a catalog without the property voms_authz")
    return rows[0][0]


def parse_voms_authz(text: str) -> _gridmap.Answer:
    """The names among what CVMFS asks for. The others are FQANs, and what kind of list it is."""
    answer = _gridmap.Answer()
    for line in text.split("\n"):
        name = line.strip().strip('"')
        if not name.startswith("/"):
            continue
        if VOMS.fullmatch(name):
            answer.skip("FQAN", name)
        else:
            answer.add(name)
    return answer


# --- The way to sources ---


def fetch(source: _gridmap.Config, config: _gridmap.Config, known: dict[str, str], deadline: float) -> Fetched:
    """What a source says now. `known` is the tag of the last good answer, empty for none; `deadline` a time.monotonic()."""
    credentials = source if source["cert"] else config
    options = {**source, "ca_dir": source["ca_dir"] or config["ca_dir"], "cert": credentials["cert"], "key": credentials["key"]}
    client = Client(options, config["max_size"] << 20, deadline)
    with contextlib.closing(client):
        return FETCH[source["type"]](client, options, known)


def _changed(known: dict[str, str], tag: dict[str, str], data: bytes, parse: t.Callable[[bytes], _gridmap.Answer]) -> Fetched:
    digest = hashlib.sha256(data).hexdigest()
    tag = {**tag, "digest": digest}
    return Fetched(None if known.get("digest") == digest else parse(data), tag)


def _fetch_gridmap(client: Client, source: _gridmap.Config, known: dict[str, str]) -> Fetched:
    if source["path"]:
        return _changed(known, {}, client.read_file(source["path"]), parse_gridmap)
    headers = _bearer(client, source)
    if known.get("etag"):
        headers["If-None-Match"] = known["etag"]
    elif known.get("modified"):
        headers["If-Modified-Since"] = known["modified"]
    response = client.get(source["url"], headers)
    if response is None:
        return Fetched(None, known)
    tag = {name: response.headers.get(header, "") for name, header in (("etag", "etag"), ("modified", "last-modified"))}
    # They are sent back, and not everything can be.
    tag = {name: value for name, value in tag.items() if re.fullmatch(r"[\x20-\x7e]{1,200}", value)}
    return _changed(known, tag, response.data, parse_gridmap)


def _fetch_voms_soap(client: Client, source: _gridmap.Config, known: dict[str, str]) -> Fetched:
    query = {"method": "getGridmapUsers", **({"container": source["group"]} if source["group"] else {})}
    response = client.must_get(f"{source['url'].rstrip('/')}/services/VOMSCompatibility?{urllib.parse.urlencode(query, safe='/')}", {})
    return _changed(known, {}, response.data, lambda data: parse_voms_soap(data, _gridmap.fqan(source["group"] or "")))


def _fetch_voms_admin(client: Client, source: _gridmap.Config, known: dict[str, str]) -> Fetched:
    # Without the first header VOMS-Admin refuses every request.
    headers = {"X-VOMS-CSRF-GUARD": "y", **_bearer(client, source)}
    answer, digest, start, seen = _gridmap.Answer(), hashlib.sha256(), 0, set()
    while True:
        url = f"{source['url'].rstrip('/')}/apiv2/users?startIndex={start}&pageSize={PAGE}"
        data = client.must_get(url, headers).data
        users = voms_admin_page(data)
        # A server may give less than a page that was asked for: only nothing is the end.
        if not users:
            break
        # Ids of another kind cannot show that a server gives one page again and again.
        numbers = {user["id"] for user in users if isinstance(user.get("id"), (int, str))}
        if not numbers or numbers <= seen:
            raise SourceError(f"gives the same users again from the {start}th on: its paging does not work")
        seen |= numbers
        digest.update(data)
        add_voms_admin_users(answer, users)
        start += len(users)
    return _paged(known, digest, answer)


def _fetch_iam(client: Client, source: _gridmap.Config, known: dict[str, str]) -> Fetched:
    base = source["url"].rstrip("/")
    headers = _client_token(client, source, base) if source["client_id"] else _bearer(client, source)
    for number in range(RETRIES):
        digest, answer = hashlib.sha256(), _gridmap.Answer()
        try:
            groups = [group for page in _scim_pages(client, f"{base}/scim/Groups", headers, digest) for group in page]
            role_groups = scim_role_groups(groups)
            for users in _scim_pages(client, f"{base}/scim/Users", headers, digest):
                add_scim_users(answer, users, role_groups, source["group"])
            break
        except _Passing as error:
            if number == RETRIES - 1:
                raise SourceError(str(error)) from error
    return _paged(known, digest, answer)


def _scim_pages(client: Client, url: str, headers: dict[str, str], digest: t.Any) -> t.Iterator[list[dict[str, t.Any]]]:
    start = 1
    seen: set[str] = set()
    expected = None
    while True:
        data = client.must_get(f"{url}?startIndex={start}&count={PAGE}", {"Accept": "application/scim+json, application/json", **headers}).data
        resources, total = scim_page(data)
        expected = total if expected is None else expected
        if total != expected:
            # Who is behind one that was deleted moves to a page that is read already, and would be missed.
            raise _Passing(f"says that there are {expected} at {url}, then that there are {total}")
        digest.update(data)
        ids = {resource["id"] for resource in resources if isinstance(resource.get("id"), str)}
        if start <= total and (not ids or ids <= seen):
            raise SourceError(f"says that there are {total} at {url}, but gives only {start - 1}")
        seen |= ids
        yield resources
        start += len(resources)
        if start > total:
            return


def _paged(known: dict[str, str], digest: t.Any, answer: _gridmap.Answer) -> Fetched:
    tag = {"digest": digest.hexdigest()}
    return Fetched(None if known.get("digest") == tag["digest"] else answer, tag)


def _fetch_cvmfs(client: Client, source: _gridmap.Config, known: dict[str, str]) -> Fetched:
    base = source["url"].rstrip("/")
    root = cvmfs_root(client.must_get(f"{base}/.cvmfspublished", {}).data)
    if known.get("root") == root:
        return Fetched(None, known)
    data = client.must_get(f"{base}/data/{root[:2]}/{root[2:]}C", {}).data
    return Fetched(parse_voms_authz(read_cvmfs(unpack_cvmfs(data, root, client.limit))), {"root": root})


def _fetch_ldap(client: Client, source: _gridmap.Config, known: dict[str, str]) -> Fetched:
    parts = []
    for base in source["base"]:
        seconds = max(1, int(client.deadline - time.monotonic()))
        command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-o", f"nettimeout={seconds}", "-l", str(seconds), "-E", "pr=1000/noprompt"]
        command += ["-H", source["url"], "-b", base]
        reader = None
        if source["bind_dn"]:
            # ldapsearch takes the newline at the end of a file for a part of the password.
            password = client.read_file(source["password_file"]).rstrip(b"\r\n")
            reader, writer = os.pipe()
            with os.fdopen(writer, "wb") as handle:
                handle.write(password[:4096])
            command += ["-D", source["bind_dn"], "-y", f"/dev/fd/{reader}"]
        environment = {**os.environ, "LC_ALL": "C", "LDAPTLS_REQCERT": "demand", **({"LDAPTLS_CACERTDIR": source["ca_dir"]} if source["ca_dir"] else {})}
        try:
            parts.append(client.run([*command, source["filter"], source["attribute"]], environment, () if reader is None else (reader,)))
        finally:
            if reader is not None:
                os.close(reader)
    return _changed(known, {}, b"\n".join(parts), lambda data: parse_ldif(data, source["attribute"]))


FETCH = {
    "iam": _fetch_iam,
    "voms_admin": _fetch_voms_admin,
    "voms_soap": _fetch_voms_soap,
    "ldap": _fetch_ldap,
    "cvmfs": _fetch_cvmfs,
    "gridmap": _fetch_gridmap,
}


def _bearer(client: Client, source: _gridmap.Config) -> dict[str, str]:
    return {"Authorization": f"Bearer {client.read_secret(source['token_file'], 'token_file')}"} if source["token_file"] else {}


def _client_token(client: Client, source: _gridmap.Config, base: str) -> dict[str, str]:
    """A token of its own for a client that is registered at IAM."""
    secret = client.read_secret(source["client_secret_file"], "client_secret_file")
    pair = ":".join(urllib.parse.quote(part, safe="") for part in (source["client_id"], secret))
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}", "Content-Type": "application/x-www-form-urlencoded"}
    data = client.must_get(f"{base}/token", headers, b"grant_type=client_credentials&scope=scim%3Aread").data
    answer = decode_json(data)
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise SourceError(f"gives no token at {base}/token")
    return {"Authorization": f"Bearer {token}"}


class Response(t.NamedTuple):
    data: bytes
    headers: dict[str, str]


class Client:
    """The connection to one source, and its limits. Not more than `limit` bytes are read at once, and nothing after the deadline."""

    def __init__(self, source: _gridmap.Config, limit: int, deadline: float) -> None:
        self.limit = limit
        self.deadline = deadline
        self._source = source
        self._context: ssl.SSLContext | None = None
        self._connections: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def read_file(self, path: str) -> bytes:
        try:
            with open(path, "rb") as handle:
                data = handle.read(self.limit + 1)
        except OSError as error:
            raise SourceError(f"cannot be read: {path}: {error.strerror}") from error
        self._limit(len(data))
        return data

    def read_secret(self, path: str, option: str) -> str:
        """A word in a file; the error never shows it."""
        data = self.read_file(path).strip()
        if data.startswith(b"-----BEGIN"):
            raise SourceError(f"cannot be asked: {option} {path} holds a certificate or key, not a token")
        if not re.fullmatch(rb"[\x21-\x7e]+", data):
            raise SourceError(f"cannot be asked: {option} {path} does not hold one word")
        return data.decode()

    def run(self, command: list[str], environment: dict[str, str], descriptors: tuple[int, ...]) -> bytes:
        """What a command prints."""
        with tempfile.TemporaryFile() as errors:
            try:
                # This runs without Ansible, too, and what it prints may be too much for memory: run_command knows neither.
                process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment, pass_fds=descriptors
                )
            except FileNotFoundError:
                raise SourceError(f"cannot be asked: there is no command {command[0]} (Debian: ldap-utils, EL: openldap-clients)") from None
            except OSError as error:
                raise SourceError(f"cannot be asked: {command[0]}: {error.strerror}") from error
            timer = threading.Timer(max(0.0, self.deadline - time.monotonic()), process.kill)
            timer.start()
            try:
                with t.cast(t.IO[bytes], process.stdout) as output:
                    data = output.read(self.limit + 1)
                    if len(data) > self.limit:
                        process.kill()
                status = process.wait()
            finally:
                timer.cancel()
            self._limit(len(data))
            if time.monotonic() >= self.deadline:
                raise SourceError("gave no full answer in time")
            if status:
                errors.seek(0)
                lines = errors.read(2000).decode(errors="replace").strip().splitlines()
                raise SourceError(f"gave no answer: {command[0]} ended with {status}: {lines[0] if lines else 'it says nothing'}")
            return data

    def must_get(self, url: str, headers: dict[str, str], body: bytes | None = None) -> Response:
        response = self.get(url, headers, body)
        if response is None:
            raise SourceError(f"says of {url} that it has not changed, which was not asked")
        return response

    def get(self, url: str, headers: dict[str, str], body: bytes | None = None) -> Response | None:
        """What is at a URL, None if it has not changed. What may pass is asked for again."""
        pause = PAUSE_SECONDS
        while True:
            try:
                return self._get(url, headers, body)
            except _Passing as error:
                if pause >= PAUSE_SECONDS * 2 ** (RETRIES - 1) or time.monotonic() + pause >= self.deadline:
                    raise SourceError(str(error)) from error
            time.sleep(pause)
            pause *= 2

    def _get(self, url: str, headers: dict[str, str], body: bytes | None) -> Response | None:
        parts = urllib.parse.urlsplit(url)
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        place = (parts.scheme, parts.netloc)
        try:
            connection = self._connections.get(place) or self._connect(place)
            connection.request("GET" if body is None else "POST", target, body, {"User-Agent": "elastigrid-gridmap", **headers})
            response = connection.getresponse()
            data = self._read(connection, response)
            if response.will_close:
                self._forget(place)
        except ssl.SSLCertVerificationError as error:
            self._forget(place)
            raise SourceError(f"cannot be trusted: the certificate of {parts.hostname}: {error.verify_message}") from error
        except (OSError, http.client.HTTPException) as error:
            self._forget(place)
            if time.monotonic() >= self.deadline:
                raise SourceError(f"gave no full answer in time ({url})") from error
            text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise _Passing(f"gave no answer ({url}): {text}") from error
        except BaseException:
            self._forget(place)
            raise
        if response.status == 304:
            return None
        if response.status in (429, 500, 502, 503, 504):
            raise _Passing(f"answers with {response.status} {response.reason} ({url})")
        if 300 <= response.status < 400:
            # To follow would carry the credentials to somebody else.
            raise SourceError(f"sends from {url} to {response.getheader('Location', 'nowhere')}: is a login asked for, or has it moved?")
        if response.status != 200:
            raise SourceError(f"answers with {response.status} {response.reason} ({url})")
        return Response(data, {name.lower(): value for name, value in response.getheaders()})

    def _connect(self, place: tuple[str, str]) -> http.client.HTTPConnection:
        scheme, netloc = place
        seconds = self._seconds_left(30)
        if scheme == "https":
            self._context = self._context or self._tls()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(netloc, timeout=seconds, context=self._context)
        else:
            connection = http.client.HTTPConnection(netloc, timeout=seconds)
        self._connections[place] = connection
        connection.connect()
        return connection

    def _forget(self, place: tuple[str, str]) -> None:
        connection = self._connections.pop(place, None)
        if connection:
            connection.close()

    def _read(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            if connection.sock:
                connection.sock.settimeout(self._seconds_left(30))
            else:
                self._seconds_left(30)
            chunk = response.read1(1 << 16)
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
            self._limit(size)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        # Else the connection could not be used again.
        response.close()
        return b"".join(chunks)

    def _seconds_left(self, most: float) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return min(left, most)

    def _limit(self, size: int) -> None:
        if size > self.limit:
            raise SourceError(f"gives more than {self.limit >> 20} MiB (max_size)")

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        directory, certificate, key = self._source["ca_dir"], self._source["cert"], self._source["key"]
        if directory is None:
            context.load_default_certs()
        elif os.path.isdir(directory):
            context.load_verify_locations(capath=directory)
        else:
            raise SourceError(f"cannot be asked: ca_dir {directory} is no directory")
        if certificate is not None:
            for path in (certificate, *([key] if key else [])):
                if b"-----BEGIN" not in self.read_file(path):
                    raise SourceError(f"cannot be asked: {path} is not in PEM; is it a token?")
            try:
                # Without a password callback OpenSSL would ask the terminal.
                context.load_cert_chain(certificate, key, password=lambda: b"")
            except (OSError, ValueError) as error:
                text = getattr(error, "reason", None) or str(error)
                raise SourceError(f"cannot be asked: cert {certificate} and key {key or certificate}: {text}") from error
        return context


class _Passing(Exception):
    """It may be worth to ask again."""
