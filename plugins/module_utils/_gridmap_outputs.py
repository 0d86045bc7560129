# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The files that services read. Each is read again before it is given away. Pure; private to this collection."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _dn, _gridmap

HEADER = "# Written by the module elastigrid.site.gridmap. Changes made here are lost.\n"
READ, WRITE = "rl", "a"


class Rendered(t.NamedTuple):
    text: str
    entries: int
    skipped: dict[str, int]
    """How many could not be written, by reason."""


class Leases(t.NamedTuple):
    """What has to be done in a gridmapdir, and who has which account then."""

    files: list[str]
    """Pool accounts that have no file yet."""
    links: dict[str, str]
    """Names of links to make, and the account that each leads to."""
    accounts: dict[str, str]
    """The account of each DN."""
    skipped: dict[str, int]


def select(made: _gridmap.Table, names: list[str] | None) -> _gridmap.Table:
    """The VOs that an output is for. Manual entries are of all."""
    return made if names is None else made._replace(vos=[vo for vo in made.vos if vo.name in names])


def render(output: _gridmap.Config, config: _gridmap.Config, made: _gridmap.Table, leased: dict[str, dict[str, str]]) -> Rendered:
    """The text of an output. `leased` holds who has which pool account, by gridmapdir."""
    made = select(made, output["vos"])
    wanted = [vo for vo in config["vos"] if output["vos"] is None or vo["name"] in output["vos"]]
    kind = output["type"]
    if kind in ("grid_mapfile", "condor_mapfile"):
        found = _gridmap.accounts(made, output["by_role"], output["all_accounts"])
        skipped: dict[str, int] = {}
        if output["gridmapdir"] or kind == "condor_mapfile":
            found = _resolve(found, leased.get(output["gridmapdir"], {}), skipped)
        return _grid_mapfile(found, skipped) if kind == "grid_mapfile" else _condor_mapfile(found, wanted, skipped)
    if kind == "voms_mapfile":
        return _voms_mapfile(wanted)
    if kind == "arc_authgroup":
        return _authgroup(dn for vo in made.vos for dn, fqans in vo.members.items() if output["fqan"] is None or output["fqan"] in fqans)
    if kind == "arc_banned":
        return _authgroup(dn for vo in made.vos for dn in vo.kept_out)
    if kind == "xrootd_authfile":
        return _authfile(wanted, output["pool"])
    if kind == "scitokens_mapfile":
        return _name_mapfile(output["issuer"], wanted)
    return _json(made)


