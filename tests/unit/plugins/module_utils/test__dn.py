# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import datetime
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.elastigrid.site.plugins.module_utils import _dn

# Names as certificates of the grid's CAs have them, in both forms.
REAL = [
    # CERN
    ("/DC=ch/DC=cern/OU=Organic Units/OU=Users/CN=jdoe/CN=123456/CN=Jane Doe", "CN=Jane Doe,CN=123456,CN=jdoe,OU=Users,OU=Organic Units,DC=cern,DC=ch"),
    (
        "/DC=ch/DC=cern/OU=Organic Units/OU=Users/CN=ddmadmin/CN=531497/CN=Robot: ATLAS Data Management",
        "CN=Robot: ATLAS Data Management,CN=531497,CN=ddmadmin,OU=Users,OU=Organic Units,DC=cern,DC=ch",
    ),
    # CERN hosts, Globus hosts and services: a slash within a value
    ("/DC=ch/DC=cern/OU=computers/CN=tier0\\/host.cern.ch", "CN=tier0/host.cern.ch,OU=computers,DC=cern,DC=ch"),
    ("/O=Grid/O=Globus/CN=host\\/ce.example.org", "CN=host/ce.example.org,O=Globus,O=Grid"),
    ("/DC=org/DC=nordugrid/DC=ARC/O=TestCA/CN=host\\/arc.example.org", "CN=host/arc.example.org,O=TestCA,DC=ARC,DC=nordugrid,DC=org"),
    # GEANT TCS: country, state, a comma in an organization, a personal id in the common name
    (
        "/DC=org/DC=terena/DC=tcs/C=NO/O=Universitetet i Oslo/CN=Kari Nordmann kari@uio.no",
        "CN=Kari Nordmann kari@uio.no,O=Universitetet i Oslo,C=NO,DC=tcs,DC=terena,DC=org",
    ),
    ("/C=US/O=Example Labs, Inc./CN=Jane Doe", r"CN=Jane Doe,O=Example Labs\, Inc.,C=US"),
    # GridKa, INFN, UK e-Science: e-mail addresses
    ("/C=DE/O=GermanGrid/OU=KIT/CN=Jane Doe", "CN=Jane Doe,OU=KIT,O=GermanGrid,C=DE"),
    (
        "/C=IT/O=INFN/OU=Personal Certificate/L=Pisa/CN=Mario Rossi/emailAddress=mario.rossi@pi.infn.it",
        "emailAddress=mario.rossi@pi.infn.it,CN=Mario Rossi,L=Pisa,OU=Personal Certificate,O=INFN,C=IT",
    ),
    ("/C=UK/O=eScience/OU=Lancaster/L=Physics/CN=jane doe", "CN=jane doe,L=Physics,OU=Lancaster,O=eScience,C=UK"),
    # CILogon
    ("/DC=org/DC=cilogon/C=US/O=LIGO/CN=Jane Doe jane.doe@ligo.org", "CN=Jane Doe jane.doe@ligo.org,O=LIGO,C=US,DC=cilogon,DC=org"),
    (
        "/DC=org/DC=incommon/C=US/ST=Illinois/L=Urbana/O=University of Illinois/CN=se.example.edu",
        "CN=se.example.edu,O=University of Illinois,L=Urbana,ST=Illinois,C=US,DC=incommon,DC=org",
    ),
    # a plus, an equals sign, a number sign, brackets and quotes
    (r"/DC=org/CN=C\+\+ build (x86) #3", r"CN=C\+\+ build (x86) #3,DC=org"),
    ("/DC=org/CN=a=b", r"CN=a\=b,DC=org"),
    ("/DC=org/CN=#1 user", r"CN=\#1 user,DC=org"),
    ('/DC=org/CN=Jane "JD" Doe', r"CN=Jane \"JD\" Doe,DC=org"),
    ("/DC=org/CN=<x>;y", r"CN=\<x\>\;y,DC=org"),
    # blanks that count, and a backslash that is one
    ("/DC=org/CN= Jane", r"CN=\ Jane,DC=org"),
    ("/DC=org/CN=Jane ", r"CN=Jane\ ,DC=org"),
    ("/DC=org/CN=DOMAIN\\jane", r"CN=DOMAIN\\jane,DC=org"),
    ("/DC=org/CN=jane\\", r"CN=jane\\,DC=org"),
    # UTF-8, and a T61String in Latin-1
    (r"/C=DE/O=Universit\xC3\xA4t/CN=J\xC3\xBCrgen M\xC3\xBCller", "CN=Jürgen Müller,O=Universität,C=DE"),
    (r"/C=PL/CN=\xC5\x81ukasz \xF0\x9F\x90\x8D", "CN=Łukasz 🐍,C=PL"),
    (r"/C=FR/CN=Fran\xE7ois", r"CN=Fran\E7ois,C=FR"),
    # user ids, serial numbers, titles, an attribute without a name
    ("/DC=gov/DC=fnal/O=Fermilab/OU=People/CN=Jane Doe/UID=jdoe", "UID=jdoe,CN=Jane Doe,OU=People,O=Fermilab,DC=fnal,DC=gov"),
    ("/C=ES/GN=Ana/SN=Pérez/serialNumber=IDCES-1".replace("é", r"\xC3\xA9"), "serialNumber=IDCES-1,SN=Pérez,GN=Ana,C=ES"),
    ("/C=EU/1.3.6.1.4.1.99999.1=x/CN=y", "CN=y,1.3.6.1.4.1.99999.1=#0C0178,C=EU"),
    # slashes at the end of a value, before what is no attribute and before what is one
    (r"/O=a\//CN=b", "CN=b,O=a/"),
    (r"/O=http:\/\/example.org\/?a=b/CN=c", r"CN=c,O=http://example.org/?a\=b"),
    (r"/DC=org/CN=a\/CN=Admin", r"CN=a/CN\=Admin,DC=org"),
    # parts of one RDN, in the order of DER: shorter ones first, then by OID
    ("/DC=org/CN=Jane+UID=jdoe", "CN=Jane+UID=jdoe,DC=org"),
    ("/DC=org/CN=x+O=x+OU=x", "CN=x+O=x+OU=x,DC=org"),
]

