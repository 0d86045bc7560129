# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What module_utils/_openstack.py needs a real catalog for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _openstack
from faults import Proxy


@pytest.mark.parametrize("fault", ["503", "closed"])
def test_a_service_that_does_not_tell_its_versions_is_asked_again(cloud_name: str, counted: Proxy, fault: str) -> None:
    """Neutron's address in the catalog is without its version. The first fault meets Keystone."""
    for _number in range(3):
        counted.inject(fault, "GET", r"/(v[\d.]+/?)?", "before")
    through: t.Any = _openstack.Cloud(cloud_name)
    assert through.get("network", "/networks")["networks"]
    assert [request.fault for request in counted.log if request.service == "network"] == [fault, fault, None, None]
