# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The files by which grid software knows VOMS servers. Pure; private to this collection.

An LSC file says whose signature under the attributes of a VO counts: subject and issuer of the server's certificate, compared byte by byte.
OpenSSL 3 prints a slash in a value as `\\/`. ARC compares that, libvomsapi what older versions print, so that a name with a slash takes
two chains. A vomses file says where users ask for attributes.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import _dn

NEXT_CHAIN = "------ NEXT CHAIN ------\n"


def lsc(dn: str, ca: str) -> str:
    of_server, of_ca = (_dn.spellings(_dn.slash(name)) for name in (dn, ca))
    chains = dict.fromkeys([(of_server[0], of_ca[0]), (of_server[-1], of_ca[-1])])
    return NEXT_CHAIN.join(f"{subject}\n{issuer}\n" for subject, issuer in chains)


def vomses(vo: str, server: dict[str, t.Any]) -> str:
    # What libvomsapi compares, see above.
    dn = _dn.spellings(_dn.slash(server["dn"]))[-1]
    return f'"{vo}" "{server["host"]}" "{server["port"]}" "{dn}" "{vo}"\n'


def files(vos: t.Iterable[dict[str, t.Any]], vomsdir: str, vomses_dir: str) -> dict[str, str]:
    """The text of each file, by path. A later server of the same VO on the same host is another port of it."""
    made: dict[str, str] = {}
    for vo in vos:
        name = vo["name"]
        for server in vo.get("voms") or []:
            made[os.path.join(vomsdir, name, f"{server['host']}.lsc")] = lsc(server["dn"], server["ca"])
            if server.get("port"):
                path = os.path.join(vomses_dir, f"{name}-{server['host']}")
                made[path] = made.get(path, "") + vomses(name, server)
    return made


def stale(mine: t.Iterable[str], wanted: t.Container[str], *directories: str) -> list[str]:
    """Files that an earlier run made and this one does not. Only those in the directories are touched, whatever a list says."""
    return [path for path in mine if path not in wanted and os.path.normpath(path) == path and any(path.startswith(f"{one}/") for one in directories)]
