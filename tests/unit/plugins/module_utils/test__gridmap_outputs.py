# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.elastigrid.site.plugins.module_utils import _dn, _gridmap, _gridmap_config, _gridmap_outputs

ISSUER = "https://iam.example.org/"
HOST = "/DC=org/CN=host/ce.test"
QUOTE = '/DC=org/CN=Jane "JD" Doe'
BACKSLASH = "/DC=org/CN=Jane\\"
JANE, JOE = "/DC=org/CN=Jane", "/DC=org/CN=Joe"
VOS = [
    {
        "name": "atlas",
        "members": [JANE, HOST, QUOTE, BACKSLASH],
        "account": ".atlas",
        "roles": [{"fqan": "/atlas/Role=production", "account": "atlasprd"}, {"fqan": "/atlas/higgs", "account": "higgs"}],
        "issuers": [{"url": ISSUER, "account": "atlas", "subjects": [{"subject": "robot, \\ 1", "account": "atlasprd"}]}],
        "areas": [
            {"path": "/atlas"},
            {"path": "/atlas/prod", "write": True, "fqan": "/atlas/Role=production"},
            {"path": "/atlas/higgs", "fqan": "/atlas/higgs", "write": True},
            {"path": "/shared"},
        ],
    },
    {"name": "local", "members": [JANE, JOE], "account": "local", "areas": [{"path": "/local", "write": True}, {"path": "/shared"}]},
]


def render(kind, leased=None, vos=None, members=None, **options):
    more = [{"type": "gridmapdir", "path": "/d"}] if options.get("gridmapdir") else []
    config = _gridmap_config.load(json.dumps({"vos": VOS if vos is None else vos, "outputs": [{"type": kind, "path": "/o", **options}, *more]}))
    made = _gridmap.table(config, {}, 0)
    if members:
        made.vos[0].members.update(members)
    return _gridmap_outputs.render(config["outputs"][0], config, made, {"/d": leased or {}})


def lines(rendered):
    return [line for line in rendered.text.splitlines() if not line.startswith("#")]


def test_grid_mapfile():
    made = render("grid_mapfile")
    # What OpenSSL 3 prints, and what older software does.
    assert lines(made) == ['"/DC=org/CN=Jane" .atlas', '"/DC=org/CN=Joe" local', '"/DC=org/CN=host/ce.test" .atlas', r'"/DC=org/CN=host\/ce.test" .atlas']
    assert (made.entries, made.skipped) == (4, {"quote or backslash": 2})
    assert lines(render("grid_mapfile", vos=VOS[1:], all_accounts=True)) == ['"/DC=org/CN=Jane" local', '"/DC=org/CN=Joe" local']
    assert '"/DC=org/CN=Jane" .atlas,local' in lines(render("grid_mapfile", all_accounts=True))


def test_grid_mapfile_by_role():
    members = {JANE: ("/atlas", "/atlas/Role=production")}
    assert '"/DC=org/CN=Jane" .atlas' in lines(render("grid_mapfile", members=members))
    assert '"/DC=org/CN=Jane" atlasprd' in lines(render("grid_mapfile", members=members, by_role=True))


def test_grid_mapfile_with_leased_accounts():
    made = render("grid_mapfile", {JANE: "atlas001"}, gridmapdir="/d", all_accounts=True)
    assert lines(made) == ['"/DC=org/CN=Jane" atlas001,local', '"/DC=org/CN=Joe" local']
    assert made.skipped == {"no pool account": 3}


def test_voms_mapfile():
    assert lines(render("voms_mapfile")) == [
        '"/atlas/Role=production" atlasprd',
        '"/atlas/Role=production/*" atlasprd',
        '"/atlas/higgs" higgs',
        '"/atlas/higgs/*" higgs',
        '"/atlas" .atlas',
        '"/atlas/*" .atlas',
        '"/local" local',
        '"/local/*" local',
    ]


def test_the_first_of_two_accounts_for_an_fqan_counts():
    roles = [{"fqan": "/x/a", "account": "one"}, {"fqan": "/x/a", "account": "two"}]
    assert lines(render("voms_mapfile", vos=[{"name": "x", "roles": roles}])) == ['"/x/a" one', '"/x/a/*" one']


