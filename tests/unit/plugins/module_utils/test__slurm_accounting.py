# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The fixtures are what sacctmgr 24.11.5 answered; each list of commands here was accepted by it in this form."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _slurm_accounting as accounting

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "slurm"
KEYS = (
    "Flags GraceTime GrpTRES GrpWall MaxJobsPerUser MaxTRESPerUser MaxWall Preempt PreemptExemptTime PreemptMode Priority UsageFactor "
    "Description"
).split()
TEXTS = [(FIXTURES / f"{kind}.json").read_text() for kind in ("accounts", "users", "associations")]
STATE = accounting.parse_state(accounting.parse_qos((FIXTURES / "qos.txt").read_text(), KEYS), *TEXTS, "grid")


def qos(name="fast", **options):
    return {"name": name, "options": options}


def account(name="phys", **more):
    return {"name": name, "parent": None, "description": None, "organization": None, "qos": [], "fairshare": None, **more}


def user(name="grid01", account="phys", **more):
    return {"name": name, "account": account, "admin_level": None, "default_account": None, **more}


def plan(qos=(), accounts=(), users=(), purge=()):
    wish = (list(qos), list(accounts), list(users), list(purge))
    assert accounting.errors(*wish, STATE) == []
    return accounting.plan(*wish, STATE, "grid")


def commands(**wish):
    return [" ".join(words) for words in plan(**wish).commands]


def test_the_state_is_read():
    assert STATE.qos["fast"]["MaxTRESPerUser"] == "cpu=2,mem=100G"
    assert STATE.qos["fast"]["Description"] == "a, b|c"
    assert set(STATE.accounts) == {"root", "acct2", "phys", "child", "opp"}
    assert STATE.accounts["opp"] == {
        "description": "opportunistic, a|b",
        "organization": "phys",
        "parent": "phys",
        "fairshare": "parent",
        "qos": frozenset({"normal", "fast"}),
    }
    assert STATE.users == {
        "root": {"admin_level": "admin", "default_account": "root", "accounts": {"root"}},
        "grid01": {"admin_level": "operator", "default_account": "phys", "accounts": {"phys", "child"}},
        "grid02": {"admin_level": "none", "default_account": "opp", "accounts": {"opp"}},
    }


def test_another_cluster_has_no_accounts():
    state = accounting.parse_state({}, *TEXTS, "other")
    assert state.accounts == {}
    assert state.users["grid01"]["accounts"] == set()
    assert state.records["phys"] == {"description": "physics", "organization": "uni"}


