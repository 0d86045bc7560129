# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - A cloud of C(clouds.yaml) by its name, as in all OpenStack tools.
      - Without it E(OS_CLOUD), then the other C(OS_) environment variables, then the only cloud in C(clouds.yaml).
    type: str
  region_name:
    description: Region of the cloud, where it has several.
    type: str
  api_timeout:
    description: How many seconds the API may take to answer one request before it counts as not answered.
    type: int
    default: 60
requirements:
  - openstacksdk >= 1.0.0 on the host where the module runs, which is the control node as a rule
notes:
  - Requests that the cloud refuses for the moment (429, 5xx) or does not answer are repeated for up to five minutes, as C(Retry-After) says.
    It is looked first whether a request to create something without an answer has been obeyed.
"""