def test_authgroup_of_arc():
    assert lines(render("arc_authgroup", vos=VOS[1:])) == ['"/DC=org/CN=Jane"', '"/DC=org/CN=Joe"']
    members = {JANE: ("/atlas/Role=production",)}
    assert lines(render("arc_authgroup", members=members, fqan="/atlas/Role=production")) == ['"/DC=org/CN=Jane"']
    config = _gridmap_config.load(json.dumps({"vos": VOS, "outputs": [{"type": "arc_authgroup", "path": "/o", "vos": ["local"]}]}))
    assert _gridmap_outputs.render(config["outputs"][0], config, _gridmap.table(config, {}, 0), {}).entries == 2


def test_list_of_arc_of_those_who_are_kept_out():
    vos = [{"name": "atlas", "members": [JANE, HOST], "deny": ["*ce.test"], "bans": ["/DC=org/CN=Nobody"]}, {"name": "local", "members": [JOE]}]
    # A ban is known in its own spelling and in the member's.
    made = render("arc_banned", vos=[{**vos[0], "bans": ["/DC=org/CN=jane", *vos[0]["bans"]]}])
    assert lines(made) == [f'"{dn}"' for dn in (JANE, "/DC=org/CN=Nobody", "/DC=org/CN=host/ce.test", r"/DC=org/CN=host\/ce.test", "/DC=org/CN=jane")]
    assert lines(render("arc_banned", vos=vos[1:])) == []


def test_a_ban_of_the_site_is_in_the_list_of_each_vo():
    config = _gridmap_config.load(json.dumps({"vos": VOS, "bans": [JOE], "outputs": [{"type": "arc_banned", "path": "/o", "vos": ["atlas"]}]}))
    made = _gridmap_outputs.render(config["outputs"][0], config, _gridmap.table(config, {}, 0), {})
    assert lines(made) == [f'"{JOE}"']


def test_authfile_has_the_accounts_of_pools():
    vos = [{"name": "v", "account": ".v", "areas": [{"path": "/d"}]}]
    assert lines(render("xrootd_authfile", vos=vos, pool=["v001", "v002", "vx1", "w001"])) == ["o v /d rl", "u v001 /d rl", "u v002 /d rl"]


def test_authfile_of_xrootd():
    assert lines(render("xrootd_authfile")) == [
        "= fqan1 o: atlas g: /atlas r: production",
        "= fqan2 o: atlas g: /atlas/higgs",
        "o atlas /shared rl /atlas rl",
        "u atlasprd /atlas/prod a /shared rl /atlas rl",
        "u higgs /atlas/higgs a /shared rl /atlas rl",
        "s fqan1 /atlas/prod a",
        "s fqan2 /atlas/higgs a",
        "o local /shared rl /local a",
        "u local /shared rl /local a",
    ]


def test_the_stronger_right_of_an_account_counts():
    areas = [{"path": "/d", "write": True}]
    vos = [{"name": "a", "account": "x", "areas": areas}, {"name": "b", "account": "x", "areas": [{"path": "/d"}]}]
    assert "u x /d a" in lines(render("xrootd_authfile", vos=vos))
    assert "u x /d a" in lines(render("xrootd_authfile", vos=vos[::-1]))


def test_name_mapfile_of_scitokens():
    assert json.loads(render("scitokens_mapfile", issuer=ISSUER).text) == [
        {"sub": "robot, \\ 1", "result": "atlasprd"},
        {"group": "/atlas/higgs", "result": "higgs"},
    ]


def condor_field(line):
    """A field as HTCondor reads it: a quoted word, or a regular expression between slashes; a backslash before another character stays."""
    end, text, place = line[0], "", 1
    while line[place] != end:
        if line[place] == "\\":
            place += 1
            text += line[place] if line[place] in (end, "\\") else "\\" + line[place]
        else:
            text += line[place]
        place += 1
    return text, line[place + 1 :].split()


def test_mapfile_of_condor():
    made = lines(render("condor_mapfile", {_dn.slash(HOST): "atlas001"}, gridmapdir="/d"))
    assert made == [
        'SSL "/DC=org/CN=Joe" local',
        'SSL "/DC=org/CN=host/ce.test" atlas001',
        r'SSL "/DC=org/CN=host\\/ce.test" atlas001',
        r'SCITOKENS "https://iam.example.org/,robot, \\ 1" atlasprd',
        r"SCITOKENS /^https:\/\/iam\.example\.org\/,/ atlas",
    ]
    fields = [condor_field(line.split(" ", 1)[1]) for line in made]
    assert fields[2] == (r"/DC=org/CN=host\/ce.test", ["atlas001"])
    assert fields[3] == ("https://iam.example.org/,robot, \\ 1", ["atlasprd"])
    assert fields[4] == (r"^https://iam\.example\.org/,", ["atlas"])
    # HTCondor knows no pools.
    assert render("condor_mapfile").skipped == {"no pool account": 4}


