# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The page about the caches of a site, of what xrootd_cache_usage_info says of each. Pure; private to this collection."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _page
from ansible_collections.elastigrid.site.plugins.module_utils._page import escape as _e
from ansible_collections.elastigrid.site.plugins.module_utils._page import text as _text

# Colours of what was served, in the order in which they are stacked.
KINDS = {"hit": "from the cache", "miss": "from the origin", "bypass": "from the origin, not kept"}
OWN_STYLE = """
.hit{fill:var(--good)}.miss{fill:var(--accent)}.bypass{fill:var(--warn)}svg.plot{display:block;width:100%;height:auto}
.key{font-size:13px;color:var(--soft)}.key svg{width:11px;height:11px;margin:0 5px 0 14px}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}h3{font-size:14px;margin:16px 0 6px}
.path{overflow-wrap:anywhere}
"""
WIDTH, HEIGHT, LEFT, BOTTOM = 1080, 190, 78, 22


def amount(size: float) -> str:
    """Bytes in words: 1536 is 1.5 KiB."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1000 or unit == "TiB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def percent(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def facts(cache: dict[str, t.Any]) -> list[tuple[str, str]]:
    """What there is to know about a cache in a line each."""
    full = cache["size"] - cache["free"]
    marks = [cache[name] for name in ("low_watermark", "high_watermark")]
    cleans = f", cleaned from {percent(marks[1], cache['size'])} down to {percent(marks[0], cache['size'])}" if None not in marks else ""
    rows = [
        ("On disk", f"{amount(cache['used'])}; the file system of {amount(cache['size'])} is full to {percent(full, cache['size'])}{cleans}"),
        ("Files", f"{cache['files']}, {cache['complete']} of them whole; opened {cache['opened']} times"),
        ("Served", f"{amount(cache['served'])}; for each byte that came from the origin and is here still: {ratio(cache)}"),
        ("Hit ratio", f"{percent(cache['hit'], cache['served'])} of the bytes; what the cache had read ahead for the same reader counts, too"),
    ]
    if cache["unreadable"]:
        rows.append(("Unreadable", f"{cache['unreadable']} records: {', '.join(cache['unreadable_files'])}"))
    return rows


def ratio(cache: dict[str, t.Any]) -> str:
    return f"{cache['served'] / cache['cached']:.1f}" if cache["cached"] else "–"


def line(cache: dict[str, t.Any]) -> str:
    """A cache in one line, for a terminal."""
    of = f"{cache['name']} on {cache['host']}: "
    if cache.get("error"):
        return of + cache["error"]
    return of + (
        f"{cache['files']} files, {amount(cache['used'])} on disk, {amount(cache['served'])} served, hit ratio {percent(cache['hit'], cache['served'])}"
    )


def plot(series: list[dict[str, t.Any]]) -> str:
    """What was served in each hour, as bars of three colours."""
    most = max([sum(hour[kind] for kind in KINDS) for hour in series] + [1])
    high, step = HEIGHT - BOTTOM - 10, (WIDTH - LEFT) / max(len(series), 1)
    parts = [f'<line x1="{LEFT}" x2="{WIDTH}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}" class="line"/>']
    parts.append(_text(LEFT - 8, 20, amount(most), "small", "end"))
    parts.append(_text(LEFT - 8, HEIGHT - BOTTOM, "0", "small", "end"))
    for number, hour in enumerate(series):
        x, y = LEFT + number * step, float(HEIGHT - BOTTOM)
        told = time.strftime("%Y-%m-%d %H:00 UTC", time.gmtime(hour["start"]))
        title = f"{told}: " + ", ".join(f"{amount(hour[kind])} {name}" for kind, name in KINDS.items())
        bars = []
        for kind in KINDS:
            tall = hour[kind] / most * high
            y -= tall
            if tall:
                bars.append(f'<rect x="{x + step * 0.1:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" height="{tall:.1f}" class="{kind}"/>')
        parts.append(f"<g><title>{_e(title)}</title>{''.join(bars)}</g>")
        if number % max(len(series) // 8, 1) == 0:
            parts.append(_text(x, HEIGHT - 5, time.strftime("%d %H:00", time.gmtime(hour["start"])), "small"))
    return f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="bytes served in each hour">{"".join(parts)}</svg>'


def _key() -> str:
    marks = "".join(
        f'<svg viewBox="0 0 11 11" aria-hidden="true"><rect width="11" height="11" class="{kind}"/></svg>{_e(name)}' for kind, name in KINDS.items()
    )
    return f'<div class="key">Bytes in each hour (UTC), of the files that are here still:{marks}</div>'


def _top(files: list[dict[str, t.Any]]) -> str:
    rows = [
        f'<tr><td class="path"><code>{_e(file["path"])}</code></td><td class="number">{_e(amount(file["size"]))}</td>'
        f'<td class="number">{_e(percent(file["cached"], file["size"]))}</td><td class="number">{file["opened"]}</td>'
        f'<td class="number">{_e(amount(file["served"]))}</td><td class="number">{_e(percent(file["hit"], file["served"]))}</td>'
        f'<td class="number">{_e(_moment(file["last"]))}</td></tr>'
        for file in files
    ]
    head = "".join(f"<th>{name}</th>" for name in ("File", "Size", "Cached", "Opened", "Served", "Hits", "Last read (UTC)"))
    return f"<h3>What was served most</h3><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>" if rows else ""


def _moment(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds)) if seconds is not None else "–"


def _section(cache: dict[str, t.Any]) -> str:
    title = f"<h2>{_e(cache['name'])} on {_e(cache['host'])}</h2>"
    if cache.get("error"):
        return f'<section class="failure">{title}<pre>{_e(cache["error"])}</pre></section>'
    rows = "".join(f"<tr><td><b>{_e(name)}</b></td><td>{_e(text)}</td></tr>" for name, text in facts(cache))
    shown = _key() + plot(cache["series"]) + _top(cache["top"]) if cache["served"] else '<p class="soft">Nobody has read anything that is here.</p>'
    return f"<section>{title}<table><tbody>{rows}</tbody></table>{shown}</section>"


def render(data: dict[str, t.Any]) -> str:
    """The page. data: site, generated, and caches, each as xrootd_cache_usage_info returns it and with its host, or with name, host and error."""
    title = f"Caches of {data['site']}"
    return _page.document(
        title,
        f"<header><div><h1>{_e(title)}</h1><p>Looked at {_e(data['generated'])}</p></div></header>" + "".join(_section(cache) for cache in data["caches"]),
        "caches.json",
        OWN_STYLE,
    )
