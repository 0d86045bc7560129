# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Private to the collection: the report about a verified site, as data, as lines of text and as one HTML page.

The page is data in, text out: no file, no clock. Whatever comes from hosts goes through _e() on its way into it.
"""

from __future__ import annotations

import collections
import itertools
import re
from typing import Any

from ansible_collections.elastigrid.site.plugins.module_utils import _page
from ansible_collections.elastigrid.site.plugins.module_utils._page import escape as _e
from ansible_collections.elastigrid.site.plugins.module_utils._page import text as _text

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"

# The picture: a job goes through these from left to right. (title, {group: what a host in it is}, how a job gets there)
TIERS = (
    ("Front door", {"arc_ce": "ARC CE", "act": "aCT", "slurm_submit": "submit node", "condor_schedd": "HTCondor schedd"}),
    ("Scheduler", {"slurm_controller": "Slurm controller", "condor_manager": "HTCondor manager"}),
    ("Workers", {"slurm_worker": "Slurm", "condor_startd": "HTCondor", "kubernetes_cluster": "Kubernetes"}),
)
ARROWS = ("job", "queue", "run")
SERVICES = {
    "nfs_server": "NFS server",
    "squid": "squid",
    "xrootd_redirector": "XRootD redirector",
    "xrootd_origin": "XRootD origin",
    "xrootd_cache": "XRootD cache",
    "elastic": "elastic",
    "prometheus": "Prometheus",
}
COMPONENTS = {"os": "Operating system", "kernel": "Kernel", "slurm": "Slurm", "arc": "ARC", "mariadb": "MariaDB", "munge": "munge"}


# --- the data ---------------------------------------------------------------------------------------------------------


def read_check(name: str, proves: str, outcome: dict[str, Any] | None, not_run: str = "") -> dict[str, Any]:
    """One row of the table, from a registered result or from one entry of arc_jobs.

    Passed is what says so itself; what says nothing was not run.
    """
    check = {"name": name, "proves": proves, "result": NOT_RUN, "seconds": None, "detail": not_run}
    if not outcome or outcome.get("skipped"):
        check["detail"] = not_run or "skipped"
        return check
    said = outcome.get("detail") or outcome.get("stderr") or "\n".join(filter(None, (outcome.get("msg"), outcome.get("stdout")))) or ""
    check.update(seconds=_seconds(outcome), detail=str(said).strip())
    if "ok" in outcome:
        check["result"] = PASSED if outcome["ok"] is True else FAILED
    elif outcome.get("unreachable") or outcome.get("failed"):
        check["result"] = FAILED
    elif outcome.get("failed") is False:
        check["result"] = PASSED
    return check


def _seconds(outcome: dict[str, Any]) -> float | None:
    if outcome.get("seconds") is not None:
        return round(float(outcome["seconds"]), 1)
    delta = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", str(outcome.get("delta", "")))
    return round(int(delta[1]) * 3600 + int(delta[2]) * 60 + float(delta[3]), 1) if delta else None


def place_nodes(hosts: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hosts with the state and CPUs that the batch system knows of them, and the nodes that are none of them."""
    left = {node["name"]: node for node in nodes}
    placed = []
    for host in hosts:
        node = left.pop(host.get("node") or host["name"].split(".")[0], None)
        said = {"state": _state(node), "cpus": node["cpus"]} if node else {}
        placed.append({"state": "", "cpus": None, **host, **said})
    return placed + [
        {"name": name, "groups": ["slurm_worker"], "versions": {}, "state": _state(node), "cpus": node["cpus"]} for name, node in left.items()
    ]


def _state(node: dict[str, Any]) -> str:
    """Without the flags that tell only how the node came to be in the cluster."""
    return "+".join(state for state in node["states"] if state not in ("CLOUD", "DYNAMIC_NORM", "DYNAMIC_FUTURE")).lower()


def count(checks: list[dict[str, Any]]) -> dict[str, int]:
    found = collections.Counter(check["result"] for check in checks)
    return {result: found[result] for result in (PASSED, FAILED, NOT_RUN)}


