# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _condor_config


def test_directories():
    main = "A = 1\n  LOCAL_CONFIG_DIR = /old\nLOCAL_CONFIG_DIR=/usr/share/condor/config.d,/etc/condor/config.d\nB = 1\n"
    assert _condor_config.directories(main) == ["/usr/share/condor/config.d", "/etc/condor/config.d"]
    assert _condor_config.directories("A = 1") == []


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