# Other spellings of a name, and its slash form.
SPELLINGS = [
    ("/C=IT/CN=x/Email=a@b.it", "/C=IT/CN=x/emailAddress=a@b.it"),
    ("/C=IT/CN=x/E=a@b.it", "/C=IT/CN=x/emailAddress=a@b.it"),
    ("EMAILADDRESS=a@b.it, CN=x, C=IT", "/C=IT/CN=x/emailAddress=a@b.it"),
    ("1.2.840.113549.1.9.1=#1606614062 2e6974,CN=x".replace(" ", ""), "/CN=x/emailAddress=a@b.it"),
    ("OID.1.2.840.113549.1.9.1=a@b.it,CN=x", "/CN=x/emailAddress=a@b.it"),
    ("/dc=org/cn=Jane", "/DC=org/CN=Jane"),
    ("/DC=org/USERID=jane", "/DC=org/UID=jane"),
    ("/C=US/S=Ohio/CN=x", "/C=US/ST=Ohio/CN=x"),
    ("/2.5.4.3=x", "/CN=x"),
    # RFC 1779 and 2253: quotes, semicolons, blanks
    ('CN="Doe, Jane";O=Example ; C=US', "/C=US/O=Example/CN=Doe, Jane"),
    (r'CN="a\"b\\c",C=US', '/C=US/CN=a"b\\c'),
    ("CN = Jane Doe , DC = org", "/DC=org/CN=Jane Doe"),
    (r"CN=Doe\2C Jane,DC=org", "/DC=org/CN=Doe, Jane"),
    (r"CN=J\C3\BCrgen,DC=org", r"/DC=org/CN=J\xC3\xBCrgen"),
    (r"CN=#1E040041 0042,DC=org".replace(" ", ""), "/DC=org/CN=AB"),
    ("CN=jane\\\\ ,DC=org", "/DC=org/CN=jane\\"),
    # spelled by hand, not by OpenSSL
    ("/CN=Jürgen", r"/CN=J\xC3\xBCrgen"),
    (r"/CN=J\xc3\xbcrgen", r"/CN=J\xC3\xBCrgen"),
    (r"/CN=\x41B", "/CN=AB"),
    (r"/CN=\xZZ", r"/CN=\xZZ"),
    # as older OpenSSL wrote them
    ("/O=Grid/CN=host/ce.example.org", r"/O=Grid/CN=host\/ce.example.org"),
    ("/O=a//CN=b", r"/O=a\//CN=b"),
    ("/O=http://example.org/?a=b/CN=c", r"/O=http:\/\/example.org\/?a=b/CN=c"),
    ("/DC=org/CN=C++", r"/DC=org/CN=C\+\+"),
    # the parts of an RDN are a set
    ("UID=jdoe+CN=Jane,DC=org", "/DC=org/CN=Jane+UID=jdoe"),
    ("/DC=org/UID=jdoe+CN=Jane", "/DC=org/CN=Jane+UID=jdoe"),
]

