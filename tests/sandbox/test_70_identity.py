# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Who is in a VO by what its servers say is in at the CE, at once, and stays in when they fail; who is out is out.

The servers are stand-ins (vo_server.py); the CE, its certificates and the timer's service are real.
"""

from __future__ import annotations

import json
import re

import pytest
from conftest import LOGIN, ROOT, SITE

pytestmark = pytest.mark.story

CE = "ce.grid.test"
PLACE = "/home/debian/vo"
STAND_INS = ROOT / "tests/unit/plugins/module_utils/gridmap_stand_ins.py"
VOS = (SITE, "tests/sandbox/extra/identity.yml")
PLAY = "tests/sandbox/extra/identity_play.yml"
BASE = "DC=test,DC=grid,O=Sandbox"
# Asks the CE for the user's jobs, for which it maps him; with certificates, not proxies, since that is quicker.
ASK = """
import http.client, ssl, sys
for name in sys.argv[1:]:
    context = ssl.create_default_context(capath="/etc/grid-security/certificates")
    context.load_cert_chain(f"/home/debian/.globus/{name}/usercert.pem", f"/home/debian/.globus/{name}/userkey.pem")
    connection = http.client.HTTPSConnection("ce.grid.test", 443, context=context, timeout=30)
    connection.request("GET", "/arex/rest/1.0/jobs", headers={"Accept": "application/json"})
    print(connection.getresponse().status)
