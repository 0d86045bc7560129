# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks import base, site

GRID01 = {"name": "grid01", "uid": 30001, "gid": 30001}
GRID02 = {"name": "grid02", "uid": 30002, "gid": 30001}
JANE = "/DC=org/DC=example/CN=Jane Doe"


def vo(**entries):
    return [{"name": "cms", **entries}]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"site_domain": "grid.example.org", "site_accounts": [GRID01, GRID02], "site_vos": vo(members=[JANE], account="grid01")},
        {"site_accounts": [GRID01], "site_vos": vo(roles=[{"fqan": "/cms/Role=production", "account": "grid01"}])},
        # Without site_accounts the accounts come from elsewhere.
        {"site_vos": vo(account="ldap1", members=[])},
        {"site_trust": {"sandbox_ca": True}},
        {"site_trust": {"sandbox_ca": False, "ca_dir": "/c", "host_cert": "/h", "host_key": "/k"}},
        {"site_trust": {"ca_dir": "/c", "host_cert": "/h", "host_key": "/k"}},
        {"site_subnet": "10.77.0.0/24", "site_ssh_from": ["192.0.2.0/24", "2001:db8::/32"]},
        {"site_network": {"networks": [{"name": "private", "existing": True}, {"name": "demo", "subnets": [{"cidr": "10.77.0.0/24"}]}], "router": {}}},
        {"site_network": {"security_groups": [{"name": "ce", "rules": [{"protocol": "tcp", "ports": ["443"], "remote": ["0.0.0.0/0"]}]}]}},
        {"site_pools": {"worker": {"count": 0}, "ce": {"count": 1, "groups": ["arc_ce"], "bastion": True}}},
    ],
)
def test_right_sites(variables):
    assert site.check(variables, {}, []) == []


@pytest.mark.parametrize(
    ("variables", "errors"),
    [
        ({"site_domain": "grid_test.org"}, ['site_domain is "grid_test.org", must be a DNS domain such as grid.example.org']),
        ({"site_domain": ".org"}, ['site_domain is ".org", must be a DNS domain such as grid.example.org']),
        (
            {"site_vos": vo(members=[JANE, "CN=Jane,O=Example", "Jane"])},
            ['site_vos[0].members[2] is "Jane", must be a DN such as /DC=org/DC=example/CN=Jane Doe: "Jane" is no DN: no attribute and = at "Jane"'],
        ),
        (
            {"site_vos": vo(members=["/cms/Role=x"])},
            ['site_vos[0].members[0] is "/cms/Role=x", must be a DN such as /DC=org/DC=example/CN=Jane Doe: '
             '"/cms/Role=x" is no DN in slash form, such as /DC=org/DC=example/CN=Jane Doe'],
        ),
        ({"site_accounts": [GRID01, GRID02], "site_vos": vo(account="grid03")}, ['site_vos[0].account is "grid03", must be in site_accounts (grid01, grid02)']),
        ({"site_accounts": [], "site_vos": vo(account="grid03")}, ['site_vos[0].account is "grid03", must be in site_accounts (empty)']),
        (
            {"site_accounts": [GRID01], "site_vos": vo(roles=[{"fqan": "cms/Role=x", "account": "x"}])},
            [
                'site_vos[0].roles[0].account is "x", must be in site_accounts (grid01)',
                'site_vos[0].roles[0].fqan is "cms/Role=x", must be an FQAN of this VO such as /cms/Role=production',
            ],
        ),
        (
            {"site_vos": vo(roles=[{"fqan": "/cmsx", "account": "x"}])},
            ['site_vos[0].roles[0].fqan is "/cmsx", must be an FQAN of this VO such as /cms/Role=production'],
        ),
        ({"site_vos": vo() + vo()}, ['site_vos have the same name "cms" more than once, must differ']),
        ({"site_accounts": [GRID01, {**GRID02, "uid": 30001}]}, ["site_accounts[0].uid and site_accounts[1].uid are both 30001, must differ"]),
        ({"site_accounts": [GRID01, {**GRID02, "name": "grid01"}]}, ['site_accounts[0].name and site_accounts[1].name are both "grid01", must differ']),
        (
            {"site_accounts": [{"name": "Jane Doe", "uid": 0, "gid": 2**32}]},
            [
                'site_accounts[0].name is "Jane Doe", must be at most 32 of a-z, 0-9, _ and -; beginning with a letter or _',
                "site_accounts[0].uid is 0, must be in 1..4294967294",
                "site_accounts[0].gid is 4294967296, must be in 1..4294967294",
            ],
        ),
        ({"site_workers": -1}, ["site_workers is -1, must be at least 0"]),
        (
            {"site_subnet": "10.77.0.1/24", "site_ssh_from": ["10.0.0.0/8", "home"]},
            [
                'site_subnet is "10.77.0.1/24", must be a subnet such as 10.77.0.0/24: 10.77.0.1/24 has host bits set',
                "site_ssh_from[1] is \"home\", must be a subnet such as 10.77.0.0/24: 'home' does not appear to be an IPv4 or IPv6 network",
            ],
        ),
        (
            {"site_network": {"networks": [{"name": "a", "subnets": [{"cidr": "10.77.0.0/24", "gateway": "10.0.0.1"}]}], "router": {"subnets": ["b"]}}},
            [
                "site_network.networks[0].subnets[0].gateway is '10.0.0.1', must be an address of a host in 10.77.0.0/24",
                "site_network.router.subnets has 'b', which is no subnet of networks; there are: a",
            ],
        ),
        (
            {"site_pools": {"worker": {"count": -1}, "no_such": {}}},
            [
                "site_pools.worker.count is -1, but must be 0 or more",
                "site_pools.no_such: the name becomes part of host names; allowed are up to 32 letters, digits and inner hyphens",
            ],
        ),
        ({"site_trust": {}}, ["site_trust has nothing, must have either ca_dir, host_cert and host_key, or sandbox_ca: true"]),
        ({"site_trust": {"sandbox_ca": False}}, ["site_trust has sandbox_ca, must have either ca_dir, host_cert and host_key, or sandbox_ca: true"]),
        ({"site_trust": {"ca_dir": "/c"}}, ["site_trust has ca_dir, must have either ca_dir, host_cert and host_key, or sandbox_ca: true"]),
        (
            {"site_trust": {"sandbox_ca": True, "ca_dir": "/c", "host_cert": "/h", "host_key": "/k"}},
            ["site_trust has sandbox_ca, ca_dir, host_cert, host_key, must have either ca_dir, host_cert and host_key, or sandbox_ca: true"],
        ),
    ],
)
def test_wrong_sites(variables, errors):
    assert site.check(variables, {}, []) == errors