def test_json():
    assert json.loads(render("json").text) == {
        "entries": {},
        "vos": {
            "atlas": dict.fromkeys([JANE, _dn.slash(HOST), QUOTE, BACKSLASH], {"account": ".atlas", "fqans": []}),
            "local": dict.fromkeys([JANE, JOE], {"account": "local", "fqans": []}),
        },
    }


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
KINDS = ["grid_mapfile", "arc_authgroup", "arc_banned", "condor_mapfile", "json"]


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.lists(NAMES, max_size=5))
def test_any_name_is_written_so_that_it_is_read_again(kind, names):
    """Rendering compares what it wrote with what it meant, and fails otherwise."""
    made = _gridmap.Answer()
    for name in names:
        made.add(f"/DC=org/CN={name}")
    vos = [{"name": "x", "account": "x", "members": list(made.members), "bans": list(made.members) if kind == "arc_banned" else []}]
    rendered = render(kind, vos=vos)
    assert rendered.text.isascii()
    if kind == "grid_mapfile":
        read = {line.split('"')[1] for line in lines(rendered)}
        assert {name for name in made.members if '"' not in name and not name.endswith("\\")} <= read


def test_what_would_be_read_as_something_else_is_refused(monkeypatch):
    monkeypatch.setattr(_gridmap_outputs, "_quotable", lambda dns, skipped: [('/CN=a" root\n"/CN=b', dn) for dn in dns])
    for kind in ("grid_mapfile", "arc_authgroup"):
        with pytest.raises(ValueError, match="would be read as something else"):
            render(kind)


def test_changes():
    assert _gridmap_outputs.changes("# old\na\nb\n", "# new\nb\nc\n\n") == (["a"], ["c"])


# --- gridmapdir ---

POOL = ["atlas001", "atlas002", "atlas010", "atlassoft1", "lhcb001"]
FILES = {name: number for number, name in enumerate(POOL, 100)}


def lease(dn):
    return _gridmap_outputs.lease_name(dn)


def test_names_of_leases():
    assert lease("/DC=ch/OU=Organic Units/CN=x-y") == "%2fdc%3dch%2fou%3dorganic%20units%2fcn%3dx%2dy"


def test_an_empty_gridmapdir():
    plan = _gridmap_outputs.leases({}, POOL, {JANE: ".atlas", JOE: ".lhcb", "/CN=c": ".atlas", "/CN=d": ".cms"})
    assert plan.files == POOL
    assert plan.accounts == {"/CN=c": "atlas001", JANE: "atlas002", JOE: "lhcb001"}
    assert plan.links == {lease(dn): account for dn, account in plan.accounts.items()}
    assert plan.skipped == {"no free pool account": 1}


def test_leases_stay():
    there = {**FILES, lease(JANE): FILES["atlas010"], lease("/CN=gone"): FILES["atlas001"], lease(JOE) + ":lhcb": FILES["atlas002"]}
    plan = _gridmap_outputs.leases(there, POOL, {JANE: ".atlas", "/CN=new": ".atlas"})
    assert (plan.files, plan.links, plan.accounts) == ([], {}, {JANE: "atlas010"})
    assert plan.skipped == {"no free pool account": 1}


def test_a_lease_in_another_pool_gives_no_account():
    plan = _gridmap_outputs.leases({**FILES, lease(JANE): FILES["lhcb001"], lease(JOE): 999}, POOL, {JANE: ".atlas", JOE: ".atlas"})
    assert (plan.links, plan.accounts, plan.skipped) == ({}, {}, {"lease of another pool": 2})


def test_names_that_differ_by_case_share_a_lease():
    plan = _gridmap_outputs.leases(FILES, POOL, {JANE: ".atlas", JANE.upper(): ".atlas"})
    assert plan.accounts == {JANE: "atlas001", JANE.upper(): "atlas001"}
    assert len(plan.links) == 1