def headline(checks: list[dict[str, Any]]) -> str:
    number = count(checks)
    ran = number[PASSED] + number[FAILED]
    if not ran:
        return "No check was run"
    text = f"{number[FAILED]} of {ran} checks failed" if number[FAILED] else f"All {ran} checks passed" if ran > 1 else "The check passed"
    return text + (f", {number[NOT_RUN]} not run" if number[NOT_RUN] else "")


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def text_table(checks: list[dict[str, Any]]) -> list[str]:
    """The table for a terminal; failures and their reasons once more at the end, where they are read."""
    rows = [("check", "what it proves", "result", "time")]
    rows += [(check["name"], check["proves"], check["result"], duration(check["seconds"])) for check in checks]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    why: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        if check["result"] != PASSED:
            why.setdefault((check["result"], " ".join(check["detail"].split())), []).append(check["name"])
    lines += [f"{result}: {', '.join(names)}: {reason}" for (result, reason), names in sorted(why.items())]
    return [*lines, headline(checks)]


def short_names(names: list[str]) -> dict[str, str]:
    """Names without the domain, where that leaves them different."""
    short = {name: name.split(".")[0] for name in names}
    return short if len(set(short.values())) == len(set(names)) else {name: name for name in names}


def fold(names: list[str]) -> str:
    """wn1 wn2 wn3 ce -> "ce, wn[1-3]"."""
    numbered: dict[tuple[str, str, int], list[int]] = {}
    folded = []
    for name in sorted(set(names)):
        parts = re.fullmatch(r"(.*?)(\d+)(\D*)", name)
        if parts:
            numbered.setdefault((parts[1], parts[3], len(parts[2]) if parts[2].startswith("0") else 0), []).append(int(parts[2]))
        else:
            folded.append(name)
    for (head, tail, width), numbers in numbered.items():
        runs = []
        for _gap, run in itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]):
            members = [number for _index, number in run]
            runs.append("-".join(f"{number:0{width}d}" for number in dict.fromkeys((members[0], members[-1]))))
        folded.append(f"{head}[{','.join(runs)}]{tail}" if len(numbers) > 1 else f"{head}{runs[0]}{tail}")
    return ", ".join(sorted(folded))


