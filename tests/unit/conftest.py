# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Makes `ansible_collections.elastigrid.site` importable from a checkout."""

from __future__ import annotations

import os
import pathlib

import pytest

# pytest-ansible reads it when it is configured, which is after this file is loaded. The link in there is made by `make venv`.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(pathlib.Path(__file__).resolve().parents[2] / ".cache" / "collections")


@pytest.fixture(autouse=True)
def umask():
    """Modules set it for themselves, in a process of their own; here they are called in this one."""
    before = os.umask(0o022)
    yield
    os.umask(before)