def changes(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines that went and those that came, without comments."""
    before, after = ({line for line in text.splitlines() if line and not line.startswith("#")} for text in (old, new))
    return sorted(before - after), sorted(after - before)


def _resolve(found: dict[str, str], leased: dict[str, str], skipped: dict[str, int]) -> dict[str, str]:
    """Without names of pools, which ARC and HTCondor take for accounts."""
    resolved = {}
    for dn, accounts in found.items():
        if "." in accounts:
            names = [leased.get(dn) if name.startswith(".") else name for name in accounts.split(",")]
            accounts = ",".join(name for name in names if name)
        if accounts:
            resolved[dn] = accounts
        else:
            skipped["no pool account"] = skipped.get("no pool account", 0) + 1
    return resolved


def _quotable(dns: t.Iterable[str], skipped: dict[str, int]) -> list[tuple[str, str]]:
    """Each DN with each of its spellings, sorted, without those that a quoted word of these files cannot hold."""
    pairs = []
    for dn in dns:
        if '"' in dn or dn[-1] == "\\":
            skipped["quote or backslash"] = skipped.get("quote or backslash", 0) + 1
        elif "\\" in dn:
            pairs += [(spelling, dn) for spelling in _dn.spellings(dn)]
        else:
            pairs.append((dn, dn))
    pairs.sort()
    return pairs


def _grid_mapfile(found: dict[str, str], skipped: dict[str, int]) -> Rendered:
    lines = {spelling: found[dn] for spelling, dn in _quotable(found, skipped)}
    text = HEADER + "".join(f'"{dn}" {account}\n' for dn, account in lines.items())
    _same(dict(re.findall(r'^"([^"\n]*)" (\S+)$', text, re.MULTILINE)), lines)
    return Rendered(text, len(lines), skipped)


def _authgroup(dns: t.Iterable[str]) -> Rendered:
    """A list of users, as ARC reads it for `file=` in an authorization group."""
    skipped: dict[str, int] = {}
    names = [spelling for spelling, dn in _quotable(dict.fromkeys(dns), skipped)]
    text = HEADER + "".join(f'"{name}"\n' for name in names)
    _same(re.findall(r'^"([^"\n]*)"$', text, re.MULTILINE), names)
    return Rendered(text, len(names), skipped)


def _voms_mapfile(wanted: list[_gridmap.Config]) -> Rendered:
    """For proxies with VOMS attributes; the first line that matches counts."""
    pairs = [(role["fqan"], role["account"]) for vo in wanted for role in vo["roles"]]
    pairs += [(f"/{vo['name']}", vo["account"]) for vo in wanted if vo["account"]]
    lines = {name: account for fqan, account in reversed(pairs) for name in (f"{fqan}/*", fqan)}
    lines = {name: lines[name] for fqan, account in pairs for name in (fqan, f"{fqan}/*")}
    text = HEADER + "".join(f'"{fqan}" {account}\n' for fqan, account in lines.items())
    _same(dict(re.findall(r'^"([^"\n]*)" (\S+)$', text, re.MULTILINE)), lines)
    return Rendered(text, len(lines), {})


def _condor_mapfile(found: dict[str, str], wanted: list[_gridmap.Config], skipped: dict[str, int]) -> Rendered:
    """For CERTIFICATE_MAPFILE, with CERTIFICATE_MAPFILE_ASSUME_HASH_KEYS = true: only then a quoted word is no regular expression.

    All subjects of an issuer come after those that have an account of their own, for the first line that matches counts.
    """
    lines = [("SSL", _condor_quote(spelling), found[dn]) for spelling, dn in _quotable(found, skipped)]
    issuers = [issuer for vo in wanted for issuer in vo["issuers"]]
    lines += [
        ("SCITOKENS", _condor_quote(f"{issuer['url']},{subject['subject']}"), subject["account"]) for issuer in issuers for subject in issuer["subjects"]
    ]
    lines += [("SCITOKENS", "/^" + re.escape(f"{issuer['url']},").replace("/", r"\/") + "/", issuer["account"]) for issuer in issuers if issuer["account"]]
    text = "".join(f"{method} {name} {account}\n" for method, name, account in lines)
    _same(re.findall(r'^(SSL|SCITOKENS) ("(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)*/) (\S+)$', text, re.MULTILINE), lines)
    return Rendered(text, len(lines), skipped)


def _condor_quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _authfile(wanted: list[_gridmap.Config], pool: list[str]) -> Rendered:
    """XRootD's authorization database. An id may have only one record, in which the first path that fits counts.

    Members are known by the account that they are mapped to, or by what VOMS says. A group or role without its VO would be that of
    any VO, and of the groups that any token claims.
    """
    rights: dict[tuple[str, ...], dict[str, str]] = {}
    for vo in wanted:
        for area in vo["areas"]:
            group, role = _split(area["fqan"] or f"/{vo['name']}")
            if area["fqan"]:
                accounts = [one["account"] for one in vo["roles"] if one["fqan"] == area["fqan"]]
                ids = [("=", vo["name"], group, role)]
            else:
                accounts = [vo["account"], *(one["account"] for one in vo["roles"])]
                ids = [("o", vo["name"])]
            for account in filter(None, accounts):
                # Whoever has leased one of a pool is mapped to it.
                names = [name for name in pool if re.fullmatch(re.escape(account[1:]) + "[0-9]+", name)] if account.startswith(".") else [account]
                ids += [("u", name) for name in names]
            for one in dict.fromkeys(ids):
                paths = rights.setdefault(one, {})
                # What is said about it twice is as much as the stronger says.
                if paths.get(area["path"]) != WRITE:
                    paths[area["path"]] = WRITE if area["write"] else READ
    defined: list[str] = []
    records: list[str] = []
    for one, paths in rights.items():
        listed = " ".join(f"{path} {paths[path]}" for path in sorted(paths, key=lambda path: (-len(path), path)))
        if one[0] == "=":
            name = f"fqan{len(defined) + 1}"
            defined.append(f"= {name} o: {one[1]} g: {one[2]}" + (f" r: {one[3]}" if one[3] else ""))
            records.append(f"s {name} {listed}")
        else:
            records.append(f"{one[0]} {one[1]} {listed}")
    text = HEADER + "".join(f"{line}\n" for line in [*defined, *records])
    read = [line.split() for line in text.splitlines() if not line.startswith("#")]
    _same({(words[0], words[1]): dict(zip(words[2::2], words[3::2])) for words in read if words[0] != "="}.values(), rights.values(), list)
    return Rendered(text, len(records), {})


def _split(fqan: str) -> tuple[str, str]:
    """Group and role."""
    group, dummy, role = fqan.partition("/Role=")
    return group, role


def _name_mapfile(issuer: str, wanted: list[_gridmap.Config]) -> Rendered:
    """For `name_mapfile` of an issuer in scitokens.cfg. The first rule that matches counts."""
    rules: list[dict[str, str]] = []
    for vo in wanted:
        found = [one for one in vo["issuers"] if one["url"] == issuer]
        rules += [{"sub": subject["subject"], "result": subject["account"]} for one in found for subject in one["subjects"]]
        if found:
            # The groups of a token know no roles.
            rules += [{"group": role["fqan"], "result": role["account"]} for role in vo["roles"] if "/Role=" not in role["fqan"]]
            if vo["account"]:
                rules.append({"group": f"/{vo['name']}", "result": vo["account"]})
    rules = [rule for rule in rules if not rule["result"].startswith(".")]
    text = "[\n" + ",\n".join(json.dumps(rule) for rule in rules) + "\n]\n"
    _same(json.loads(text), rules)
    return Rendered(text, len(rules), {})


def _json(made: _gridmap.Table) -> Rendered:
    """Everything, for programs: the members of each VO with FQANs and the account without roles; manual entries."""
    tails: dict[tuple[str | None, tuple[str, ...]], str] = {}
    quote = json.encoder.encode_basestring_ascii
    blocks = []
    for vo in made.vos:
        lines = []
        for dn in sorted(vo.members):
            about = (vo.accounts.get(dn), vo.members[dn])
            if about not in tails:
                tails[about] = json.dumps({"account": about[0], "fqans": about[1]})
            lines.append(f"{quote(dn)}: {tails[about]}")
        blocks.append(f"{quote(vo.name)}: {{\n" + ",\n".join(lines) + "\n}")
    text = '{"entries": ' + json.dumps(made.entries, sort_keys=True) + ',\n"vos": {\n' + ",\n".join(blocks) + "\n}}\n"
    _same({name: list(found) for name, found in json.loads(text)["vos"].items()}, {vo.name: sorted(vo.members) for vo in made.vos})
    return Rendered(text, sum(len(vo.members) for vo in made.vos) + len(made.entries), {})


def _same(read: t.Any, meant: t.Any, convert: t.Callable[[t.Any], t.Any] = lambda value: value) -> None:
    if convert(read) != convert(meant):
        raise ValueError("the new content would be read as something else")


def lease_name(dn: str) -> str:
    """How gridmapdir writes a DN: in lower case, with all but letters and digits as %hh."""
    return re.sub(r"[^a-z0-9]", lambda match: f"%{ord(match[0]):02x}", dn.lower())


def leases(there: dict[str, int], pool: list[str], wanted: dict[str, str]) -> Leases:
    """Who gets which pool account.

    `there` are the files of the directory with their inodes, since a lease is a second name of the account's file. `wanted` holds
    what the accounts for each DN begin with, after a dot. A lease that is there is never taken away or moved: files and jobs may belong to it.
    """
    accounts = {there[name]: name for name in pool if name in there}
    taken = {inode for name, inode in there.items() if name.startswith("%")}
    free: dict[str, list[str]] = {}
    made: dict[str, str] = {}
    links: dict[str, str] = {}
    skipped: dict[str, int] = {}
    for dn, prefix in sorted(wanted.items()):
        belongs = re.compile(re.escape(prefix[1:]) + "[0-9]+")
        name = lease_name(dn)
        if name in links:
            made[dn] = links[name]
            continue
        if name in there:
            account = accounts.get(there[name])
            reason = None if account and belongs.fullmatch(account) else "lease of another pool"
        else:
            if prefix not in free:
                names = [one for one in pool if belongs.fullmatch(one) and there.get(one) not in taken]
                free[prefix] = sorted(names, key=lambda one: (len(one), one), reverse=True)
            account = free[prefix].pop() if free[prefix] else None
            reason = None if account else "no free pool account"
            if account:
                links[name] = account
        if reason or account is None:
            skipped[reason or ""] = skipped.get(reason or "", 0) + 1
        else:
            made[dn] = account
    return Leases([name for name in pool if name not in there], links, made, skipped)