@pytest.mark.parametrize(
    ("key", "one", "other", "equal"),
    [
        ("MaxWall", "1-00:00:00", "1440", True),
        ("MaxWall", "1-00:00:00", "24:00:00", True),
        ("MaxWall", "1-00:00:00", "1-0", True),
        ("MaxWall", "00:03:00", "2:30", True),
        ("MaxWall", "1-00:00:00", "1-01:00:00", False),
        ("MaxWall", "1-00:00:00", "", False),
        ("MaxWall", "", "-1", True),
        ("GrpWall", "2-12:00:00", "2-12", True),
        ("PreemptExemptTime", "00:00:30", "0:30", True),
        ("GraceTime", "00:01:30", "90", True),
        ("GraceTime", "00:00:00", "", True),
        ("MaxTRESPerUser", "cpu=2,mem=100G", "mem=102400,cpu=2", True),
        ("MaxTRESPerUser", "mem=1T", "mem=1024G", True),
        ("MaxTRESPerUser", "cpu=2,gres/gpu=1", "cpu=2", False),
        ("Flags", "DenyOnLimit,NoDecay", "nodecay, denyonlimit", True),
        ("Flags", "DenyOnLimit", "", False),
        ("Preempt", "", "-1", True),
        ("Priority", "10", "10", True),
        ("Priority", "0", "", True),
        ("UsageFactor", "0.500000", "0.5", True),
        ("UsageFactor", "1.000000", "", True),
        ("PreemptMode", "cluster", "", True),
        ("PreemptMode", "requeue", "REQUEUE", True),
        ("Description", "A", "a", False),
    ],
)
def test_values_are_compared_by_meaning(key, one, other, equal):
    assert (accounting.canonical(key, one) == accounting.canonical(key, other)) is equal


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (10, "10"), (0.5, "0.5"), ([], ""), (["a", "b"], "a,b"), ({"cpu": 4, "mem": "5G"}, "cpu=4,mem=5G"), ("1-0", "1-0")],
)
def test_values_are_written(value, text):
    assert accounting.text_of(value) == text


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"MaxWall": 1440, "Priority": 20, "Flags": ["NoDecay", "DenyOnLimit"], "GrpTRES": {"cpu": 4}, "GraceTime": 90}, None),
        ({"MaxWall": "24:00:00", "Description": "a, b|c", "UsageFactor": 0.5, "PreemptMode": None, "PreemptExemptTime": None}, None),
        ({"Priority": 30}, "Priority=30"),
        ({"MaxWall": None}, "MaxWall=-1"),
        ({"Flags": []}, "Flags=-1"),
        ({"Preempt": None}, "Preempt="),
        ({"UsageFactor": None}, "UsageFactor=-1"),
        ({"GrpTRES": {"mem": "5G"}}, "GrpTRES=mem=5G,cpu=-1"),
        ({"MaxTRESPerUser": None}, "MaxTRESPerUser=cpu=-1,mem=-1"),
        ({"PreemptMode": "requeue"}, "PreemptMode=requeue"),
    ],
)
def test_only_what_differs_is_told(options, told):
    current = {"GrpTRES": "cpu=4"}
    state = STATE._replace(qos={"fast": {**STATE.qos["fast"], **current}})
    done = accounting.plan([qos(**options)], [], [], [], state, "grid").commands
    assert done == ([["modify", "qos", "where", "name=fast", "set", told]] if told else [])


def test_new_qos_are_all_there_before_one_names_another():
    assert commands(qos=[qos("a", Preempt=["b"], MaxWall=None), qos("b")]) == [
        "add qos name=a,b",
        "modify qos where name=a set Preempt=b",
    ]


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        ([account(description="physics", organization="uni", fairshare="10", qos=["fast", "normal"], parent="root")], []),
        ([account()], []),
        ([account(fairshare="12", qos=["normal"])], ["modify account where name=phys cluster=grid set fairshare=12 qos=normal"]),
        ([account("opp", parent="root")], ["modify account where name=opp cluster=grid set parent=root"]),
        (
            [account("b", parent="a", description="x y", qos=["normal", "fast"]), account("a")],
            ["add account name=a cluster=grid", "add account name=b cluster=grid description=x y parent=a qos=fast,normal"],
        ),
    ],
)
def test_accounts(accounts, expected):
    assert commands(accounts=accounts) == expected


def test_an_account_of_another_cluster_is_added_and_described():
    state = accounting.parse_state({}, *TEXTS, "other")
    done = accounting.plan([], [account(description="new", organization="uni")], [], [], state, "other").commands
    assert [" ".join(words) for words in done] == [
        "add account name=phys cluster=other description=new organization=uni",
        "modify account where name=phys cluster=other set description=new",
    ]


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        ([user(), user(account="child"), user("grid02", "opp")], []),
        ([user(admin_level="operator", default_account="phys")], []),
        (
            [user(admin_level="none", default_account="child")],
            ["modify user where name=grid01 cluster=grid set adminlevel=none defaultaccount=child"],
        ),
        (
            [user("new", "phys"), user("new", "opp", default_account="opp", admin_level="admin")],
            ["add user name=new account=phys,opp cluster=grid adminlevel=admin defaultaccount=opp"],
        ),
        (
            [user("grid02", "phys", default_account="phys")],
            ["add user name=grid02 account=phys cluster=grid", "modify user where name=grid02 cluster=grid set defaultaccount=phys"],
        ),
    ],
)
def test_users(users, expected):
    assert commands(users=users) == expected


