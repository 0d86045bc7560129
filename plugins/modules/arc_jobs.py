#!/usr/bin/python
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: arc_jobs
short_description: Run grid jobs through ARC and compare how they end
version_added: 0.1.0
description:
  - Submits jobs with the ARC client as a user does, waits until all have ended, fetches their output and compares it with what is expected.
  - All jobs run at the same time. They are removed from the computing element again, whatever happens; one that cannot be removed is not ok.
  - What C(arcstat) shows is as old as the last run of the computing element's information system, so that a job that has ended is
    seen half a minute to a minute later.
author: The elastigrid.site authors (@elastigrid)
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
requirements:
  - nordugrid-arc-client 7 with the plugins for the interfaces in use
notes:
  - Without O(jobs[].proxy), the credential is taken from where the ARC client looks for it. Set E(X509_USER_PROXY) by the task's C(environment).
  - O(jobs[].interface=internal) runs on the computing element, as the account of its A-REX, with E(ARC_CONFIG) naming its configuration.
attributes:
  check_mode:
    support: none
    details: A job's end cannot be predicted; in check mode the task is skipped.
  diff_mode:
    support: none
  platform:
    platforms: posix
options:
  jobs:
    description: The jobs to run.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the job is called in the results.
        type: str
        required: true
      description:
        description:
          - The job in xRSL as text, or its attributes as a dictionary.
          - Of a dictionary, lists become several values (V(arguments=[-c, date])), lists of lists groups (V(inputfiles=[[name, url]])).
            C(jobname), C(stdout) and C(stderr) are added where missing.
        type: raw
        required: true
      interface:
        description: How the job is handed to A-REX.
        type: str
        choices: [rest, internal]
        default: rest
      endpoint:
        description: Host name or URL of the computing element that gets the job, if it is not that of O(endpoint).
        type: str
      proxy:
        description: File with the proxy certificate of the user whose job it is, so that several users are tried at once.
        type: path
      cancel_after:
        description: Kill the job this many seconds after it was submitted. Without it the job is left alone.
        type: int
      expect:
        description: How the job is to end.
        type: dict
        default: {}
        suboptions:
          state:
            description: The state it is to end in. V(refused) if the computing element is to answer, but not to take the job.
            type: str
            choices: [finished, failed, killed, refused]
            default: finished
          exit_code:
            description: The exit code of the job's program. ARC 7.0.0 does not tell it through O(jobs[].interface=internal).
            type: int
          stdout:
            description: The whole standard output, exactly.
            type: str
          error_contains:
            description: Part of one of the reasons that ARC or the batch system gives, in any case of letters.
            type: str
  endpoint:
    description: Host name or URL of the computing element. Required for O(jobs[].interface=rest).
    type: str
  timeout:
    description: Seconds until jobs that have not ended are given up and removed.
    type: int
    default: 300
"""

EXAMPLES = r"""
- name: A job comes back with its output, and a failing one says so
  elastigrid.site.arc_jobs:
    endpoint: ce.example.org
    jobs:
      - name: hello
        description:
          executable: /bin/echo
          arguments: [hello]
          walltime: 5
        expect: {stdout: "hello\n", exit_code: 0}
      - name: fails
        description: '&(executable="/bin/false")(walltime="5")'
        expect: {state: failed, exit_code: 1}
      - name: cancelled
        description: {executable: /bin/sleep, arguments: [600], walltime: 15}
        cancel_after: 20
        expect: {state: killed}
  environment:
    X509_USER_PROXY: /tmp/x509up_u1000
"""

RETURN = r"""
jobs:
  description: One entry for each job, in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The name given.
      type: str
    ok:
      description: Whether it ended as expected and was removed.
      type: bool
    seconds:
      description: From before it was submitted until its last state was seen.
      type: float
    state:
      description: The last state seen, in lower case as C(arcstat) has it, or V(refused) or V(not submitted).
      type: str
    exit_code:
      description: Exit code of the job's program, where ARC knows one.
      type: int
    id:
      description: The job's URL.
      type: str
    lrms_id:
      description: The number of the job in the batch system. ARC 7.0.0 does not tell it through INTERNAL.
      type: str
    detail:
      description: What is not as expected, or how it ended.
      type: str
  sample:
    - name: hello
      ok: true
      seconds: 32.4
      state: finished
      exit_code: 0
      id: https://ce.example.org:443/arex/rest/1.0/jobs/109c848f9869
      lrms_id: "17"
      detail: finished, exit code 0, batch job 17
