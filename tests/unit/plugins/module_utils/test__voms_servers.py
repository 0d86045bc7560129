# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.elastigrid.site.plugins.module_utils import _voms_servers
from ansible_collections.elastigrid.site.plugins.modules import voms_servers

CA = "/DC=org/CN=CA"
ATLAS = {"name": "atlas", "voms": [{"host": "voms.example.org", "port": 15001, "dn": "CN=voms.example.org,DC=org", "ca": CA}]}


def test_a_plain_name_takes_one_chain():
    assert _voms_servers.lsc("CN=voms.example.org,DC=org", CA) == "/DC=org/CN=voms.example.org\n/DC=org/CN=CA\n"


def test_a_name_with_a_slash_takes_one_chain_for_each_spelling():
    text = "/DC=org/CN=host\\/voms\n/DC=org/CN=CA\n------ NEXT CHAIN ------\n/DC=org/CN=host/voms\n/DC=org/CN=CA\n"
    assert _voms_servers.lsc("/DC=org/CN=host/voms", CA) == _voms_servers.lsc(r"/DC=org/CN=host\/voms", CA) == text


def test_a_slash_in_the_name_of_the_ca():
    text = "/DC=org/CN=v\n/DC=org/CN=a\\/b\n------ NEXT CHAIN ------\n/DC=org/CN=v\n/DC=org/CN=a/b\n"
    assert _voms_servers.lsc("/DC=org/CN=v", "/DC=org/CN=a/b") == text


def test_a_server_without_a_port_cannot_be_asked():
    vos = [{"name": "x", "voms": [{"host": "v", "dn": CA, "ca": CA}]}, {"name": "y", "voms": None}, {"name": "z"}]
    assert list(_voms_servers.files(vos, "/d", "/v")) == ["/d/x/v.lsc"]


def test_two_ports_of_a_server():
    vos = [{"name": "x", "voms": [{"host": "v", "port": port, "dn": CA, "ca": CA} for port in (1, 2)]}]
    assert _voms_servers.files(vos, "/d", "/v")["/v/x-v"] == f'"x" "v" "1" "{CA}" "x"\n"x" "v" "2" "{CA}" "x"\n'


@pytest.mark.parametrize("path", ["/d/../etc/passwd", "/etc/passwd", "/d", "/v/keep"])
def test_what_is_not_ours_is_not_stale(path):
    assert _voms_servers.stale([path, "/d/x/old.lsc"], {"/v/keep"}, "/d", "/v") == ["/d/x/old.lsc"]


@pytest.fixture
def run(capsys, tmp_path):
    def run_module(*vos, check=False):
        places = {"vomsdir": str(tmp_path / "vomsdir"), "vomses": str(tmp_path / "vomses"), "state": str(tmp_path / "state" / "x.json")}
        with patch_module_args({"vos": list(vos), **places, "_ansible_check_mode": check, "_ansible_diff": True}):
            with pytest.raises(SystemExit):
                voms_servers.main()
        return json.loads(capsys.readouterr().out)

    return run_module


def test_files_come_and_go(run, tmp_path):
    lsc, vomses = tmp_path / "vomsdir" / "atlas" / "voms.example.org.lsc", tmp_path / "vomses" / "atlas-voms.example.org"
    checked = run(ATLAS, check=True)
    assert checked["changed"] and not (tmp_path / "vomsdir").exists()
    made = run(ATLAS)
    assert (made["written"], made["diff"]) == (checked["written"], checked["diff"])
    assert lsc.read_text() == "/DC=org/CN=voms.example.org\n/DC=org/CN=CA\n"
    assert lsc.stat().st_mode & 0o777 == 0o644
    assert vomses.read_text() == '"atlas" "voms.example.org" "15001" "/DC=org/CN=voms.example.org" "atlas"\n'
    assert not run(ATLAS)["changed"]
    lsc.write_text("changed")
    assert run(ATLAS)["written"] == [str(lsc)]
    # What an administrator has put there stays.
    other = tmp_path / "vomses" / "mine"
    other.write_text("x")
    assert run(check=True)["removed"] == [str(lsc), str(vomses)] and lsc.exists()
    assert run()["removed"] == [str(lsc), str(vomses)]
    assert not lsc.parent.exists() and not vomses.exists() and other.exists()
    assert not run()["changed"]


def test_a_wrong_name_stops_before_anything_is_written(run, tmp_path):
    result = run({"name": "x", "voms": [{"host": "../v", "dn": "none", "ca": CA}]})
    assert result["failed"] and 'vos[0].voms[0].host is "../v"' in result["msg"] and "vos[0].voms[0].dn" in result["msg"]
    assert list(tmp_path.iterdir()) == []
