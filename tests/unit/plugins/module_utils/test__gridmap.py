# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import json

import pytest
from gridmap_stand_ins import dn
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap, _gridmap_config

NOW = 1_000_000


def answer(members=(), out=(), ends=None, accounts=None):
    made = _gridmap.Answer()
    for number in members:
        made.add(dn(number))
    for number in out:
        made.add(dn(number), out="suspended")
    made.ends.update({dn(number): end for number, end in (ends or {}).items()})
    made.accounts.update({dn(number): account for number, account in (accounts or {}).items()})
    return made


def config(**options):
    return _gridmap_config.load(json.dumps({"outputs": [], **options}))


# --- one answer ---


def test_an_answer_has_each_name_once():
    made = _gridmap.Answer()
    made.add("CN=one,DC=org", ("/a",))
    made.add("/DC=org/CN=one", ("/a", "/b"), end=5)
    made.add("/DC=org/CN=two", end=5)
    made.add("/dc=org/cn=two", end=9)
    made.add("/DC=org/CN=three", end=5)
    made.add("/DC=org/CN=three")
    made.add(None)
    made.add("nonsense")
    assert made.members == {"/DC=org/CN=one": ("/a", "/b"), "/DC=org/CN=two": (), "/DC=org/CN=three": ()}
    # Of two memberships the longer one counts.
    assert made.ends == {"/DC=org/CN=two": 9}
    assert made.skipped == {"DN": 2}


def test_examples_are_few_and_short():
    made = _gridmap.Answer()
    for number in range(100):
        made.add(f"{number}" * 1000)
    assert made.skipped == {"DN": 100}
    assert len(made.examples) == _gridmap.EXAMPLES and all(len(example) <= 300 for example in made.examples)


def test_an_answer_can_be_kept():
    made = answer(range(5), [7], {1: 5}, {2: "grid01"})
    made.add(dn(9), ("/grid", "/grid/Role=x"))
    kept = _gridmap.Answer.from_json(json.loads(json.dumps(made.to_json())))
    assert (kept.members, kept.out, kept.ends, kept.accounts) == (made.members, made.out, made.ends, made.accounts)


def test_whom_an_answer_keeps_out():
    made = answer([1, 2, 3], [4], {1: NOW - 1, 2: NOW, 3: NOW + 1})
    assert made.gone(NOW) == {dn(1): "expired", dn(2): "expired", dn(4): "suspended"}
    assert made.next_end(NOW) == NOW + 1
    assert made.next_end(NOW + 1) is None


# --- a new answer after an old one ---

R = range


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        (None, answer(R(5)), None),
        (None, answer(), "lists nobody"),
        (answer(R(5)), answer(), "lists nobody"),
        (None, answer((), [1]), None),
        # Up to ten may go at once.
        (answer(R(10)), answer(R(20, 21)), None),
        (answer(R(20)), answer(R(10, 20)), None),
        (answer(R(20)), answer(R(11, 20)), "lists 11 of 20 members no more"),
        # Up to a fifth may go at once.
        (answer(R(100)), answer(R(20, 100)), None),
        (answer(R(100)), answer(R(21, 100)), "lists 21 of 100 members no more"),
        # Others in their place do not make up for those who went.
        (answer(R(100)), answer(R(50, 1000)), "lists 50 of 100 members no more"),
        # Whom the source puts out itself has not been lost.
        (answer(R(100)), answer(R(50, 100), R(50)), None),
        (answer(R(100)), answer(R(50, 100), R(29)), "lists 21 of 100 members no more"),
        (answer(R(100)), answer(R(100), (), dict.fromkeys(R(90), NOW - 1)), None),
        (answer(R(100), (), dict.fromkeys(R(50), NOW - 1)), answer(R(50, 100)), None),
        # Those do not count as ordinary members either: 11 of 50.
        (answer(R(100), (), dict.fromkeys(R(50), NOW - 1)), answer(R(61, 100)), "lists 11 of 50 members no more"),
    ],
)
def test_shrinking(old, new, refused):
    assert _gridmap.accept(old, new, NOW, 20)[1] == refused
    counted = _gridmap.accept(old, new, NOW, 20)[0]
    if refused is None:
        assert counted is new
    elif old is None:
        assert counted is None
    else:
        assert counted.members.keys() == old.members.keys()


