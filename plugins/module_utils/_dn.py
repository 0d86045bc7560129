# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Distinguished names in the two forms that the grid writes them. Pure; private to this collection.

The slash form is what OpenSSL's X509_NAME_oneline prints, and so what ARC, XRootD, HTCondor and VOMS compare byte by byte:
/DC=org/DC=example/CN=Jane Doe. Each byte that is not printable ASCII is \\xHH. Since OpenSSL 3, slash and plus in a value have a
backslash before them, and a plus joins the parts of a multi-valued RDN. Older OpenSSL, and most sources, write /CN=host/ce.example.org
for what is now /CN=host\\/ce.example.org, so that this is read too: a slash or plus begins a part only before `attribute=`.
A backslash itself is not escaped, so that a few names have no slash form that can be read again. They are refused.

The comma form is that of RFC 4514 and of its predecessors RFC 2253 and RFC 1779: CN=Jane Doe,DC=example,DC=org, last part first.

A value is text; bytes that are no UTF-8 (of a T61String) are kept as Python does it in file names (surrogateescape).
"""

from __future__ import annotations

import re
import typing as t

# OID, the name that OpenSSL writes, others that are read. Case does not matter in any of them.
_TABLE = """
2.5.4.3 CN commonName
2.5.4.4 SN surname
2.5.4.5 serialNumber
2.5.4.6 C countryName
2.5.4.7 L localityName
2.5.4.8 ST S SP stateOrProvinceName
2.5.4.9 street streetAddress
2.5.4.10 O organizationName
2.5.4.11 OU organizationalUnitName
2.5.4.12 title T
2.5.4.13 description
2.5.4.15 businessCategory
2.5.4.16 postalAddress
2.5.4.17 postalCode
2.5.4.20 telephoneNumber
2.5.4.41 name
2.5.4.42 GN givenName G
2.5.4.43 initials
2.5.4.44 generationQualifier generation
2.5.4.45 x500UniqueIdentifier uniqueIdentifier
2.5.4.46 dnQualifier DNQ
2.5.4.65 pseudonym
2.5.4.97 organizationIdentifier
0.9.2342.19200300.100.1.1 UID userId
0.9.2342.19200300.100.1.3 mail rfc822Mailbox
0.9.2342.19200300.100.1.25 DC domainComponent
1.2.840.113549.1.9.1 emailAddress Email E pkcs9email
1.2.840.113549.1.9.2 unstructuredName
1.3.6.1.4.1.311.60.2.1.1 jurisdictionL
1.3.6.1.4.1.311.60.2.1.2 jurisdictionST
1.3.6.1.4.1.311.60.2.1.3 jurisdictionC
"""
_ROWS = [line.split() for line in _TABLE.strip().splitlines()]
NAMES = {spelling.lower(): row[1] for row in _ROWS for spelling in row}
OIDS = {row[1]: row[0] for row in _ROWS}

_TYPE = r"[A-Za-z][A-Za-z0-9-]*|[0-2](?:\.(?:0|[1-9][0-9]*))+"
_SLASH_TOKEN = re.compile(rf"\\x(?P<byte>[0-9A-Fa-f]{{2}})|\\(?P<escaped>[/+])|(?P<separator>[/+])(?P<type>{_TYPE})=|(?P<plain>.[^\\/+]*)")
# What is its own slash form and holds no trap; nearly all names there are.
_PLAIN = re.compile(r"(?:/(?:DC|C|ST|L|O|OU|CN|UID|emailAddress)=[A-Za-z0-9.,'()@:_-]+(?: [A-Za-z0-9.,'()@:_-]+)*)+")
_PLAIN_COMMA = re.compile(r"(?:(?:DC|C|ST|L|O|OU|CN|UID)=[A-Za-z0-9.'()@:_-]+(?: [A-Za-z0-9.'()@:_-]+)*(?:,|$))+(?<!,)")
_COMMA_TYPE = re.compile(rf" *(?:[Oo][Ii][Dd]\.)?({_TYPE}) *= *")
_COMMA_END = r" *(?=[,;+]|$)"
_COMMA_HEX = re.compile(rf"#((?:[0-9A-Fa-f]{{2}})+){_COMMA_END}")
_COMMA_QUOTED = re.compile(rf'"((?:[^"\\]|\\.)*)"{_COMMA_END}')
_COMMA_VALUE = re.compile(r'(?:[^,;+"\\<>]|\\.)*')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")

Part = tuple[str, str]
"""Attribute and value, such as ("CN", "Jane Doe")."""


class DnError(ValueError):
    """A text is no distinguished name, or a name has no such form; says why."""


class Dn(t.NamedTuple):
    rdns: tuple[tuple[Part, ...], ...]
    """From the root down; nearly always of one part each."""

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for rdn in self.rdns for part in rdn)


def slash(text: str) -> str:
    """The slash form of a name in either form, spelled as OpenSSL does."""
    if _PLAIN.fullmatch(text):
        return text
    if _PLAIN_COMMA.fullmatch(text):
        return "/" + "/".join(reversed(text.split(",")))
    return to_slash(parse(text))


def is_slash(text: str) -> bool:
    try:
        parse_slash(text)
    except DnError:
        return False
    return True


def spellings(text: str) -> list[str]:
    """A slash form that `slash` has given, and how OpenSSL before 3 writes the name, if that is different and can only mean the same."""
    old = text.replace("\\/", "/").replace("\\+", "+")
    try:
        return [text] if old == text or slash(old) != text else [text, old]
    except DnError:
        return [text]


def parse(text: str) -> Dn:
    """A name in either form."""
    return parse_slash(text) if text.startswith("/") else parse_comma(text)


def key(text: str) -> str:
    """The normal form for comparison of a slash form that `slash` has given: two names with the same key belong to the same entity.

    By RFC 5280, 7.1: case and runs of blanks do not matter. Nor does it matter here which parts make one RDN, since older software
    does not tell. Services that compare bytes tell such names apart, so that this is for finding a name that must not get in, and
    never for giving one name the rights of another.
    """
    if "\\" in text or "+" in text or "  " in text or "= " in text or " /" in text or text.endswith(" "):
        return "".join(f"/{name.lower()}={re.sub(' +', ' ', value.casefold()).strip(' ')}" for name, value in parse_slash(text).parts)
    return text.lower()


def from_certificate(data: bytes) -> Dn:
    """The subject of a certificate in PEM or DER. Needs the Python package `cryptography`."""
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(data) if b"-----BEGIN" in data else x509.load_der_x509_certificate(data)
        rdns = [[(attribute.oid.dotted_string, attribute.value) for attribute in rdn] for rdn in certificate.subject.rdns]
    except ValueError as error:
        raise DnError(f"not a certificate: {error}") from error
    return _dn([[(_name(oid), _text(value)) for oid, value in rdn] for rdn in rdns])


def parse_slash(text: str) -> Dn:
    _must_be_clean(text)
    rdns: list[list[tuple[str, bytearray]]] = []
    for token in _SLASH_TOKEN.finditer(text):
        if token["separator"]:
            part = (_name(token["type"]), bytearray())
            if token["separator"] == "/":
                rdns.append([part])
            elif rdns:
                rdns[-1].append(part)
        if not rdns:
            raise DnError(f"{_show(text)} is no DN in slash form, such as /DC=org/DC=example/CN=Jane Doe")
        if not token["separator"]:
            rdns[-1][-1][1].extend(bytes.fromhex(token["byte"]) if token["byte"] else (token["escaped"] or token["plain"]).encode())
    return _dn([(name, _text(bytes(value))) for name, value in rdn] for rdn in rdns)


def to_slash(dn: Dn) -> str:
    text = "".join("/" + "+".join(f"{name}={_escape_slash(value)}" for name, value in rdn) for rdn in dn.rdns)
    try:
        same = parse_slash(text) == dn
    except DnError:
        same = False
    if not same:
        raise DnError(f"{_show(text)} would be read as another DN, for a backslash in it looks like an escape")
    return text


def parse_comma(text: str) -> Dn:
    _must_be_clean(text)
    rdns: list[list[Part]] = []
    current: list[Part] = []
    position = 0
    while True:
        match = _COMMA_TYPE.match(text, position)
        if not match:
            raise DnError(f"{_show(text)} is no DN: no attribute and = at {_show(text[position : position + 20])}")
        value, position = _comma_value(text, match.end())
        current.append((_name(match[1]), value))
        separator = text[position : position + 1]
        position += 1
        if separator != "+":
            rdns.append(current)
            current = []
        if not separator:
            return _dn(reversed(rdns))


def to_comma(dn: Dn) -> str:
    return ",".join("+".join(f"{name}={_escape_comma(name, value)}" for name, value in rdn) for rdn in reversed(dn.rdns))


def _comma_value(text: str, position: int) -> tuple[str, int]:
    """The value that begins there, and where it ends: at a separator or the end."""
    if text.startswith("#", position):
        match = _COMMA_HEX.match(text, position)
        if not match:
            raise DnError(f"{_show(text)} is no DN: after # come pairs of hexadecimal digits")
        return _text(_decode_ber(bytes.fromhex(match[1]))), match.end()
    if text.startswith('"', position):
        match = _COMMA_QUOTED.match(text, position)
        if not match:
            raise DnError(f"{_show(text)} is no DN: a quote is not closed, or not at the end of a value")
        return _unescape_comma(text, match[1]), match.end()
    end = _COMMA_VALUE.match(text, position).end()
    raw = text[position:end]
    if end < len(text) and text[end] not in ",;+":
        raise DnError(f"{_show(text)} is no DN: {text[end]} must be escaped with a backslash")
    # Blanks at the end do not count, unless the last of them is escaped.
    stripped = raw.rstrip(" ")
    if re.search(r"(?<!\\)(?:\\\\)*\\$", stripped):
        stripped += " "
    return _unescape_comma(text, stripped), end


def _unescape_comma(text: str, raw: str) -> str:
    if "\\" not in raw:
        return raw

    def plain(match: re.Match[str]) -> bytes:
        if match[1]:
            return bytes.fromhex(match[1])
        if match[2]:
            if match[2] not in ' "#+,;<=>\\':
                raise DnError(f"{_show(text)} is no DN: \\{ascii(match[2])[1:-1]} is no escape")
            return match[2].encode()
        return match[0].encode()

    found = re.finditer(r"\\([0-9A-Fa-f]{2})|\\(.)|[^\\]+", raw)
    return b"".join(plain(match) for match in found).decode("utf-8", "surrogateescape")


def _escape_comma(name: str, value: str) -> str:
    if name not in OIDS:
        # RFC 4514, 2.4: the value of an attribute that is written as OID is its encoding, here a UTF8String.
        data = value.encode("utf-8", "surrogateescape")
        return "#" + (b"\x0c" + _der_length(len(data)) + data).hex().upper()
    escaped = re.sub(r'[,+"\\<>;=]', r"\\\g<0>", value)
    escaped = _SURROGATE.sub(lambda match: f"\\{ord(match[0]) & 0xFF:02X}", escaped)
    return re.sub(r"^[ #]| $", r"\\\g<0>", escaped)


def _decode_ber(data: bytes) -> str | bytes:
    """The text in the BER encoding of a string."""
    encodings = {0x0C: "utf-8", 0x12: "ascii", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1A: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
    length, start = (data[1], 2) if len(data) > 1 else (-1, 0)
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if length < 0 or length != len(data) - start or data[0] not in encodings:
        raise DnError(f"#{data.hex().upper()} is not the encoding of a string")
    try:
        return data[start:].decode(encodings[data[0]])
    except UnicodeDecodeError:
        return data[start:]


def _der_length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    data = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(data)]) + data


def _dn(rdns: t.Iterable[list[Part]]) -> Dn:
    """A name of such parts, if all of them have a proper value.

    The parts of a multi-valued RDN are a set, which certificates hold in the order of DER whatever a text says.
    """
    made = Dn(tuple(tuple(sorted(rdn, key=_der_order)) if len(rdn) > 1 else tuple(rdn) for rdn in rdns))
    for name, value in made.parts:
        if not value.strip(" "):
            raise DnError(f"the value of {name} is empty")
        if _CONTROL.search(value):
            raise DnError(f"the value of {name} is {_show(value)}, which holds a control character")
    return made


def _der_order(part: Part) -> tuple[int, bytes, bytes]:
    arcs = [int(arc) for arc in OIDS.get(part[0], part[0]).split(".")]
    encoded = b"".join(_base128(arc) for arc in [arcs[0] * 40 + arcs[1], *arcs[2:]])
    value = part[1].encode("utf-8", "surrogateescape")
    # Each comes after its own tag and length, so that what is shorter comes first.
    return len(encoded) + len(_der_length(len(value))) + len(value), bytes([len(encoded)]) + encoded, value


def _base128(number: int) -> bytes:
    septets = [number & 0x7F]
    while number > 0x7F:
        number >>= 7
        septets.append(number & 0x7F | 0x80)
    return bytes(reversed(septets))


def _name(spelling: str) -> str:
    """An attribute as OpenSSL writes it. An OID without a name stays as it is."""
    found = NAMES.get(spelling.lower())
    if found is None and not spelling[0].isdigit():
        raise DnError(f"{spelling} is an unknown attribute of a DN")
    return found or spelling


def _escape_slash(value: str) -> str:
    escaped = value.replace("/", "\\/").replace("+", "\\+")
    if escaped.isascii():
        return escaped
    return "".join(chr(byte) if byte < 0x7F else f"\\x{byte:02X}" for byte in escaped.encode("utf-8", "surrogateescape"))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def _must_be_clean(text: str) -> None:
    if _CONTROL.search(text) or _SURROGATE.search(text):
        raise DnError(f"{_show(text)} holds a control character or a broken one")


def _show(text: str) -> str:
    """A text of unknown origin as a part of a message."""
    shown = ascii(text[:100])[1:-1]
    return f'"{shown}"' + ("..." if len(text) > 100 else "")
