# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks import arc_ce

GROUPS = {"slurm_controller": ["ctl"], "arc_ce": ["ce"]}
MINE = ["arc_ce", "slurm_submit"]
NAME = "must be made of letters, digits, _, - and .; not beginning with - or ."
CMS = {"name": "cms", "account": "grid01", "members": ["/O=x/CN=y"], "roles": [{"fqan": "/cms/Role=production", "account": "grid02"}]}


def wsurl(url):
    return {"arc_ce_config": {"arex/ws": {"wsurl": url}}}


@pytest.mark.parametrize(
    ("variables", "groups", "group_names"),
    [
        ({}, {}, []),
        ({"arc_ce_lrms": "slurm", "arc_ce_vos": [CMS]}, GROUPS, MINE),
        ({"arc_ce_lrms": "slurm"}, GROUPS, ["arc_ce", "slurm_controller"]),
        # A Slurm that is not ours.
        ({"arc_ce_lrms": "slurm"}, {"arc_ce": ["ce"], "slurm_worker": []}, ["arc_ce"]),
        ({"arc_ce_lrms": "slurm", "arc_ce_config": {"lrms": {"slurm_bin_path": "/opt/slurm/bin"}}}, GROUPS, ["arc_ce"]),
        ({"arc_ce_internal": True, "arc_ce_internal_user": "act", "arc_ce_user": "root", "arc_ce_vos": [CMS]}, GROUPS, MINE),
        # Nobody is mapped while there is no REST interface.
        ({"arc_ce_rest": False, "arc_ce_internal": True, "arc_ce_internal_user": "grid01", "arc_ce_vos": [CMS]}, GROUPS, MINE),
        (wsurl("https://ce.example.org:443/arex"), GROUPS, MINE),
        (wsurl("https://ce.example.org/arex"), GROUPS, MINE),
        (wsurl(None), GROUPS, MINE),
        ({"arc_ce_user": "arc", **wsurl("https://ce:8443/arex")}, GROUPS, MINE),
        ({"arc_ce_config": {"arex": {"sessiondir": ["/a", "/b drain", "*"], "controldir": None, "maxjobs": "1 2"}, "arex/ws": None}}, GROUPS, MINE),
        ({"arc_ce_runtime_environments": [{"name": "ENV/PROXY"}, {"name": "APPS/HEP/C++-1.0", "content": "x"}]}, GROUPS, MINE),
    ],
)
def test_right_computing_elements(variables, groups, group_names):
    assert arc_ce.check(variables, groups, group_names) == []