def test_shrinking_by_force():
    assert _gridmap.accept(answer(R(100)), answer(R(1)), NOW, 100)[1] is None
    assert _gridmap.accept(answer(R(100)), answer(), NOW, 100, allow_empty=True)[1] is None
    assert _gridmap.accept(answer(R(100)), answer(), NOW, 20, allow_empty=True)[1] == "lists 100 of 100 members no more"


def test_what_a_refused_answer_says_against_users_counts():
    old = answer(R(100), [200], {1: NOW + 50, 2: NOW + 50, 3: NOW + 50})
    new = answer([1, 2, 3, 4], [5, 201], {1: NOW - 1, 2: NOW + 90, 4: NOW + 10})
    counted, refused = _gridmap.accept(old, new, NOW, 20)
    assert refused
    assert counted.members == old.members
    assert counted.out == dict.fromkeys([dn(5), dn(200), dn(201)], "suspended")
    # Never later than the good answer said.
    assert counted.ends == {dn(1): NOW - 1, dn(2): NOW + 50, dn(3): NOW + 50, dn(4): NOW + 10}
    assert old.out == {dn(200): "suspended"}


def test_a_good_answer_lets_in_again():
    held = _gridmap.accept(answer(R(100)), answer([1], [2]), NOW, 20)[0]
    assert dn(2) in held.gone(NOW)
    assert _gridmap.accept(held, answer(R(100)), NOW, 20)[0].gone(NOW) == {}


def test_new_bans_count_even_on_a_list_that_is_not_believed():
    counted, refused = _gridmap.accept(answer(R(100)), answer([1, 200]), NOW, 20, is_bans=True)
    assert refused and counted.members.keys() == {dn(number) for number in [*R(100), 200]}


def test_whom_a_list_of_bans_calls_suspended_is_banned():
    made = _gridmap.table(config(vos=[{"name": "grid", "members": [dn(1), dn(2)]}], ban_sources=[source("bans")]), {"bans": answer([], [2])}, NOW)
    assert made.vos[0].members.keys() == {dn(1)}


NUMBERS = st.sets(st.integers(0, 60), max_size=60)
ENDS = st.dictionaries(st.integers(0, 60), st.sampled_from([NOW - 5, NOW, NOW + 5]), max_size=20)
ANSWERS = st.builds(answer, NUMBERS, NUMBERS, ENDS)


@settings(deadline=None)
@given(ANSWERS, st.lists(ANSWERS, max_size=5))
def test_whatever_is_answered(first, others):
    """Nobody whom the last good answer puts out is in, and no member is lost but for that or by an answer that was believed."""
    counted = first
    for new in others:
        before = counted
        counted, refused = _gridmap.accept(before, new, NOW, 20)
        if new.members or new.out:
            assert new.gone(NOW).keys() - {name for name in new.ends if name not in before.members and refused} <= counted.gone(NOW).keys()
        if refused:
            assert counted.members.keys() == before.members.keys()
            assert before.gone(NOW).keys() <= counted.gone(NOW).keys()


# --- VOs ---


def source(name):
    return {"name": name, "type": "gridmap", "path": f"/{name}"}


def test_members_of_all_sources_but_those_whom_one_puts_out():
    made = _gridmap.table(
        config(vos=[{"name": "grid", "account": "grid01", "sources": [source("a"), source("b")], "members": [dn(9), "CN=user 4,DC=grid,DC=org"]}]),
        {"a": answer([1, 2, 3]), "b": answer([3, 5], [2, 4], {5: NOW - 1})},
        NOW,
    )
    assert made.vos[0].members.keys() == {dn(1), dn(3), dn(9)}
    assert made.vos[0].out == {"suspended": 2, "expired": 1}
    assert _gridmap.accounts(made) == dict.fromkeys([dn(1), dn(3), dn(9)], "grid01")


