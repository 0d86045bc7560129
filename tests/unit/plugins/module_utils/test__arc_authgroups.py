# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The groups, looked at as A-REX does: the first rule that matches decides on a group, the first group that a user is in on his account."""

from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._arc_authgroups import authgroups

IAM = "https://iam.example.org/"
VOS = [
    {
        "name": "listed",
        "account": "listed01",
        "sources": [{"name": "iam", "type": "iam", "url": IAM}],
        "roles": [{"fqan": "/listed/Role=pilot", "account": "pilot"}],
        "issuers": [
            {
                "url": IAM,
                "audience": ["https://ce.example.org", "any"],
                "scopes": ["compute.read", "compute.create"],
                "account": "tokens",
                "subjects": [{"subject": "robot", "account": "robot01"}],
            }
        ],
    },
    {
        "name": "shown",
        "account": ".shown",
        "roles": [{"fqan": "/shown/sub/Role=production", "account": "shownprd"}, {"fqan": "/shown/sub", "account": "shownsub"}],
    },
    {"name": "none"},
]
# What the role grid_identity would have written.
FILES = {
    "/etc/grid-security/authgroups/listed": ["member", "both"],
    "/etc/grid-security/authgroups/listed.out": ["banned"],
    "/etc/grid-security/authgroups/shown.out": ["banned", "out of shown"],
}


class User:
    def __init__(self, dn="", fqans=(), token=None):
        self.dn, self.fqans, self.token = dn, fqans, token

    def matches(self, option, value):
        if option == "file":
            return self.dn in FILES[value]
        if option == "voms":
            vo, group, role, capability = value.split()
            assert capability == "*"
            shown = [fqan.partition("/Role=")[::2] for fqan in self.fqans]
            return any(vo == name.split("/")[1] and group in ("*", name) and role in ("*", has) for name, has in shown)
        assert option == "authtokens"
        subject, issuer, audience, scope, group = value.split()
        if not self.token:
            return False
        sub, iss, aud, scopes = self.token
        return subject in ("*", sub) and issuer == iss and audience in ("*", aud) and (scope == "*" or scope in scopes) and group == "*"

    def is_in(self, group):
        for rule in group["rules"]:
            ((option, value),) = rule.items()
            sign, inverted = option.startswith("-"), "!" in option
            if self.matches(option.lstrip("-!"), value) != inverted:
                return not sign
        return False

    def account(self, groups):
        return next((group["account"] for group in groups if self.is_in(group)), None)


@pytest.mark.parametrize(
    ("user", "account"),
    [
        (User("member"), "listed01"),
        (User("stranger"), None),
        (User("stranger", ["/shown"]), ".shown"),
        # What a user shows counts before what he is listed in.
        (User("both", ["/shown"]), ".shown"),
        (User("both", ["/shown", "/listed/Role=pilot"]), "pilot"),
        (User("stranger", ["/listed"]), None),
        (User("stranger", ["/shown/sub"]), "shownsub"),
        (User("stranger", ["/shown/sub/Role=production"]), "shownprd"),
        (User("stranger", ["/shown/sub/Role=other"]), "shownsub"),
        # A role of another group is another role.
        (User("stranger", ["/shown/Role=production"]), ".shown"),
        (User("stranger", ["/shown/other/Role=production"]), ".shown"),
        (User("banned", ["/shown", "/shown/sub", "/listed/Role=pilot"]), None),
        (User("out of shown", ["/shown/sub/Role=production"]), None),
        (User("out of shown", ["/listed/Role=pilot"]), "pilot"),
        (User(token=("robot", IAM, "any", ["compute.read", "compute.create"])), "robot01"),
        (User(token=("jane", IAM, "https://ce.example.org", ["openid", "compute.create", "compute.read"])), "tokens"),
        (User(token=("robot", IAM, "other", ["compute.read", "compute.create"])), None),
        (User(token=("robot", IAM, "any", ["compute.create"])), None),
        (User(token=("robot", "https://other", "any", ["compute.read", "compute.create"])), None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_who_gets_which_account(user, account):
    assert user.account(authgroups(VOS)) == account


def test_groups_are_mapped_in_their_order():
    assert [group["mapping"] for group in authgroups(VOS)] == [
        {"map_to_user": "listed+issuer1+subject1 robot01"},
        {"map_to_user": "listed+issuer1 tokens"},
        {"map_to_user": "listed+role1 pilot"},
        {"map_to_user": "shown+role1 shownprd"},
        {"map_to_user": "shown+role2 shownsub"},
        {"map_to_pool": "shown /etc/grid-security/pool/shown"},
        {"map_to_user": "listed listed01"},
    ]


def test_all_have_one_account_where_arc_cannot_switch():
    assert {group["account"] for group in authgroups(VOS, "arc")} == {"arc"}
    assert all(set(group["mapping"]) == {"map_to_user"} for group in authgroups(VOS, "arc"))


def test_an_issuer_without_account_is_for_its_subjects():
    vo = {"name": "x", "issuers": [{"url": IAM, "subjects": [{"subject": "a", "account": "b"}]}]}
    assert [(group["name"], group["rules"]) for group in authgroups([vo])] == [("x+issuer1+subject1", [{"authtokens": f"a {IAM} * * *"}])]
