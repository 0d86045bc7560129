# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _condor_config


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        ("START = true\nPID = 1", "start = true\nPID = 2", "none"),
        ("# a comment\nSTART = true", "START = false", "reconfig"),
        ("", "NUM_CPUS = 2", "restart"),
        ("BASE_CGROUP = htcondor", "BASE_CGROUP =", "restart"),
        ("SLOT_TYPE_1 = 100%\nSTART = a", "SLOT_TYPE_1 = 50%\nSTART = a", "restart"),
    ],
)
def test_action(before, after, action):
    assert _condor_config.action(_condor_config.changes(_condor_config.parse(before), _condor_config.parse(after))) == action
