#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_report
short_description: Writes what is known about a verified site, as a page and as data
version_added: 0.1.0
description:
  - Turns the results of checks into one table, and writes C(site.html), one self-contained page with a picture of the site,
    and C(site.json), the same as data.
  - It judges nothing. A check passed if its outcome says so, and was not run if there is none.
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
  level:
    description: How much was checked.
    type: str
  verified_from:
    description: The host that the checks were made from.
    type: str
  started:
    description: When the checks began, in seconds since 1970. With it, the report says how long they took.
    type: float
  checks:
    description: The checks, in the order of the table.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: A name of a few words.
        type: str
        required: true
      proves:
        description: What is proven if it passes, as a sentence.
        type: str
        required: true
      outcome:
        description:
          - The registered result of the task that checked, or one of the RV(elastigrid.site.arc_jobs#module:jobs).
          - Nothing, or the result of a skipped task, means that the check was not run.
        type: dict
      not_run:
        description: Why the check was not run, if it was not.
        type: str
        default: ''
  hosts:
    description: The hosts of the site.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name in the inventory.
        type: str
        required: true
      node:
        description: Its name in the batch system, if it is a worker. By default the first part of its name.
        type: str
      groups:
        description: The groups it is in. They decide where it stands in the picture.
        type: list
        elements: str
        default: []
      versions:
        description: What runs there, with the keys V(os), V(kernel), V(slurm), V(arc), V(mariadb) and V(munge), as far as present.
        type: dict
        default: {}
      state:
        description: What is to be said about it, such as V(no answer). Of a worker, the batch system knows better.
        type: str
        default: ''
  nodes:
    description:
      - What the batch system says about its nodes, as RV(elastigrid.site.slurm_info#module:nodes).
      - Those that are no hosts of the site become workers of their own in the picture.
    type: list
    elements: dict
    default: []
  storage:
    description: Shared storage of the site, if it has any.
    type: dict
    suboptions:
      path:
        description: Where it is mounted.
        type: str
        required: true
      server:
        description: The host that serves it, if it is one of the site's.
        type: str
  endpoints:
    description: What the site offers.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it is.
        type: str
        required: true
      url:
        description: Where it is.
        type: str
        required: true
  submit:
    description: How to use the site.
    type: list
    elements: dict
    default: []
    suboptions:
      title:
        description: One way to use it.
        type: str
        required: true
      commands:
        description: The commands for it, one a line.
        type: list
        elements: str
        required: true
"""

EXAMPLES = r"""
- name: The network is asked for the host certificate
  ansible.builtin.command: openssl s_client -verify_return_error -connect ce.example.org:443
  register: trust
  ignore_errors: true
  changed_when: false

- name: The report is written
  elastigrid.site.site_report:
    directory: reports
    site: example
    checks:
      - name: host certificate
        proves: The CE shows a certificate that the site trusts
        outcome: "{{ trust }}"
      - name: grid job
        proves: A job goes in through ARC and its output comes back
        not_run: the group arc_ce is empty
  delegate_to: localhost
"""

RETURN = r"""
checks:
  description: The checks with their results.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: As given.
      type: str
    proves:
      description: As given.
      type: str
    result:
      description: V(passed), V(failed) or V(not run).
      type: str
    seconds:
      description: How long it took, where known.
      type: float
    detail:
      description: What was seen, or why it was not run.
      type: str
failed_checks:
  description: Names of the checks that failed.
  returned: always
  type: list
  elements: str
passed:
  description: Number of checks that passed.
  returned: always
  type: int
table:
  description: The checks as a table for a terminal, line by line.
  returned: always
  type: list
  elements: str
headline:
  description: All in one line.
  returned: always
  type: str
  sample: 2 of 10 checks failed
page:
  description: Path of the page.
  returned: always
  type: str
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.elastigrid.site.plugins.module_utils import _page, _report


def main() -> None:
    text: dict[str, Any] = {"type": "str", "required": True}
    checks = {"name": text, "proves": text, "outcome": {"type": "dict"}, "not_run": {"type": "str", "default": ""}}
    hosts = {
        "name": text,
        "node": {"type": "str"},
        "groups": {"type": "list", "elements": "str", "default": []},
        "versions": {"type": "dict", "default": {}},
        "state": {"type": "str", "default": ""},
    }
    submit = {"title": text, "commands": {"type": "list", "elements": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "site": text,
            "level": {"type": "str"},
            "verified_from": {"type": "str"},
            "started": {"type": "float"},
            "checks": {"type": "list", "elements": "dict", "required": True, "options": checks},
            "hosts": {"type": "list", "elements": "dict", "default": [], "options": hosts},
            "nodes": {"type": "list", "elements": "dict", "default": []},
            "storage": {"type": "dict", "options": {"path": text, "server": {"type": "str"}}},
            "endpoints": {"type": "list", "elements": "dict", "default": [], "options": {"name": text, "url": text}},
            "submit": {"type": "list", "elements": "dict", "default": [], "options": submit},
        },
        supports_check_mode=True,
    )
    given, now = module.params, time.time()
    data = {
        "site": given["site"],
        "generated": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now)),
        "seconds": round(now - given["started"], 1) if given["started"] else None,
        **{key: given[key] for key in ("level", "verified_from", "storage", "endpoints", "submit")},
        "hosts": _report.place_nodes(given["hosts"], given["nodes"]),
        "checks": [_report.read_check(**check) for check in given["checks"]],
    }
    page = _page.publish(module, "site", _report.render(data), data)
    module.exit_json(
        changed=True,
        checks=data["checks"],
        failed_checks=[check["name"] for check in data["checks"] if check["result"] == _report.FAILED],
        passed=_report.count(data["checks"])[_report.PASSED],
        table=_report.text_table(data["checks"]),
        headline=_report.headline(data["checks"]),
        page=page,
    )


if __name__ == "__main__":
    main()
