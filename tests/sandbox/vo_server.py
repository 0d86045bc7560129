# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Runs on the login host: stand-ins for an IAM (port 9453) and a VOMS-Admin (9454) over https, with pages of two users.

What they answer is in vo.json beside this file, read at each request: {"iam": [users], "voms_admin": [users], "fault": null, "login" or "error"}.
"""

from __future__ import annotations

import json
import pathlib
import ssl
import threading

import gridmap_stand_ins as stand_ins

STATE = pathlib.Path(__file__).with_name("vo.json")


def state() -> dict:
    return json.loads(STATE.read_text())


def with_faults(answer):
    def faulty(request):
        fault = state()["fault"]
        if fault == "login":
            return 200, {"Content-Type": "text/html"}, stand_ins.LOGIN
        return (500, {}, b"") if fault == "error" else answer(request)

    return faulty


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/etc/grid-security/hostcert.pem", "/etc/grid-security/hostkey.pem")
stand_ins.StandIn(with_faults(stand_ins.iam(lambda: state()["iam"], page=2)), context, ("", 9453))
stand_ins.StandIn(with_faults(stand_ins.voms_admin(lambda: state()["voms_admin"], page=2)), context, ("", 9454))
threading.Event().wait()
