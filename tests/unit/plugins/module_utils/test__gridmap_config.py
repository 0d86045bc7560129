# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap_config

DN = "/DC=org/CN=Jane"
IAM = {"name": "s", "type": "iam", "url": "https://iam.example.org", "token_file": "/t"}
FILE = {"name": "s", "type": "gridmap", "path": "/p"}


def load(**options):
    return _gridmap_config.load(json.dumps({"vos": [], "outputs": [], **options}))


def vo(*sources, **options):
    return {"vos": [{"name": "grid", "sources": list(sources), **options}]}


def output(kind, **options):
    return {"outputs": [{"type": kind, "path": "/o", **options}]}


RIGHT = [
    {},
    vo(IAM, {**FILE, "name": "t"}, members=[DN, "CN=Jane,DC=org"], account=".grid", roles=[{"fqan": "/grid/Role=x", "account": "x"}]),
    vo({"name": "s", "type": "iam", "url": "http://localhost:80", "client_id": "c", "client_secret_file": "/f"}),
    vo({"name": "s", "type": "voms_admin", "url": "https://v.example.org:8443/voms/grid", "cert": "/c", "key": "/k"}),
    vo({"name": "s", "type": "voms_soap", "url": "https://v.example.org:8443/voms/grid", "group": "/grid/Role=x"}),
    vo({"name": "s", "type": "ldap", "url": "ldaps://l.example.org", "base": ["o=x"], "filter": "(a=b)", "bind_dn": "x", "password_file": "/p"}),
    vo({"name": "s", "type": "cvmfs", "url": "http://s1.example.org/cvmfs/ligo.osgstorage.org"}),
    {"ban_sources": [{**FILE, "allow_empty": True}], "bans": [DN], "entries": [{"dn": DN, "account": "x"}, {"dn": "CN=Jane,DC=org", "account": "x"}]},
    {**vo(issuers=[{"url": "https://i.example.org"}]), **output("scitokens_mapfile", issuer="https://i.example.org")},
    {"outputs": [{"type": "grid_mapfile", "path": "/o", "gridmapdir": "/d"}, {"type": "gridmapdir", "path": "/d", "pool": ["grid001"]}]},
]