def version_rows(hosts: list[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns in use, and one row for all hosts that have the same; a cell differs when it is not what most hosts have."""
    columns = [key for key in COMPONENTS if any(host["versions"].get(key) for host in hosts)]
    usual = {}
    for column in columns:
        values = collections.Counter(host["versions"][column] for host in hosts if host["versions"].get(column))
        usual[column] = values.most_common(1)[0][0]
    names = short_names([host["name"] for host in hosts])
    rows: dict[tuple[str, ...], list[str]] = {}
    for host in hosts:
        rows.setdefault(tuple(host["versions"].get(column) or "" for column in columns), []).append(names[host["name"]])
    return columns, [
        {
            "hosts": fold(members),
            "number": len(members),
            "cells": [(cell, bool(cell) and cell != usual[column]) for column, cell in zip(columns, cells)],
        }
        for cells, members in rows.items()
    ]


# --- the picture ------------------------------------------------------------------------------------------------------


def _clip(text: str, width: float, size: float) -> str:
    """As much of the text as fits; a letter of the fonts in use is on average 0.56 of its size wide."""
    room = max(int(width / (size * 0.56)), 2)
    return text if len(text) <= room else text[: room - 1] + "…"


def _state_class(state: str) -> str:
    state = state.lower()
    if re.search(r"down|fail|not_respond|no answer|unknown", state):
        return "bad"
    if re.search(r"drain|maint|reserved|future|power|planned", state):
        return "warn"
    return "busy" if re.search(r"alloc|mix|comp", state) else "good" if state else "none"


def _tier_hosts(hosts: list[dict[str, Any]], groups: dict[str, str]) -> list[dict[str, Any]]:
    names = short_names([host["name"] for host in hosts])
    tier = []
    for host in hosts:
        roles = [label for group, label in groups.items() if group in host["groups"]]
        if roles:
            tier.append({**host, "short": names[host["name"]], "roles": roles})
    return tier


def _box(x: float, y: float, width: float, title: str, hosts: list[dict[str, Any]]) -> tuple[str, float]:
    """A box with one card for each host (for many hosts smaller ones, then dots); returns it and its height."""
    number = len(hosts)
    inner = width - 24
    columns, size, height = (
        (max(int((inner + 8) // 190), 1), 13, 44)
        if number <= 8
        else (max(int(inner // 84), 1), 11, 24)
        if number <= 96
        else (int(inner // 14), 0, 14)
    )
    columns = min(columns, number)
    gap = 8 if size == 13 else 4
    card = (inner - gap * (columns - 1)) / columns if size else 10
    parts = []
    for index, host in enumerate(hosts):
        cx = x + 12 + (index % columns) * (card + gap)
        cy = y + 34 + (index // columns) * (height + gap)
        state = host.get("state") or ""
        title_text = " · ".join(filter(None, [host["name"], ", ".join(host["roles"]), state]))
        parts.append(f"<g><title>{_e(title_text)}</title>")
        if size:
            parts.append(f'<rect x="{cx:g}" y="{cy:g}" width="{card:g}" height="{height}" rx="6" class="card"/>')
            dot = 14 if state else 0
            if state:
                parts.append(f'<circle cx="{cx + 12:g}" cy="{cy + (16 if size == 13 else 12):g}" r="4" class="dot {_state_class(state)}"/>')
            room = card - 14 - dot
            parts.append(_text(cx + 8 + dot, cy + (20 if size == 13 else 16), _clip(host["short"], room, size), f"h{size}"))
            if size == 13:
                below = " · ".join(filter(None, [", ".join(host["roles"]), _capacity(host), state]))
                parts.append(_text(cx + 8, cy + 36, _clip(below, card - 14, 11), "small"))
        else:
            parts.append(f'<circle cx="{cx + 5:g}" cy="{cy + 7:g}" r="5" class="dot {_state_class(state)}"/>')
        parts.append("</g>")
    rows = -(-number // columns)
    total = 34 + rows * (height + gap) - gap + 12
    legend = ""
    if number > 8:
        states = collections.Counter((host.get("state") or "unknown") for host in hosts)
        legend = " · ".join(f"{many} {state}" for state, many in states.most_common())
        parts.append(_text(x + 12, y + total + 2, _clip(legend, inner, 11), "small"))
        total += 14
    heading = title + (f" ({number})" if number > 1 else "")
    frame = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{total:g}" rx="10" class="box"/>' + _text(x + 12, y + 22, heading, "tier")
    return frame + "".join(parts), total


def _capacity(host: dict[str, Any]) -> str:
    return f"{host['cpus']} CPU" + ("s" if host["cpus"] != 1 else "") if host.get("cpus") else ""


def _people(x: float, y: float, width: float) -> str:
    """Users: a head and shoulders, as everywhere."""
    middle = x + width / 2
    return (
        f'<circle cx="{middle:g}" cy="{y + 12:g}" r="9" class="person"/>'
        f'<path d="M{middle - 17:g} {y + 42:g}a17 17 0 0 1 34 0z" class="person"/>' + _text(middle, y + 60, "users", "small", "middle")
    )


def _arrow(x1: float, y1: float, x2: float, y2: float, label: str) -> str:
    flat = y1 == y2
    head = f"M{x2 - 8:g} {y2 - 5:g}l8 5l-8 5" if flat else f"M{x2 - 5:g} {y2 - 8:g}l5 8l5 -8"
    where = _text((x1 + x2) / 2 - 3, y1 - 7, label, "small", "middle") if flat else _text(x1 + 9, (y1 + y2) / 2 + 3, label, "small")
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}{head}" class="line"/>{where}'


def _storage(x: float, y: float, width: float, storage: dict[str, Any]) -> str:
    text = f"{storage['path']}: shared storage" + (f", served by {storage['server']}" if storage.get("server") else "")
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="34" rx="10" class="box disk"/>'
        f'<ellipse cx="{x + 22:g}" cy="{y + 12:g}" rx="9" ry="3.5" class="disk-icon"/>'
        f'<path d="M{x + 13:g} {y + 12:g}v11a9 3.5 0 0 0 18 0v-11" class="disk-icon"/>'
        + _text(x + 40, y + 22, _clip(text, width - 46, 14.5), "h13")
    )


def topology(hosts: list[dict[str, Any]], storage: dict[str, Any] | None, wide: bool) -> str:
    """Who talks to whom, as one SVG: tiers side by side, or below each other for a narrow screen."""
    tiers = [(title, arrow, _tier_hosts(hosts, groups)) for (title, groups), arrow in zip(TIERS, ARROWS)]
    tiers = [tier for tier in tiers if tier[2]]
    services = _tier_hosts(hosts, SERVICES)
    parts, gap, people = [], 64, 56
    if wide:
        width, y = 1080, 8.0
        room = width - people - gap * len(tiers)
        shares = [min(len(tier[2]), 40) ** 0.25 for tier in tiers]
        heights, starts = [], []
        x = float(people)
        sizes = [room * share / sum(shares) for share in shares]
        boxes = []
        for (title, _arrow_label, members), size in zip(tiers, sizes):
            box, height = _box(0, 0, size, title, members)
            boxes.append(box)
            heights.append(height)
        tallest = max([72, *heights])
        middle = y + tallest / 2
        parts.append(_people(0, middle - 24, people))
        for (_title, label, _members), box, height, size in zip(tiers, boxes, heights, sizes):
            parts.append(_arrow(x + 6, middle, x + gap - 4, middle, label))
            x += gap
            parts.append(f'<g transform="translate({x:g} {middle - height / 2:g})">{box}</g>')
            starts.append((x, size, middle + height / 2))
            x += size
        bottom = y + tallest
        if storage and starts:
            bottom += 34
            for (start, size, end), (title, _arrow_label, _members) in zip(starts, tiers):
                if title == "Scheduler":  # hands jobs on, and reads none of their files
                    continue
                parts.append(f'<path d="M{start + size / 2:g} {end:g}V{bottom:g}" class="line dashed"/>')
            parts.append(_storage(starts[0][0], bottom, width - starts[0][0], storage))
            bottom += 34
        if services:
            bottom += 18
            box, height = _box(people + gap, bottom, width - people - gap, "Data and services", services)
            parts.append(box)
            bottom += height
    else:
        width, bottom = 360, 4.0
        parts.append(_people(0, bottom, width))
        bottom += 66
        for title, label, members in tiers:
            parts.append(_arrow(width / 2, bottom, width / 2, bottom + 32, label))
            bottom += 36
            box, height = _box(0, bottom, width, title, members)
            parts.append(box)
            bottom += height + 4
        if storage:
            parts.append(f'<path d="M{width / 2:g} {bottom - 4:g}v22" class="line dashed"/>')
            bottom += 18
            parts.append(_storage(0, bottom, width, storage))
            bottom += 34
        if services:
            bottom += 16
            box, height = _box(0, bottom, width, "Data and services", services)
            parts.append(box)
            bottom += height
    label = f"Topology: {', '.join(title + ' ' + fold([host['short'] for host in members]) for title, _arrow_label, members in tiers)}"
    kind = "wide" if wide else "narrow"
    return (
        f'<svg class="topology {kind}" viewBox="0 0 {width} {bottom + 8:g}" style="max-width:{width}px" role="img" '
        f'aria-label="{_e(label)}">{"".join(parts)}</svg>'
    )


# --- the page ---------------------------------------------------------------------------------------------------------

MARKS = {
    "passed": '<path d="M5 13l5 5L20 7"/>',
    "failed": '<path d="M6 6l12 12M18 6L6 18"/>',
    "unknown": '<path d="M6 12h12"/>',
}
LETTER = {PASSED: "p", FAILED: "f", NOT_RUN: "n"}
SIGN = {PASSED: "✓", FAILED: "✕", NOT_RUN: "–"}


def _checks_table(checks: list[dict[str, Any]]) -> str:
    longest = max([check["seconds"] or 0 for check in checks] + [0.1])
    rows = []
    for check in sorted(checks, key=lambda check: (FAILED, PASSED, NOT_RUN).index(check["result"])):
        letter, seconds = LETTER[check["result"]], check["seconds"]
        timing = ""
        if seconds is not None:
            timing = (
                '<div><svg preserveAspectRatio="none" viewBox="0 0 100 10" aria-hidden="true"><rect width="100" height="10" rx="1" class="bar-bg"/>'
                f'<rect width="{max(seconds / longest * 100, 1):.1f}" height="10" rx="1" class="bar"/></svg><span>{_e(duration(seconds))}</span></div>'
            )
        # The reason of a failure stands at the top of the page already.
        detail = "" if check["result"] == FAILED else f'<div class="detail">{_e(check["detail"])}</div>'
        rows.append(
            f'<tr class="{letter}"><td class="result {letter}">{SIGN[check["result"]]} {_e(check["result"])}</td><td><b>{_e(check["name"])}</b></td>'
            f'<td>{_e(check["proves"])}{detail}</td><td class="time">{timing}</td></tr>'
        )
    return (
        '<table class="checks"><thead><tr><th>Result</th><th>Check</th><th>What it proves</th><th>Time</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _versions_table(hosts: list[dict[str, Any]]) -> str:
    columns, rows = version_rows(hosts)
    head = "".join(f"<th>{_e(COMPONENTS[column])}</th>" for column in columns)
    body = []
    for row in rows:
        cells = "".join(
            f'<td class="differs" title="most hosts have another one">{_e(cell)}</td>' if differs else f"<td>{_e(cell) or '<span class=soft>–</span>'}</td>"
            for cell, differs in row["cells"]
        )
        many = f' <span class="soft">({row["number"]} hosts)</span>' if row["number"] > 1 else ""
        body.append(f"<tr><td><b>{_e(row['hosts'])}</b>{many}</td>{cells}</tr>")
    return f"<table><thead><tr><th>Hosts</th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _failures(checks: list[dict[str, Any]]) -> str:
    failed = [check for check in checks if check["result"] == FAILED]
    if not failed:
        return ""
    cards = "".join(
        f"<h3>{_e(check['name'])}</h3><p>Was to prove: {_e(check['proves'])}</p><pre>{_e(check['detail'] or 'no message')}</pre>" for check in failed
    )
    return f'<section class="failure"><h2>What failed</h2>{cards}</section>'


def _ways(endpoints: list[dict[str, Any]], submit: list[dict[str, Any]]) -> str:
    rows = []
    for endpoint in endpoints:
        url = endpoint["url"]
        link = f'<a href="{_e(url)}">{_e(url)}</a>' if re.match(r"https?://", url) else _e(url)
        rows.append(f"<tr><td>{_e(endpoint['name'])}</td><td><code>{link}</code></td></tr>")
    table = f"<table><tbody>{''.join(rows)}</tbody></table>" if rows else ""
    ways = "".join(f"<div><h3>{_e(way['title'])}</h3><pre>{_e(chr(10).join(way['commands']))}</pre></div>" for way in submit)
    return f'<section><h2>How to use it</h2>{table}<div class="ways" style="margin-top:14px">{ways}</div></section>' if rows or ways else ""


def render(data: dict[str, Any]) -> str:
    """The page. data: what site_report writes to site.json, see there."""
    checks, hosts = data["checks"], data["hosts"]
    number = count(checks)
    state = "failed" if number[FAILED] else "passed" if number[PASSED] else "unknown"
    told = [
        f"level {data['level']}" if data.get("level") else "",
        f"as a user on {data['verified_from']}" if data.get("verified_from") else "",
        f"in {duration(data['seconds'])}" if data.get("seconds") else "",
    ]
    title = f"{data['site']}: {headline(checks)}"
    return _page.document(
        title,
        f'<header class="{state}"><div class="mark"><svg viewBox="0 0 24 24" aria-hidden="true">{MARKS[state]}</svg></div>'
        f"<div><h1>{_e(title)}</h1>"
        f"<p>Verified {_e(data['generated'])}{''.join(', ' + _e(part) for part in told if part)}</p></div></header>"
        + _failures(checks)
        + "<section><h2>The site</h2>"
        + topology(hosts, data.get("storage"), wide=True)
        + topology(hosts, data.get("storage"), wide=False)
        + f"</section><section><h2>Checks</h2>{_checks_table(checks)}</section>"
        + _ways(data.get("endpoints") or [], data.get("submit") or [])
        + f"<section><h2>Versions</h2>{_versions_table(hosts)}</section>",
        "site.json",
    )
