#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cache_report
short_description: Writes what caches hold and have served, as a page and as data
version_added: 0.1.0
description:
  - Writes C(caches.html), one self-contained page with plots, and C(caches.json), the same as data, of what
    M(elastigrid.site.xrootd_cache_usage_info) says of the caches of a site.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    platforms: posix
notes:
  - Runs on the control node, by C(delegate_to=localhost).
options:
  directory:
    description: Where the two files are written. It is made if it is missing.
    type: path
    required: true
  site:
    description: Name of the site.
    type: str
    required: true
  hosts:
    description: The hosts with caches, in the order of the page.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      caches:
        description: Its RV(elastigrid.site.xrootd_cache_usage_info#module:caches).
        type: list
        elements: dict
        default: []
      error:
        description: What went wrong there, if something did.
        type: str
        default: ''
"""

EXAMPLES = r"""
- name: The page is written
  elastigrid.site.cache_report:
    directory: reports
    site: example
    hosts:
      - name: cache1.example.org
        caches: "{{ usage.caches }}"
  delegate_to: localhost
"""

RETURN = r"""
page:
  description: Path of the page.
  returned: always
  type: str
summary:
  description: A line for each cache.
  returned: always
  type: list
  elements: str
  sample: ["public on cache1.example.org: 120 files, 1.2 TiB on disk, 3.4 TiB served, hit ratio 87%"]
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.elastigrid.site.plugins.module_utils import _cache_report, _page


def main() -> None:
    host = {
        "name": {"type": "str", "required": True},
        "caches": {"type": "list", "elements": "dict", "default": []},
        "error": {"type": "str", "default": ""},
    }
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "site": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "dict", "required": True, "options": host},
        },
        supports_check_mode=True,
    )
    caches: list[dict[str, Any]] = []
    for one in module.params["hosts"]:
        caches += [{**cache, "host": one["name"]} for cache in one["caches"]]
        if one["error"]:
            caches.append({"name": "caches", "host": one["name"], "error": one["error"]})
    data = {"site": module.params["site"], "generated": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "caches": caches}
    page = _page.publish(module, "caches", _cache_report.render(data), data)
    module.exit_json(changed=not module.check_mode, page=page, summary=[_cache_report.line(cache) for cache in caches])


if __name__ == "__main__":
    main()
