# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Self-contained pages: their frame and style, and how they come to a directory with their data beside them. Private to this collection."""

from __future__ import annotations

import html
import json
import os
import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

STYLE = """
:root{--bg:#f6f7f9;--panel:#fff;--ink:#1b2330;--soft:#5b6675;--line:#d9dee6;--box:#eef2f7;--good:#1a7f4b;--bad:#c4302b;--warn:#b26a00;
--busy:#2563b8;--accent:#2563b8;--badbg:#fdf0ef}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--panel:#1a2029;--ink:#e6eaf0;--soft:#9aa6b5;--line:#303a47;--box:#222a35;--good:#4cc38a;
--bad:#ff7b72;--warn:#e3a13a;--busy:#6ea8fe;--accent:#6ea8fe;--badbg:#2b1d1e}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1160px;margin:0 auto;padding:24px 20px 48px}
header{display:flex;gap:16px;align-items:center;margin-bottom:20px}
h1{font-size:24px;line-height:1.25;margin:0}
h2{font-size:16px;margin:0 0 12px}
header p{margin:2px 0 0;color:var(--soft)}
.mark{flex:none;width:52px;height:52px;border-radius:50%;display:grid;place-items:center;color:#fff}
.mark svg{width:28px;height:28px;fill:none;stroke:var(--panel);stroke-width:3;stroke-linecap:round;stroke-linejoin:round}
.passed .mark{background:var(--good)}.failed .mark{background:var(--bad)}.unknown .mark{background:var(--soft)}
section{background:var(--panel);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin-bottom:18px;overflow-x:auto}
.failure{background:var(--badbg);border-color:var(--bad);border-left-width:5px}
.failure h2{color:var(--bad)}.failure h3{margin:12px 0 0;font-size:15px}.failure p{margin:0;color:var(--soft)}
pre,code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
pre{margin:6px 0 0;padding:10px 12px;background:var(--box);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
th{text-align:left;font-weight:600;font-size:12px;color:var(--soft);padding:0 14px 6px 0;white-space:nowrap}
td{border-top:1px solid var(--line);padding:8px 14px 8px 0;vertical-align:top}
td:last-child,th:last-child{padding-right:0}
.checks td:nth-child(2){white-space:nowrap}
.soft{color:var(--soft)}.detail{font-size:13px;color:var(--soft);overflow-wrap:anywhere}
.result{white-space:nowrap;font-weight:600}.result.p{color:var(--good)}.result.f{color:var(--bad)}.result.n{color:var(--soft);font-weight:400}
.time{width:24%;min-width:150px}
.time div{display:flex;align-items:center;gap:10px}
.time svg{flex:1;height:10px;min-width:40px}
.time span{white-space:nowrap;font-variant-numeric:tabular-nums;min-width:56px;text-align:right}
.bar-bg{fill:var(--box)}.bar{fill:var(--accent)}.f .bar{fill:var(--bad)}
.differs{color:var(--warn);font-weight:600}
.ways{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px 24px}
.ways h3{font-size:14px;margin:0}
a{color:var(--accent)}
svg.topology{display:block;width:100%;height:auto;margin:0 auto}
svg.narrow{display:none}
svg text{fill:var(--ink);font-family:inherit}
.h13{font-size:13px;font-weight:600}.h11{font-size:11px}.tier{font-size:13px;font-weight:700}.topology .tier{fill:var(--soft)}
svg .small{font-size:11px;fill:var(--soft)}
.box{fill:var(--box);stroke:var(--line)}.card{fill:var(--panel);stroke:var(--line)}
.line{fill:none;stroke:var(--soft);stroke-width:1.6}.dashed{stroke-dasharray:3 4}
.person{fill:var(--accent)}.disk-icon{fill:none;stroke:var(--soft);stroke-width:1.6}
.dot.good{fill:var(--good)}.dot.busy{fill:var(--busy)}.dot.warn{fill:var(--warn)}.dot.bad{fill:var(--bad)}.dot.none{fill:var(--line)}
footer{color:var(--soft);font-size:13px}
@media(max-width:720px){main{padding:16px 12px 32px}section{padding:14px}svg.wide{display:none}svg.narrow{display:block}
.checks thead{display:none}.checks tr{display:block;border-top:1px solid var(--line);padding:8px 0}.checks td{display:block;border:0;padding:1px 0}
.checks .result,.checks .result+td{display:inline-block;padding-right:12px}.checks .time{width:auto}h1{font-size:20px}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""


def escape(text: t.Any) -> str:
    return html.escape(str(text), quote=True)


def text(x: float, y: float, words: str, cls: str, anchor: str = "start") -> str:
    """Words in a picture (SVG)."""
    return f'<text x="{x:g}" y="{y:g}" class="{cls}" text-anchor="{anchor}">{escape(words)}</text>'


def document(title: str, body: str, data: str, style: str = "") -> str:
    """A page. body: HTML. data: name of the file beside it that says the same as data. style: CSS of its own."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title><style>{STYLE}{style}</style></head>'
        f"<body><main>{body}<footer>Made by elastigrid.site; the same as data: {data} beside this page.</footer></main></body></html>\n"
    )


def publish(module: AnsibleModule, name: str, page: str, data: dict[str, t.Any]) -> str:
    """Write name.html and name.json to the directory that the module was given, but in check mode; returns the path of the page."""
    directory = module.params["directory"]
    path = os.path.join(directory, f"{name}.html")
    if not module.check_mode:
        os.makedirs(directory, exist_ok=True)
        _write(module, path, page)
        _write(module, os.path.join(directory, f"{name}.json"), json.dumps(data, indent=2) + "\n")
    return path


def _write(module: AnsibleModule, path: str, content: str) -> None:
    temporary = os.path.join(module.tmpdir, os.path.basename(path))
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(content)
    module.atomic_move(temporary, path)