BAD = [
    ("", "no attribute and ="),
    ("/", "no DN in slash form"),
    ("Jane Doe", "no attribute and ="),
    ("/CN=x/Role=production", "Role is an unknown attribute"),
    ("/atlas/Role=production", "no DN in slash form"),
    ("/atlas", "no DN in slash form"),
    ("x/CN=y", "no attribute and ="),
    ("/DC=org/FOO=x", "FOO is an unknown attribute"),
    # What is a value for a human, but could be a part as well.
    ("/DC=org/CN=a/b=c", "b is an unknown attribute"),
    ("/DC=org/CN=a+b=c", "b is an unknown attribute"),
    ("+CN=x", "no attribute and ="),
    ("FOO=x,DC=org", "FOO is an unknown attribute"),
    ("/DC=org/CN=", "the value of CN is empty"),
    ("/DC=org/CN=  /O=x", "the value of CN is empty"),
    ("CN=,DC=org", "the value of CN is empty"),
    ("/DC=org/CN=a\nb", "control character"),
    ("/DC=org/CN=a\x00b", "control character"),
    (r"/DC=org/CN=a\x0Ab", "control character"),
    (r"CN=a\0Ab,DC=org", "control character"),
    (r"CN=a\00b,DC=org", "control character"),
    ("/CN=\udce4", "broken"),
    ("CN=x,,DC=org", "no attribute and ="),
    ("CN=x,", "no attribute and ="),
    ("CN=x+", "no attribute and ="),
    ('CN="x,DC=org', "a quote is not closed"),
    ('CN="x"y,DC=org', "a quote is not closed, or not at the end"),
    ('CN=x"y,DC=org', "must be escaped"),
    ("CN=<x>,DC=org", "must be escaped"),
    ("CN=x\\", "must be escaped"),
    (r"CN=\q,DC=org", r"\q is no escape"),
    ("CN=#0,DC=org", "pairs of hexadecimal digits"),
    ("CN=#0C05AA,DC=org", "is not the encoding of a string"),
    ("CN=#0C,DC=org", "is not the encoding of a string"),
    ("CN=#0201FF,DC=org", "is not the encoding of a string"),
    # These have no slash form that means the same.
    (r"CN=a\\x41,DC=org", "would be read as another DN"),
    (r"CN=a,O=b\\", "would be read as another DN"),
    (r"UID=abc+CN=a\\", "would be read as another DN"),
]


@pytest.mark.parametrize(("in_slash", "in_comma"), REAL)
def test_both_ways(in_slash, in_comma):
    dn = _dn.parse_slash(in_slash)
    assert _dn.parse_comma(in_comma) == dn
    assert (_dn.to_slash(dn), _dn.to_comma(dn)) == (in_slash, in_comma)
    assert _dn.slash(in_slash) == _dn.slash(in_comma) == in_slash


@pytest.mark.parametrize(("text", "expected"), SPELLINGS)
def test_spellings(text, expected):
    assert _dn.slash(text) == expected


@pytest.mark.parametrize(("text", "error"), BAD)
def test_no_names(text, error):
    with pytest.raises(_dn.DnError) as raised:
        _dn.slash(text)
    assert error in str(raised.value)
    assert str(raised.value).isascii() and str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/DC=org/CN=x", ["/DC=org/CN=x"]),
        (r"/CN=host\/ce.test", [r"/CN=host\/ce.test", "/CN=host/ce.test"]),
        (r"/CN=C\+\+", [r"/CN=C\+\+", "/CN=C++"]),
        # These would be the names of others.
        (r"/CN=a\/CN=Admin", [r"/CN=a\/CN=Admin"]),
        (r"/CN=a\+CN=Admin", [r"/CN=a\+CN=Admin"]),
        (r"/CN=a\/role=x", [r"/CN=a\/role=x"]),
        ("/CN=a+UID=b", ["/CN=a+UID=b"]),
    ],
)
def test_older_spellings(text, expected):
    assert _dn.spellings(text) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/DC=org/CN=Jane Doe", "/DC=ORG/CN=jane doe", True),
        ("/DC=org/CN=Jane  Doe", "/DC=org/CN=Jane Doe", True),
        ("/DC=org/CN= Jane/OU=x", "/DC=org/CN=Jane /OU=x", True),
        ("/CN=x/Email=a@b", "EMAILADDRESS=A@B,CN=X", True),
        ("/CN=JÜRGEN", "/CN=jürgen", True),
        ("/CN=Jürgen", "/CN=Jurgen", False),
        ("/CN=jane doe", "/CN=janedoe", False),
        ("/CN=a/O=b", "/O=b/CN=a", False),
        ("/CN=a+UID=b", "/CN=a/UID=b", True),
        ("/CN=host/x", r"/CN=HOST\/x", True),
    ],
)
def test_comparison(one, other, same):
    assert (_dn.key(_dn.slash(one)) == _dn.key(_dn.slash(other))) is same


