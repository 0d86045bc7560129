# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Authorization groups of ARC for VOs (arc.conf.reference, [authgroup:name] and [mapping]). Pure; private to this collection."""

from __future__ import annotations

import operator
import typing as t

# Written by the module gridmap (outputs arc_authgroup and arc_banned) and by the role grid_identity.
AUTHGROUPS = "/etc/grid-security/authgroups"
POOLS = "/etc/grid-security/pool"


def authgroups(vos: list[dict[str, t.Any]], account: str | None = None) -> list[dict[str, t.Any]]:
    """The groups of VOs as in C(site_vos), each with `name`, `rules`, `account` and `mapping`; all of one account if it is given.

    They are in the order in which they must be mapped: the first that a user is in decides. What he shows (a listed subject, another
    token, a role, a VO) comes before what he is listed in; beyond that the VOs are in their own order. A rule is a dictionary of one
    option; with "-" whom it matches is not in the group, with "-!" whom it does not match.
    """
    groups = []
    for _rank, name, own_account, rules in sorted((group for vo in vos for group in _of_vo(vo)), key=operator.itemgetter(0)):
        runs_as = account or own_account
        mapping = {"map_to_pool": f"{name} {POOLS}/{runs_as[1:]}"} if runs_as.startswith(".") else {"map_to_user": f"{name} {runs_as}"}
        groups.append({"name": name, "rules": rules, "account": runs_as, "mapping": mapping})
    return groups


def _of_vo(vo: dict[str, t.Any]) -> t.Iterator[tuple[int, str, str, list[dict[str, str]]]]:
    name = vo["name"]
    # "+" is in the name of no VO.
    for number, issuer in enumerate(vo.get("issuers") or [], 1):
        for index, subject in enumerate(issuer.get("subjects") or [], 1):
            yield 1, f"{name}+issuer{number}+subject{index}", subject["account"], _tokens(issuer, subject["subject"])
        if issuer.get("account"):
            yield 2, f"{name}+issuer{number}", issuer["account"], _tokens(issuer, "*")
    # Who shows attributes need not be on a list, so that whom the VO keeps out is on one.
    out = {"-file": f"{AUTHGROUPS}/{name}.out"}
    for number, role in enumerate(vo.get("roles") or [], 1):
        yield 3, f"{name}+role{number}", role["account"], [out, {"voms": _attributes(role["fqan"])}]
    # Of a VO that lists nobody, whoever shows its attributes is a member.
    if vo.get("account") and (vo.get("members") or vo.get("sources")):
        yield 5, name, vo["account"], [{"file": f"{AUTHGROUPS}/{name}"}]
    elif vo.get("account"):
        yield 4, name, vo["account"], [out, {"voms": f"{name} * * *"}]


def _attributes(fqan: str) -> str:
    """VO, group, role and capability of a FQAN such as /atlas/prod/Role=production."""
    group, _slash, role = fqan.partition("/Role=")
    return f"{group.split('/')[1]} {group} {role or '*'} *"


def _tokens(issuer: dict[str, t.Any], subject: str) -> list[dict[str, str]]:
    """Any of the audiences will do; all of the scopes must be there, which takes a rule for each."""
    url = issuer["url"]
    needed = [{"-!authtokens": f"* {url} * {scope} *"} for scope in issuer.get("scopes") or []]
    return needed + [{"authtokens": f"{subject} {url} {audience} * *"} for audience in issuer.get("audience") or ["*"]]