@pytest.mark.parametrize(
    ("variables", "errors"),
    [
        ({"arc_ce_rest": False}, ["arc_ce_rest and arc_ce_internal are both false, one must be true"]),
        ({"arc_ce_internal": True}, ["arc_ce_internal_user is not set, must be an account while arc_ce_internal is true"]),
        ({"arc_ce_internal": True, "arc_ce_internal_user": "root", "arc_ce_user": "root"},
         ['arc_ce_internal_user is "root", must be an unprivileged account']),
        ({"arc_ce_internal": True, "arc_ce_internal_user": "grid02", "arc_ce_user": "grid02", "arc_ce_vos": [CMS]},
         ['arc_ce_internal_user is "grid02" as is arc_ce_user and arc_ce_vos[0].roles[0].account, '
          "must be an account that no user of the REST interface is mapped to"]),
        ({"arc_ce_vos": [{**CMS, "account": "root"}]},
         ['arc_ce_vos[0].account is "root", must be an account other than root, or a dot and what the accounts of a pool begin with']),
        ({"arc_ce_vos": [{"name": "c m"}]}, ['arc_ce_vos[0].name is "c m", must be the name of a VO, without slashes, blanks, quotes and wildcards',
                                             f'arc_ce_vos[0].name is "c m", {NAME}']),
        ({"arc_ce_vos": [{**CMS, "members": ["CN=y", "y"]}]},
         ['arc_ce_vos[0].members[1] is "y", must be a DN such as /DC=org/DC=example/CN=Jane Doe: "y" is no DN: no attribute and = at "y"']),
        ({"arc_ce_vos": [{**CMS, "members": ["y"]}], "site_vos": [{**CMS, "members": ["y"]}]}, []),
        ({"arc_ce_vos": [{"name": "x", "issuers": [{"url": "https://i", "scopes": ["a b"], "subjects": [{"subject": "*", "account": "y"}]}]}]},
         ['arc_ce_vos[0].issuers[0].scopes[0] is "a b", must have no blanks, quotes or *, which arc.conf could not hold',
          'arc_ce_vos[0].issuers[0].subjects[0].subject is "*", must have no blanks, quotes or *, which arc.conf could not hold']),
        ({"arc_ce_internal": True, "arc_ce_internal_user": "cms001", "arc_ce_vos": [{"name": "cms", "account": ".cms"}]},
         ['arc_ce_internal_user is "cms001" as is arc_ce_vos[0].account, must be an account that no user of the REST interface is mapped to']),
        ({"arc_ce_hostname": "ce_1"}, ['arc_ce_hostname is "ce_1", must be a DNS name such as ce.grid.example.org']),
        ({"arc_ce_queues": []}, ["arc_ce_queues is an empty list, must have at least one queue"]),
        ({"arc_ce_queues": [{"name": "a"}, {"name": "a"}, {"name": "[x]"}]},
         [f'arc_ce_queues[2].name is "[x]", {NAME}', 'arc_ce_queues[0].name and arc_ce_queues[1].name are both "a", must differ']),
        ({"arc_ce_runtime_environments": [{"name": "../x"}, {"name": "A", "content": "", "src": "/x"}, {"name": "A"}]},
         ['arc_ce_runtime_environments[0].name is "../x", must be a name such as APPS/HEP/TOOL-1.0',
          "arc_ce_runtime_environments[1] has both content and src, must have one at most",
          'arc_ce_runtime_environments[1].name and arc_ce_runtime_environments[2].name are both "A", must differ']),
        (wsurl("https://ce:70000/arex"), ['arc_ce_config.arex/ws.wsurl is "https://ce:70000/arex", must have a port in 1..65535']),
        (wsurl("https://ce:/arex"), ['arc_ce_config.arex/ws.wsurl is "https://ce:/arex", must be like https://ce.example.org:443/arex']),
        (wsurl("http://ce:443/arex"), ['arc_ce_config.arex/ws.wsurl is "http://ce:443/arex", must be like https://ce.example.org:443/arex']),
        ({"arc_ce_user": "arc", **wsurl("https://ce/arex")},
         ['arc_ce_config.arex/ws.wsurl is "https://ce/arex", must have a port above 1023 while arc_ce_user is arc']),
        ({"arc_ce_config": {"arex": "x", "queue:a": {}}},
         ['arc_ce_config.arex is "x", must be a dictionary of the options of that block, or null',
          "arc_ce_config.queue:a is the role's business, must not be set: use arc_ce_queues"]),
        ({"arc_ce_internal_config": {"arex": {"sessiondir": ["/a", "b"]}}}, ['arc_ce_internal_config.arex.sessiondir is "b", must be an absolute path']),
    ],
)
def test_wrong_computing_elements(variables, errors):
    assert arc_ce.check(variables, GROUPS, MINE) == errors


def test_slurm_of_the_site_is_needed_on_the_host():
    assert arc_ce.check({"arc_ce_lrms": "slurm"}, GROUPS, ["arc_ce", "debian"]) == [
        "the groups of this host are arc_ce, debian, must have slurm_submit among them: arc_ce_lrms is slurm and needs its commands"
    ]


def test_htcondor_of_the_site_is_needed_on_the_host():
    groups = {"condor_manager": ["cm"], "arc_ce": ["ce"]}
    assert arc_ce.check({"arc_ce_lrms": "condor"}, groups, ["arc_ce", "condor_schedd"]) == []
    assert arc_ce.check({"arc_ce_lrms": "condor"}, GROUPS, ["arc_ce"]) == []
    assert arc_ce.check({"arc_ce_lrms": "condor", "arc_ce_config": {"lrms": {"condor_bin_path": "/opt/bin"}}}, groups, ["arc_ce"]) == []
    assert arc_ce.check({"arc_ce_lrms": "condor"}, groups, ["arc_ce", "slurm_submit"]) == [
        "the groups of this host are arc_ce, slurm_submit, must have condor_schedd among them: arc_ce_lrms is condor and needs its commands"
    ]