"""

import os
import shutil
import signal
import tempfile
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.elastigrid.site.plugins.module_utils import _arc_jobs as arc

POLL = 3  # seconds between two looks at the jobs
REMOVAL = 120  # seconds for killed jobs to be seen as ended, so that they can be removed


class Client:
    """The ARC client of one user, with a job list of its own: the user's is not touched."""

    def __init__(self, module: AnsibleModule, directory: str, proxy: str | None) -> None:
        self.module, self.directory = module, tempfile.mkdtemp(dir=directory)
        self.message = ""  # the last complaint of a command
        self.environment = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **({"X509_USER_PROXY": proxy} if proxy else {})}

    def run(self, command: str, *arguments: str) -> str:
        joblist = os.path.join(self.directory, "jobs.dat")
        argv = [self.module.get_bin_path(command, True), "-j", joblist, *arguments]
        rc, out, err = self.module.run_command(argv, environ_update=self.environment)
        self.message = arc.complaint(err if err.strip() else out) if rc else ""
        return out

    def submit(self, job: dict[str, Any]) -> str | None:
        ids = os.path.join(self.directory, "id")
        if os.path.exists(ids):
            os.remove(ids)
        # Only with INFO does it say why the computing element refused a job.
        self.run("arcsub", "-d", "INFO", "-o", ids, *arc.submit_arguments(job["interface"], job["endpoint"]), "-e", arc.xrsl(job["name"], job["description"]))
        return self.read("id").strip() or None

    def status(self) -> dict[str, dict[str, Any]]:
        return arc.parse_status(self.run("arcstat", "--all", "--long", "--json"))

    def read(self, *path: str) -> str:
        try:
            with open(os.path.join(self.directory, *path), encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def remove(self) -> list[str]:
        """Kill and remove whatever is left; returns what could not be removed."""
        if not os.path.exists(os.path.join(self.directory, "jobs.dat")):
            return []
        self.run("arckill", "--keep", "--all")
        give_up = time.monotonic() + REMOVAL
        while True:
            self.run("arcclean", "--all")
            left = self.run("arcstat", "--all", "--print-jobids").split()
            left = [line for line in left if "://" in line]
            if not left or time.monotonic() > give_up:
                return left
            time.sleep(POLL)


def run(clients: dict[str | None, Client], jobs: list[dict[str, Any]], results: list[dict[str, Any]], timeout: int) -> None:
    started = {}
    for job, result in zip(jobs, results):
        client = clients[job["proxy"]]
        started[job["name"]] = time.monotonic()
        result["id"] = client.submit(job)
        if result["id"]:
            result["state"] = "accepted"
        elif arc.is_refusal(client.message):
            result.update(state="refused", ok=job["expect"]["state"] == "refused", detail=f"refused: {client.message}")
        else:
            result["detail"] = f"not submitted: {client.message or 'arcsub gave no job id'}"

    waiting = {result["id"]: (job, result) for job, result in zip(jobs, results) if result["id"]}
    ended: dict[str, dict[str, Any]] = {}
    cancelled = set()
    give_up = time.monotonic() + timeout
    while waiting and time.monotonic() < give_up:
        time.sleep(POLL)
        for job_id, status in [item for client in clients.values() for item in client.status().items()]:
            if job_id not in waiting:
                continue
            job, result = waiting[job_id]
            result["seconds"] = round(time.monotonic() - started[job["name"]], 1)
            result["state"] = status["state"]
            if status["state"] in arc.FINAL:
                ended[job_id] = status
                del waiting[job_id]
        for job_id, (job, _result) in waiting.items():
            age = time.monotonic() - started[job["name"]]
            if job["cancel_after"] is not None and job_id not in cancelled and age >= job["cancel_after"]:
                clients[job["proxy"]].run("arckill", "--keep", job_id)
                if not clients[job["proxy"]].message:
                    cancelled.add(job_id)
    for job, result in waiting.values():
        result["seconds"] = round(time.monotonic() - started[job["name"]], 1)
        result["detail"] = (
            f"still {result['state']} after {timeout} s of waiting for it to be {job['expect']['state']}"
            + (f" ({clients[job['proxy']].message})" if clients[job["proxy"]].message else "")
        )

    for proxy, client in clients.items():
        done = [result["id"] for job, result in zip(jobs, results) if job["proxy"] == proxy and result["id"] in ended]
        if done:
            client.run("arcget", "--keep", "--dir", client.directory, *done)
    for job, result in zip(jobs, results):
        if result["id"] not in ended:
            continue
        client = clients[job["proxy"]]
        status, files = ended[result["id"]], result["id"].rsplit("/", 1)[1]
        seen = {
            "state": status["state"],
            "exit_code": status["exit_code"],
            "stdout": client.read(files, status["stdout"]) if status["stdout"] else None,
            "reasons": arc.reasons(status["errors"], client.read(files, "diagnose", "errors")),
            "lrms_id": arc.lrms_id(client.read(files, "diagnose", "local")),
        }
        problems = arc.judge(job["expect"], seen)
        result.update(
            ok=not problems, exit_code=seen["exit_code"], lrms_id=seen["lrms_id"], detail="; ".join(problems) or arc.summary(seen)
        )


def interrupted(number: int, _frame: Any) -> None:
    """Whoever stops the play closes the connection; the jobs are removed all the same, once."""
    for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> None:
    expect = {
        "state": {"type": "str", "choices": ["finished", "failed", "killed", "refused"], "default": "finished"},
        "exit_code": {"type": "int"},
        "stdout": {"type": "str"},
        "error_contains": {"type": "str"},
    }
    job = {
        "name": {"type": "str", "required": True},
        "description": {"type": "raw", "required": True},
        "interface": {"type": "str", "choices": ["rest", "internal"], "default": "rest"},
        "endpoint": {"type": "str"},
        "proxy": {"type": "path"},
        "cancel_after": {"type": "int"},
        "expect": {"type": "dict", "default": {}, "options": expect},
    }
    module = AnsibleModule(
        argument_spec={
            "jobs": {"type": "list", "elements": "dict", "required": True, "options": job},
            "endpoint": {"type": "str"},
            "timeout": {"type": "int", "default": 300},
        },
    )
    jobs = module.params["jobs"]
    names = [job["name"] for job in jobs]
    for job in jobs:
        if not isinstance(job["description"], (str, dict)):
            module.fail_json(msg=f"jobs: the description of {job['name']!r} is {job['description']!r}, allowed are xRSL text and a dictionary")
        job["endpoint"] = job["endpoint"] or module.params["endpoint"]
        if job["interface"] == "rest" and not job["endpoint"]:
            module.fail_json(msg=f"endpoint is not set, but job {job['name']!r} goes through the REST interface")
        if names.count(job["name"]) > 1:
            module.fail_json(msg=f"jobs: the name {job['name']!r} is used twice")

    blank = {"ok": False, "seconds": 0.0, "state": "not submitted", "exit_code": None, "id": None, "lrms_id": None, "detail": ""}
    results: list[dict[str, Any]] = [{"name": name, **blank} for name in names]
    directory = tempfile.mkdtemp(prefix="arc_jobs_", dir=module.tmpdir)
    clients = {job["proxy"]: Client(module, directory, job["proxy"]) for job in jobs}
    for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(each, interrupted)
    try:
        run(clients, jobs, results, module.params["timeout"])
    finally:
        left = [job_id for client in clients.values() for job_id in client.remove()]
        shutil.rmtree(directory, ignore_errors=True)
    for result in results:
        if result["id"] in left:
            result.update(ok=False, detail=f"{result['detail']}; killed, but after {REMOVAL} s still on the computing element: {result['id']}")
    bad = [result for result in results if not result["ok"]]
    module.exit_json(
        changed=False,
        failed=bool(bad),
        msg="; ".join(f"{result['name']}: {result['detail']}" for result in bad) or f"{len(jobs)} job(s) ended as expected",
        jobs=results,
    )


if __name__ == "__main__":
    main()