def test_a_suspension_is_of_a_vo_and_a_ban_of_all():
    vos = [{"name": name, "account": name, "sources": [source(name)]} for name in ("a", "b")]
    answers = {"a": answer([1, 2], [3]), "b": answer([1, 2, 3, 4]), "bans": answer([2])}
    made = _gridmap.table(config(vos=vos, bans=[dn(4).upper().replace("USER", "USER ")], ban_sources=[source("bans")]), answers, NOW)
    assert [vo.members.keys() for vo in made.vos] == [{dn(1)}, {dn(1), dn(3)}]
    assert [vo.out for vo in made.vos] == [{"banned": 1, "suspended": 1}, {"banned": 2}]
    entries = [{"dn": dn(2), "account": "two"}, {"dn": dn(5), "account": "five"}]
    made = _gridmap.table(config(vos=[], ban_sources=[source("bans")], entries=entries), answers, NOW)
    assert _gridmap.accounts(made) == {dn(5): "five"}


@pytest.mark.parametrize(
    "ban",
    ["/DC=ORG/DC=grid/CN=host/x", "CN=HOST/x,DC=grid,DC=org", r"/DC=org/DC=grid/CN=host\/X", "/DC=org/DC=grid/CN=  host/x"],
)
def test_a_ban_in_another_spelling(ban):
    member = "/DC=org/DC=grid/CN=host/x"
    assert _gridmap.table(config(vos=[{"name": "grid", "members": [member], "bans": [ban]}]), {}, NOW).vos[0].members == {}
    assert _gridmap.table(config(vos=[{"name": "grid", "members": [member]}], bans=[ban]), {}, NOW).vos[0].members == {}


def test_patterns():
    def members(**options):
        vo = {"name": "grid", "members": [dn(1), dn(2), dn(11), "/O=other/CN=x [y] (z)"], **options}
        return _gridmap.table(config(vos=[vo]), {}, NOW).vos[0].members.keys()

    assert members(allow=["/dc=org/*"]) == {dn(1), dn(2), dn(11)}
    assert members(deny=["*user 1"]) == {dn(2), dn(11), "/O=other/CN=x [y] (z)"}
    assert members(deny=["*user ??"]) == {dn(1), dn(2), "/O=other/CN=x [y] (z)"}
    assert members(allow=["/DC=org/*", "/O=other/CN=x [y] (z)"], deny=["*user 2"]) == {dn(1), dn(11), "/O=other/CN=x [y] (z)"}


def test_accounts_of_several_vos():
    roles = [{"fqan": "/a/Role=prod", "account": "aprod"}, {"fqan": "/a/Role=soft", "account": "asoft"}]
    vos = [
        {"name": "a", "account": ".a", "sources": [source("a")], "roles": roles},
        {"name": "none", "members": [dn(1), dn(3)], "sources": [source("local")]},
        {"name": "b", "account": "b", "members": [dn(1), dn(2), dn(3)]},
    ]
    of_a = _gridmap.Answer()
    of_a.add(dn(1), ("/a", "/a/Role=soft", "/a/Role=prod"))
    of_a.add(dn(2), ("/a/Role=soft",))
    local = answer([3, 4], accounts={3: "local3", 4: ""})
    made = _gridmap.table(config(vos=vos, entries=[{"dn": dn(5), "account": "five"}]), {"a": of_a, "local": local}, NOW)
    assert _gridmap.accounts(made) == {dn(1): ".a", dn(2): ".a", dn(3): "local3", dn(5): "five"}
    assert _gridmap.accounts(made, by_role=True) == {dn(1): "aprod", dn(2): "asoft", dn(3): "local3", dn(5): "five"}
    assert _gridmap.accounts(made, every=True) == {dn(1): ".a,b", dn(2): ".a,b", dn(3): "local3,b", dn(5): "five"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/atlas", "/atlas"),
        ("/atlas/Role=NULL", "/atlas"),
        ("/atlas/Role=NULL/Capability=NULL", "/atlas"),
        ("/atlas/Role=production/Capability=NULL", "/atlas/Role=production"),
        ("/atlas/a b", None),
        ("atlas", None),
        ("/atlas/*", None),
        ("/atlas//x", None),
        ("/atlas\n", None),
        ("", None),
    ],
)
def test_fqans(text, expected):
    assert _gridmap.fqan(text) == expected
