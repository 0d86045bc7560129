# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Who is let in as whom: the members that sources list, what becomes of a source that fails, and the accounts. Pure; private to this collection.

A source answers with members, and with users that it says are not to get in (suspended, inactive, expired). Of an answer that is
refused or missing, the last good one stands in, but what any good answer said against a user counts at once.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _dn

# A shrinking that nobody would notice otherwise: this many members may go at once, whatever their share.
SHRINK_MEMBERS = 10
FQAN = re.compile(r"(?:/[^/\s\"'*?]+)+")
ACCOUNT = re.compile(r"\.?[A-Za-z_][A-Za-z0-9_.-]{0,31}")
EXAMPLES = 5

Config = dict[str, t.Any]


class Answer:
    """What a source says, by DN in slash form."""

    def __init__(self) -> None:
        self.members: dict[str, tuple[str, ...]] = {}
        """The FQANs of each member."""
        self.accounts: dict[str, str] = {}
        """The account of a member, where the source names one; empty if it names several."""
        self.ends: dict[str, int] = {}
        """When a membership ends, in seconds since 1970."""
        self.out: dict[str, str] = {}
        """Who must not get in, and why: `suspended`, `inactive`, `expired`."""
        self.skipped: dict[str, int] = {}
        """How many entries were of no use, by reason. Such an entry is neither a member nor kept out."""
        self.examples: list[str] = []
        self._sets: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(self, name: t.Any, fqans: tuple[str, ...] = (), end: int | None = None, account: str | None = None, out: str | None = None) -> None:
        """A user as the source spells him."""
        try:
            if not isinstance(name, str):
                raise _dn.DnError("not a text")
            dn = _dn.slash(name)
        except _dn.DnError as error:
            self.skip("DN", str(error))
            return
        if out:
            self.out[dn] = out
            return
        if account is not None and self.accounts.setdefault(dn, account) != account:
            # Services differ in which of two they believe.
            self.skip("two accounts", f"{dn} is {self.accounts[dn] or 'several others'} and {account}")
            self.accounts[dn] = ""
        have = self.members.get(dn)
        fqans = fqans if have is None or have == fqans else (*have, *(fqan for fqan in fqans if fqan not in have))
        # Thousands have the same ones.
        self.members[dn] = self._sets.setdefault(fqans, fqans)
        # Of two memberships the longer one counts.
        if end is None:
            self.ends.pop(dn, None)
        elif have is None or dn in self.ends:
            self.ends[dn] = max(end, self.ends.get(dn, end))

    def skip(self, reason: str, example: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        if len(self.examples) < EXAMPLES:
            # It may hold anything that the source says, and it is for logs.
            self.examples.append(f"{reason}: {example if example.isprintable() else ascii(example)[1:-1]}"[:300])

    def gone(self, now: float) -> dict[str, str]:
        """Who must not get in at this time, and why."""
        return {**{dn: "expired" for dn, end in self.ends.items() if end <= now}, **self.out}

    def next_end(self, now: float) -> int | None:
        """When this answer will mean something else, though it is the same."""
        return min((end for end in self.ends.values() if end > now), default=None)

    def to_json(self) -> dict[str, t.Any]:
        numbers = {fqans: number for number, fqans in enumerate(dict.fromkeys(self.members.values()))}
        return {
            "fqans": list(numbers),
            "members": {dn: numbers[fqans] for dn, fqans in self.members.items()},
            "accounts": self.accounts,
            "ends": self.ends,
            "out": self.out,
        }

    @classmethod
    def from_json(cls, data: dict[str, t.Any]) -> Answer:
        made = cls()
        sets = [tuple(fqans) for fqans in data["fqans"]]
        made.members = {dn: sets[number] for dn, number in data["members"].items()}
        made.accounts, made.ends, made.out = data["accounts"], data["ends"], data["out"]
        return made


def accept(
    old: Answer | None, new: Answer, now: float, max_shrink: float, allow_empty: bool = False, is_bans: bool = False
) -> tuple[Answer | None, str | None]:
    """The answer that counts, and why the new one does not, if so.

    `max_shrink` is the share of members, in percent, that may go at once. A user whom the new answer keeps out, or whose time
    is over, has not gone without a word. Whom a list of bans adds is banned even if the list is not believed otherwise.
    """
    if not new.members and not new.out and not allow_empty:
        return old, "lists nobody"
    if old is None:
        return new, None
    gone, kept_out = old.gone(now), new.gone(now)
    ordinary = [dn for dn in old.members if dn not in gone]
    lost = sum(dn not in new.members and dn not in kept_out for dn in ordinary)
    if lost <= SHRINK_MEMBERS or lost * 100 <= max_shrink * len(ordinary):
        return new, None
    held = Answer()
    held.members, held.accounts, held.out = {**old.members, **(new.members if is_bans else {})}, old.accounts, {**old.out, **new.out}
    held.ends = {**old.ends, **{dn: min(end, old.ends.get(dn, end)) for dn, end in new.ends.items() if dn in old.members}}
    return held, f"lists {lost} of {len(ordinary)} members no more"


class Vo(t.NamedTuple):
    """A VO, after all that keeps people out."""

    name: str
    members: dict[str, tuple[str, ...]]
    """The FQANs of each DN."""
    accounts: dict[str, str]
    """The account of each DN that has one, whatever its roles."""
    roles: list[tuple[str, str]]
    """FQAN and account, first match wins."""
    out: dict[str, int]
    """How many users were kept out, by reason."""
    kept_out: frozenset[str]
    """Who must not get in, in all spellings that a ban or a source has of them, members or not."""

    def account(self, dn: str, by_role: bool) -> str | None:
        if by_role:
            fqans = self.members[dn]
            for fqan, account in self.roles:
                if fqan in fqans:
                    return account
        return self.accounts.get(dn)


class Table(t.NamedTuple):
    vos: list[Vo]
    """In order: the first one that has an account for a DN gives it."""
    entries: dict[str, str]
    """Manual entries, before all VOs."""


def fqan(text: str) -> str | None:
    """An FQAN without the parts that say nothing; None if it is none."""
    short = re.sub(r"/Capability=[^/]*$", "", text)
    short = short[: -len("/Role=NULL")] if short.endswith("/Role=NULL") else short
    return short if FQAN.fullmatch(short) else None


def source_names(config: Config) -> list[str]:
    return [source["name"] for source in [*(source for vo in config["vos"] for source in vo["sources"]), *config["ban_sources"]]]


def table(config: Config, answers: dict[str, Answer], now: float) -> Table:
    """`answers` holds the answer that counts of each source that has one."""
    banned = {_dn.slash(dn) for dn in config["bans"]}
    for source in config["ban_sources"]:
        if source["name"] in answers:
            listed = answers[source["name"]]
            banned.update(listed.members, listed.out)
    keys = set(map(_dn.key, banned))
    entries = {_dn.slash(entry["dn"]): entry["account"] for entry in config["entries"]}
    return Table(
        [_vo(vo, [answers[source["name"]] for source in vo["sources"] if source["name"] in answers], banned, now) for vo in config["vos"]],
        {dn: account for dn, account in entries.items() if _dn.key(dn) not in keys},
    )


def _vo(vo: Config, answers: list[Answer], banned: set[str], now: float) -> Vo:
    listed = Answer()
    for dn in vo["members"]:
        listed.add(dn)
    answers = [*answers, listed]
    gone = {dn: reason for answer in answers for dn, reason in answer.gone(now).items()}
    gone.update(dict.fromkeys(banned, "banned"))
    gone.update((_dn.slash(dn), "banned") for dn in vo["bans"])
    why = {_dn.key(dn): reason for dn, reason in gone.items()}
    kept_out = set(gone)
    allowed, denied = pattern(vo["allow"]), pattern(vo["deny"])
    members: dict[str, tuple[str, ...]] = {}
    accounts: dict[str, str] = {}
    out: dict[str, int] = {}
    key = _dn.key
    for answer in answers:
        for dn, fqans in answer.members.items():
            have = members.get(dn)
            if have is not None:
                members[dn] = (*have, *(one for one in fqans if one not in have))
                continue
            reason = why.get(key(dn))
            if reason is None and (denied and denied.fullmatch(dn) or allowed and not allowed.fullmatch(dn)):
                reason = "denied"
            if reason is not None:
                kept_out.add(dn)
            if reason is None:
                members[dn] = fqans
                account = vo["account"] or answer.accounts.get(dn)
                if account:
                    accounts[dn] = account
            elif reason == "banned" or reason == "denied":
                out[reason] = out.get(reason, 0) + 1
    # These are members of nothing, or of an older answer.
    for reason in why.values():
        if reason != "banned":
            out[reason] = out.get(reason, 0) + 1
    return Vo(vo["name"], members, accounts, [(role["fqan"], role["account"]) for role in vo["roles"]], out, frozenset(kept_out))


def pattern(globs: list[str]) -> re.Pattern[str] | None:
    """One for all, None for none. A * is any text, a ? any character; case does not matter."""
    if not globs:
        return None
    parts = [re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".") for glob in globs]
    return re.compile("|".join(parts), re.IGNORECASE | re.DOTALL)


def accounts(made: Table, by_role: bool = False, every: bool = False) -> dict[str, str]:
    """The account of each DN; of all its VOs, separated by commas, with `every`, else that of the first VO that has one for it."""
    if not every and not by_role:
        found: dict[str, str] = {}
        for vo in reversed(made.vos):
            found.update(vo.accounts)
        return {**found, **made.entries}
    lists: dict[str, list[str]] = {}
    for vo in made.vos:
        for dn in vo.members:
            account = vo.account(dn, by_role)
            if account is not None and account not in lists.setdefault(dn, []):
                lists[dn].append(account)
    return {**{dn: ",".join(names if every else names[:1]) for dn, names in lists.items() if names}, **made.entries}