ATTRIBUTES = [*_dn.OIDS, "1.3.6.1.4.1.99999.1", "2.999.3"]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12),
    st.text(' "#+,;<=>\\/x4CN', min_size=1, max_size=12),
    st.binary(min_size=1, max_size=8).map(lambda data: data.decode("utf-8", "surrogateescape")),
).filter(lambda value: value.strip(" ") and not any(ord(character) < 0x20 or ord(character) == 0x7F for character in value))
RDNS = st.lists(st.tuples(st.sampled_from(ATTRIBUTES), TEXTS), min_size=1, max_size=3)
DNS = st.lists(RDNS, min_size=1, max_size=5).map(_dn._dn)


@settings(deadline=None)
@given(DNS)
@example(_dn._dn([[("CN", "x ")]]))
@example(_dn._dn([[("CN", " x")], [("2.999.3", "#\udcff")]]))
def test_the_comma_form_loses_nothing(dn):
    assert _dn.parse_comma(_dn.to_comma(dn)) == dn


@settings(deadline=None)
@given(DNS)
@example(_dn._dn([[("CN", "a\\")]]))
@example(_dn._dn([[("CN", "a\\/b+")]]))
def test_the_slash_form_loses_nothing_or_is_refused(dn):
    try:
        text = _dn.to_slash(dn)
    except _dn.DnError:
        assert any("\\" in value for name, value in dn.parts)
        return
    assert text.isascii() and text.isprintable()
    assert _dn.parse_slash(text) == dn
    assert _dn.slash(text) == _dn.slash(_dn.to_comma(dn)) == text
    assert all(_dn.slash(spelling) == text for spelling in _dn.spellings(text))
    assert _dn.key(text) == _dn.key(_dn.slash(text.swapcase() if "\\" not in text else text))


@settings(deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.text('/CNDO=x,+\\"#; 0A', max_size=40),
        st.lists(st.sampled_from(["/CN=", "/", "x", " ", "\\x", "C3", ",O=", "\\", '"', "+", "#"])).map("".join),
    )
)
def test_any_text_is_a_name_or_an_error(text):
    try:
        found = _dn.slash(text)
    except _dn.DnError:
        return
    assert _dn.slash(found) == found
    assert _dn.slash(_dn.to_comma(_dn.parse_slash(found))) == found


def certificate(rdns):
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    attributes = [
        x509.RelativeDistinguishedName(
            x509.NameAttribute(x509.ObjectIdentifier(_dn.OIDS.get(name, name)), value, x509.name._ASN1Type.UTF8String) for name, value in rdn
        )
        for rdn in rdns
    ]
    name, private = x509.Name(attributes), ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, start, start + datetime.timedelta(days=1))
    return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "rdns",
    [
        [[("DC", "org")], [("CN", "Jane Doe")]],
        [[("DC", "org")], [("UID", "jdoe"), ("CN", "Jane")]],
        [[("O", "Universität")], [("OU", "x"), ("CN", "x"), ("O", "x")], [("emailAddress", "a@b.de")]],
        [[("CN", "host/ce.example.org")], [("1.3.6.1.4.1.99999.1", "x")]],
        [[("SN", "Doe"), ("GN", "J"), ("serialNumber", "5")], [("CN", "a, b + c")]],
    ],
)
def test_certificates_as_openssl_shows_them(rdns, tmp_path):
    """That is what services compare with."""
    pem = certificate(rdns)
    dn = _dn.from_certificate(pem)
    (tmp_path / "cert.pem").write_bytes(pem)

    def openssl(form):
        command = ["openssl", "x509", "-in", str(tmp_path / "cert.pem"), "-noout", "-subject", "-nameopt", form]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("subject=")[1].strip("\n")

    assert _dn.to_slash(dn) == openssl("compat").lstrip()
    # OpenSSL turns the parts of an RDN around, too.
    assert _dn.parse_comma(openssl("RFC2253")) == dn
    assert _dn.parse(_dn.to_comma(dn)) == dn


@pytest.mark.parametrize(
    "data", [b"", b"eyJhbGciOiJSUzI1NiJ9.e30.x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\x30\x03\x02\x01\x00"]
)
def test_no_certificate(data):
    pytest.importorskip("cryptography")
    with pytest.raises(_dn.DnError):
        _dn.from_certificate(data)