"""
USERS = {"iam": "IAM User", "inactive": "Inactive User", "expired": "Expired User", "va": "VA User", "suspended": "Suspended User", "stranger": "Stranger"}
IN = {"iam": "gridprod", "va": "grid01"}


def accounts(site) -> dict[str, str | None]:
    """The account that the CE gives each user now; none if it refuses him."""
    seen = int(site.ssh(CE, "sudo wc -l </var/log/arc/ws-interface.log"))
    statuses = site.ssh(LOGIN, f"python3 - {' '.join(USERS)}", stdin=ASK).split()
    log = site.ssh(CE, f"sudo tail -n +{seen + 1} /var/log/arc/ws-interface.log")
    found: dict[str, str | None] = {}
    for (short, name), status in zip(USERS.items(), statuses, strict=True):
        # The lines of a connection have its number.
        (connection,) = set(re.findall(rf"\[Arc\.A-REX\] \[INFO\] \[(\S+)\] Connection from .*/CN={name}$", log, re.MULTILINE))
        mapped = re.search(rf"\[{connection}\] Grid identity is mapped to local identity '(.*)'", log)
        refused = f"[{connection}] Will not map to 'root' account by default" in log
        assert refused == (status != "200") == (mapped is None), (name, status, log)
        found[short] = mapped and mapped[1]
    return found


def expected(**changes) -> dict[str, str | None]:
    return {**dict.fromkeys(USERS), **IN, **changes}


def says(site, fault: str | None = None, **changes) -> None:
    """What the servers say from now on."""
    def iam(short, **entries):
        subject = f"CN={USERS[short]},O=Sandbox,DC=grid,DC=test"
        certificates = [{"primary": True, "subjectDn": subject, "issuerDn": "CN=CA,O=Sandbox,DC=grid,DC=test", "display": "cert"}]
        more = {"certificates": certificates, "endTime": entries.pop("end", None)}
        return {"id": short, "userName": short, "active": True, "groups": [], "urn:indigo-dc:scim:schemas:IndigoUser": more, **entries}

    def voms_admin(number, short, **entries):
        certificates = [{"subjectString": f"/DC=test/DC=grid/O=Sandbox/CN={USERS[short]}", "issuerString": "/CN=CA", "suspended": False}]
        return {"id": number, "suspended": False, "endTime": None, "certificates": certificates, "fqans": ["/vavo"], **entries}

    state = {
        "iam": [iam("inactive", active=False), iam("expired", end="2020-01-01T00:00:00.000Z"), iam("iam")],
        "voms_admin": [voms_admin(1, "suspended", suspended=True), voms_admin(2, "va")],
        "fault": fault,
        **changes,
    }
    site.ssh(LOGIN, f"cat >{PLACE}/new && mv {PLACE}/new {PLACE}/vo.json", stdin=json.dumps(state))


def run_by_timer(site) -> str:
    """What the journal has of one run of the service."""
    # The timer's is not started as often.
    site.ssh(CE, "sudo systemctl reset-failed elastigrid-gridmap.service; sudo systemctl start elastigrid-gridmap.service")
    return site.ssh(CE, "sudo journalctl --unit elastigrid-gridmap.service --output cat --invocation 0 2>/dev/null "
                    "|| sudo journalctl --unit elastigrid-gridmap.service --output cat --lines 30")


# What the VOs leave on the CE, answers of their servers included. The VOs of the site have no sources.
LEFT = "/var/lib/elastigrid/gridmap /etc/grid-security/authgroups/*vo /etc/grid-security/authgroups/*vo.out /etc/grid-security/iam.secret"


@pytest.fixture(scope="module", autouse=True)
def servers(site):
    site.ssh(CE, f"sudo rm -rf {LEFT}; sudo sh -c 'umask 077; echo secret >/etc/grid-security/iam.secret'")
    site.ssh(LOGIN, f"mkdir -p {PLACE} && cat >{PLACE}/gridmap_stand_ins.py", stdin=STAND_INS.read_text())
    site.ssh(LOGIN, f"cat >{PLACE}/vo_server.py", stdin=(ROOT / "tests/sandbox/vo_server.py").read_text())
    says(site)
    yield
    site.ssh(LOGIN, "sudo systemctl stop vo-server; true")
    site.play(playbook=PLAY).succeeded()
    others = " ".join(f"/home/debian/.globus/{short}" for short in USERS)
    site.ssh(LOGIN, f"sudo rm -rf {PLACE} {others} /etc/grid-security/hostcert.pem /etc/grid-security/hostkey.pem")
    site.ssh(CE, f"sudo rm -rf {LEFT}")


def test_a_source_that_never_answered_is_an_error_that_names_it(site):
    run = site.play(playbook=PLAY, inventories=VOS)
    assert run.code != 0
    assert re.search(r"iam.*https://login\.grid\.test:9453", "\n".join(run.errors)), run.errors


def test_members_are_let_in_with_the_account_of_their_vo_and_no_others(site):
    site.ssh(LOGIN, f"sudo systemctl reset-failed vo-server 2>/dev/null; sudo systemd-run --collect --unit vo-server python3 {PLACE}/vo_server.py")
    site.wait("the servers answer", lambda: "Verification: OK" in site.ssh(
        LOGIN, "openssl s_client -brief -CApath /etc/grid-security/certificates -connect login.grid.test:9454 </dev/null 2>&1", check=False), 20)
    site.play(playbook=PLAY, inventories=VOS).succeeded()
    assert accounts(site) == expected()


@pytest.mark.parametrize(("fault", "reason"), [("login", "login"), ("error", "500")])
def test_nobody_is_lost_when_the_servers_fail(site, fault, reason):
    says(site, fault=fault)
    journal = run_by_timer(site)
    assert "iam" in journal and "voms-admin" in journal and reason in journal
    assert accounts(site) == expected()


def test_who_leaves_or_is_suspended_is_out_at_the_next_run_of_the_timer(site):
    pids = site.main_pids([CE])
    says(site, voms_admin=[])
    assert "nobody" in run_by_timer(site)  # an empty list is no answer
    assert accounts(site) == expected()
    says(site, iam=[])
    run_by_timer(site)
    assert accounts(site) == expected()
    says(site)
    state = json.loads(site.ssh(LOGIN, f"cat {PLACE}/vo.json"))
    state["iam"][2]["active"] = False
    state["voms_admin"][1]["suspended"] = True
    site.ssh(LOGIN, f"cat >{PLACE}/vo.json", stdin=json.dumps(state))
    run_by_timer(site)
    assert accounts(site) == expected(iam=None, va=None)
    says(site)
    run_by_timer(site)
    assert accounts(site) == expected()
    assert site.main_pids([CE]) == pids


def test_a_ban_is_in_force_at_once(site):
    pids = site.main_pids([CE])
    ban = json.dumps({"grid_identity_bans": ["cn=iam user,O=Sandbox,DC=grid,DC=test"]})
    run = site.play("--limit", CE, "-e", ban, playbook=PLAY, inventories=VOS).succeeded()
    assert run.changed == [f"Program, configuration and files of the mapping are in place ({CE})"]
    assert accounts(site) == expected(iam=None)
    assert site.main_pids([CE]) == pids
