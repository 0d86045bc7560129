# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack
from ansible_collections.elastigrid.site.plugins.module_utils._site_network import Ref, Step
from ansible_collections.elastigrid.site.plugins.modules import site_network

QUOTA = _openstack.ApiError(409, "Quota exceeded for resources: ['security_group'].", "cloud test: POST network /security-groups")
CREATE = Step("create", Ref("security_groups", "demo-ce"))
RULES = Step("rules", Ref("security_groups", "demo-ce"), set())


class Cloud:
    project_id = "project-1"

    def __init__(self, quota):
        self.quota = quota

    def get(self, service, path):
        assert (service, path) == ("network", "/quotas/project-1/details.json")
        if self.quota is None:
            raise _openstack.ApiError(403, "not allowed", "GET")
        return {"quota": self.quota}


@pytest.mark.parametrize(
    ("quota", "step", "asked", "error", "expected"),
    [
        ({"security_group": {"used": 10, "limit": 10, "reserved": 0}}, CREATE, 1, QUOTA,
         "create security group demo-ce: the quota of the project does not allow it: security_group: asked for 1, 10 used, limit 10"),
        ({"security_group_rule": {"used": 98, "limit": 100, "reserved": 0}}, RULES, 4, QUOTA,
         "set rules of security group demo-ce: the quota of the project does not allow it: security_group_rule: asked for 4, 98 used, limit 100"),
        # Not every cloud tells how much is used.
        (None, CREATE, 1, QUOTA, f"create security group demo-ce: the quota of the project does not allow it: {QUOTA}"),
        ({}, CREATE, 1, QUOTA, f"create security group demo-ce: the quota of the project does not allow it: {QUOTA}"),
        ({}, CREATE, 1, _openstack.CloudError("given up"), "create security group demo-ce: given up"),
    ],
)  # fmt: skip
def test_why_a_step_failed(quota, step, asked, error, expected):
    assert site_network.why(Cloud(quota), step, asked, error) == expected