@pytest.mark.parametrize(
    ("accounts", "errors"),
    [
        ([], []),
        ([GRID01, {**GRID02, "group": "grid01"}], []),
        ([GRID01, {**GRID02, "gid": 30002}], []),
        ([GRID01, {**GRID02, "uid": 30001, "group": "grid01"}], ["base_accounts[0].uid and base_accounts[1].uid are both 30001, must differ"]),
        ([GRID01, GRID02], ['base_accounts[1].gid is 30001 with the group "grid02", but base_accounts[0] has it with "grid01"; must be one group']),
        (
            [GRID01, {**GRID02, "group": "grid01", "gid": 5}],
            ['base_accounts[1].gid is 5 with the group "grid01", but base_accounts[0] has 30001; must be one gid'],
        ),
    ],
)
def test_accounts_of_a_host(accounts, errors):
    assert base.check({"base_accounts": accounts}, {}, []) == errors


def test_the_accounts_of_the_site_are_judged_once():
    broken = [{**GRID01, "uid": 0}]
    assert base.check({"base_accounts": broken, "site_accounts": broken}, {}, []) == []
    assert len(site.check({"site_accounts": broken}, {}, [])) == 1


ID = "6f3f1c9e-0b6c-4c52-8b6e-2f7f6a0a7c11"


@pytest.mark.parametrize(
    ("disks", "errors"),
    [
        ([{"id": ID, "mount": "/srv/a"}, {"device": "/dev/disk/by-id/x", "mount": "/srv/b"}], []),
        ([{"mount": "/srv/a"}], ["base_data_disks[0] has neither id nor device, must have one of them"]),
        ([{"id": ID, "device": "/dev/mapper/x", "mount": "/srv/a"}], ["base_data_disks[0] has both id and device, must have one of them"]),
        ([{"id": ID, "mount": "/srv/a", "fstype": "btrfs"}], ['base_data_disks[0].fstype is "btrfs", must be ext4 or xfs']),
        (
            [{"id": ID, "mount": "/etc"}],
            [
                "base_data_disks[0].mount is '/etc', which belongs to the system: no data disk is mounted on / or in "
                "/bin, /boot, /dev, /etc, /lib, /lib64, /proc, /root, "
                "/run, /sbin, /sys, /usr"
            ],
        ),
        (
            [{"id": ID, "mount": "/srv/a"}, {"id": ID, "mount": "/srv/a"}],
            [
                'base_data_disks[0].mount and base_data_disks[1].mount are both "/srv/a", must differ',
                f'base_data_disks[0].id and base_data_disks[1].id are both "{ID}", must differ',
            ],
        ),
    ],
)
def test_data_disks(disks, errors):
    assert base.check({"base_data_disks": disks}, {}, []) == errors