def test_nothing_is_removed_unless_asked():
    assert commands() == []


def test_purge():
    assert commands(purge=["qos", "accounts", "users"]) == [
        "delete user where name=grid01 cluster=grid",
        "delete user where name=grid02 cluster=grid",
        "delete account where name=opp cluster=grid",
        "delete account where name=child cluster=grid",
        "delete account where name=phys cluster=grid",
        "delete account where name=acct2 cluster=grid",
        "delete qos where name=fast",
        "delete qos where name=zeta",
    ]


def test_purge_takes_away_single_accounts_and_moves_the_default_first():
    assert commands(users=[user(account="child"), user("grid02", "opp")], purge=["users"]) == [
        "modify user where name=grid01 cluster=grid set defaultaccount=child",
        "delete user where name=grid01 account=phys cluster=grid",
    ]


def test_the_difference_names_what_changes():
    done = plan(qos=[qos(Priority=1), qos("new")], accounts=[account(fairshare="1")], users=[user("grid02", "phys")])
    assert done.before == {
        "qos fast": {"Priority": "20"},
        "qos new": None,
        "account phys": {"fairshare": "10"},
        "user grid02": {"accounts": ["opp"]},
    }
    assert done.after == {
        "qos fast": {"Priority": "1"},
        "qos new": {"options": "none"},
        "account phys": {"fairshare": "1"},
        "user grid02": {"accounts": ["opp", "phys"]},
    }


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"qos": [qos(), qos()]}, "qos fast is given twice"),
        ({"accounts": [account(), account()]}, "account phys is given twice"),
        ({"qos": [qos("Fast")]}, "qos 'Fast': Slurm keeps names in lower case; allowed are a-z 0-9 _ . @ -"),
        ({"qos": [qos(GraceTime="1:30")]}, "option GraceTime of qos fast is 1:30, but must be a whole number of seconds"),
        ({"qos": [qos(MaxWall="soon")]}, "option MaxWall of qos fast is soon, which sacctmgr would not understand"),
        ({"qos": [qos(Flags="+NoDecay")]}, "option Flags of qos fast is +NoDecay, which sacctmgr would not understand"),
        ({"qos": [qos(GrpTRES="cpu")]}, "option GrpTRES of qos fast is cpu, which sacctmgr would not understand"),
        ({"qos": [qos(**{"a b": 1})]}, "option a b of qos fast: is not an option of sacctmgr"),
        ({"accounts": [account(parent="nosuch")]}, "account phys: its parent nosuch is no account"),
        ({"accounts": [account(qos=["nosuch"])]}, "account phys: nosuch is no qos"),
        ({"accounts": [account(qos=["fast"])], "purge": ["qos"]}, "account phys: fast is no qos"),
        ({"accounts": [account(fairshare="much")]}, "account phys: fairshare is much, but must be a number or parent"),
        ({"accounts": [account("a", parent="b"), account("b", parent="a")]}, "accounts a, b are their own ancestors"),
        ({"users": [user(account="nosuch")]}, "user grid01: nosuch is no account"),
        ({"users": [user(), user()]}, "user grid01 is given account phys twice"),
        (
            {"users": [user(default_account="phys"), user(account="child", default_account="child")]},
            "user grid01 is given two values of default_account: phys and child",
        ),
        ({"users": [user(default_account="opp")]}, "user grid01: default_account opp is not one of the user's accounts"),
        (
            {"users": [user(default_account="child")], "purge": ["users"]},
            "user grid01: default_account child is not one of the user's accounts",
        ),
    ],
)
def test_errors(wish, error):
    wish = {"qos": [], "accounts": [], "users": [], "purge": [], **wish}
    assert error in accounting.errors(state=STATE, **wish)