WRONG = [
    (vo({**IAM, "url": "https://me:secret@iam.example.org"}), "vos[0].sources[0].url holds a user name or password"),
    (vo({**IAM, "url": "https://me@iam.example.org"}), "vos[0].sources[0].url holds a user name or password"),
    (vo({**IAM, "url": "http://iam.example.org"}), "must begin with https, or everybody on the way could read the credentials"),
    (vo({**IAM, "url": "ftp://iam.example.org"}), 'vos[0].sources[0].url is "ftp://iam.example.org", must be like https://host.example.org/path'),
    (vo({**IAM, "url": "https://"}), "must be like https"),
    (vo({**IAM, "url": "https://[::1"}), "is no URL"),
    (vo({**IAM, "url": "https://x.org:99999"}), "is no URL"),
    (vo({**IAM, "url": "https://x.org/a b"}), "must be like"),
    (vo({**IAM, "url": "https://x.org/ü"}), "must be like"),
    (vo({**IAM, "url": "https://x.org/\n"}), "must be like"),
    (vo({**IAM, "url": None}), "vos[0].sources[0].url is required for type iam"),
    (vo({**IAM, "token_file": None}), "must have either token_file, or client_id"),
    (vo({**IAM, "client_id": "x"}), "must have either token_file, or client_id"),
    (vo({**IAM, "client_id": "x", "token_file": None}), "client_id is given without client_secret_file"),
    (vo({**IAM, "path": "/x"}), "vos[0].sources[0].path is only for sources of type gridmap, not iam"),
    (vo({**IAM, "type": "scim"}), "vos[0].sources[0].type is scim, must be one of iam, voms_admin"),
    (vo({**IAM, "tokenfile": "x"}), "vos[0].sources[0].tokenfile is unknown; did you mean token_file"),
    (vo({**IAM, "name": ""}), 'vos[0].sources[0].name is ""'),
    (vo({**IAM, "key": "/k"}), "key is given without cert"),
    (vo({**IAM, "ca_dir": "certs"}), 'vos[0].sources[0].ca_dir is "certs", must be an absolute path'),
    (vo(IAM, IAM), 'sources have the same name "s" more than once'),
    ({**vo(FILE), "ban_sources": [FILE]}, 'sources have the same name "s" more than once'),
    (vo({**FILE, "url": "https://x.org"}), "must have either url or path"),
    (vo({**FILE, "path": None}), "must have either url or path"),
    (vo({"name": "s", "type": "ldap", "url": "ldaps://l.org", "base": ["x"]}), "base and filter are required"),
    (vo({"name": "s", "type": "ldap", "url": "ldaps://l.org", "base": ["x"], "filter": "x", "bind_dn": "x"}), "bind_dn is given without password_file"),
    (vo({"name": "s", "type": "voms_soap", "url": "https://v.org", "group": "x"}), 'group is "x", must be an FQAN'),
    ({"vos": [{"name": "a/b"}]}, 'vos[0].name is "a/b", must be the name of a VO'),
    ({"vos": [{"name": ""}]}, 'vos[0].name is ""'),
    ({"vos": [{}]}, "vos[0].name is required"),
    ({"vos": [{"name": "x"}, {"name": "x"}]}, 'vos have the same name "x" more than once'),
    (vo(members=["Jane"]), 'vos[0].members[0] is "Jane", must be a DN such as /DC=org/DC=example/CN=Jane Doe'),
    (vo(bans=["Jane"]), "vos[0].bans[0]"),
    (vo(members=["/CN=a\nb"]), "control character"),
    (vo(account="root"), 'vos[0].account is "root", must be an account other than root'),
    (vo(account="a b"), 'vos[0].account is "a b"'),
    (vo(account=""), 'vos[0].account is ""'),
    (vo(roles=[{"fqan": "/other/Role=x", "account": "x"}]), 'roles[0].fqan is "/other/Role=x", must be an FQAN of this VO such as /grid/Role=production'),
    (vo(roles=[{"fqan": "/grid/Role=NULL", "account": "x"}]), "must be an FQAN"),
    (vo(roles=[{"fqan": "/grid", "account": "root"}]), 'roles[0].account is "root"'),
    (vo(issuers=[{"url": "http://i.org"}]), 'issuers[0].url is "http://i.org", must be like https'),
    (vo(issuers=[{"url": "https://i.org", "subjects": [{"subject": "a\nb", "account": "x"}]}]), "must be a subject of a token"),
    (vo(areas=[{"path": "data"}]), 'areas[0].path is "data"'),
    (vo(areas=[{"path": "/a b"}]), 'areas[0].path is "/a b"'),
    (vo(areas=[{"path": "/a", "fqan": "/x"}]), 'areas[0].fqan is "/x"'),
    ({"bans": ["x"]}, "bans[0]"),
    ({"entries": [{"dn": "x", "account": "x"}]}, "entries[0].dn"),
    (
        {"entries": [{"dn": DN, "account": "x"}, {"dn": "CN=Jane,DC=org", "account": "y"}]},
        "entries[1] maps CN=Jane,DC=org to y, but an entry before maps it to x",
    ),
    (output("grid_mapfile", vos=["x"]), "outputs[0].vos has x, must be names in vos (empty)"),
    (output("voms_mapfile", by_role=True), "outputs[0].by_role is only for outputs of type grid_mapfile and condor_mapfile"),
    (output("scitokens_mapfile"), "outputs[0].issuer is required"),
    (output("scitokens_mapfile", issuer="https://i.org"), "must be the url of an issuer of a VO (there is none)"),
    (output("grid_mapfile", gridmapdir="/d"), "must be the path of an output of type gridmapdir"),
    (output("grid_mapfile", mode="rw"), 'outputs[0].mode is "rw"'),
    (output("grid_mapfile", mode="0999"), 'outputs[0].mode is "0999"'),
    # What comes of 0644 without quotes.
    (output("grid_mapfile", mode="420"), "must be four octal digits in quotes"),
    (output("grid_mapfile", path="o"), 'outputs[0].path is "o", must be an absolute path'),
    (output("gridmapdir", pool=["a b"]), 'outputs[0].pool is "a b"'),
    ({"outputs": [{"type": "json", "path": "/a"}, {"type": "json", "path": "/b/../a"}]}, 'outputs have the same path "/a" more than once'),
    ({"max_age": 0}, "max_age is 0, must be at least 1"),
    ({"max_shrink": 101}, "max_shrink is 101, must be in 0..100"),
    ({"max_age": True}, "max_age is true, must be of type int"),
    ({"key": "/k"}, "key is given without cert"),
    ({"vos": {}}, "vos is {}, must be of type list"),
    ({"vos": [5]}, "vos[0] must be a mapping"),
    ({"bans": [5]}, "bans[0] must be a text"),
    ({"state_dir": "x"}, 'state_dir is "x", must be an absolute path'),
]


@pytest.mark.parametrize("options", RIGHT)
def test_right(options):
    load(**options)


@pytest.mark.parametrize(("options", "error"), WRONG)
def test_wrong(options, error):
    with pytest.raises(ValueError) as raised:
        load(**options)
    assert error in str(raised.value)
    assert "secret@" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100000])
def test_no_configuration(text):
    with pytest.raises(ValueError):
        _gridmap_config.load(text)


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10), st.sampled_from(["iam", "gridmap", "json", "https://x.org", "/x", DN])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([*_gridmap_config.SPEC, *_gridmap_config.VO, *_gridmap_config.SOURCE, *_gridmap_config.OUTPUT]), inner, max_size=5),
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(ANY)
def test_any_configuration(data):
    try:
        _gridmap_config.load(json.dumps(data))
    except ValueError:
        pass
