# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Private to the collection: what arc_jobs says to the ARC client, and how it reads the answers."""

from __future__ import annotations

import re
from typing import Any

FINAL = ("finished", "failed", "killed", "deleted")

_FIELD = re.compile(r'^\s*"(?P<key>\w+)": (?P<value>.*?),?$')


def xrsl(name: str, description: str | dict[str, Any]) -> str:
    """The job description as xRSL. Text is taken as it is; of attributes, the missing names of job, stdout and stderr are added."""
    if isinstance(description, str):
        return description
    given = {key.lower() for key in description}
    defaults = {"jobname": name, "stdout": "stdout", "stderr": "stderr"}
    attributes = {**{key: value for key, value in defaults.items() if key not in given}, **description}
    return "&" + "".join(f"({key}={_value(value)})" for key, value in attributes.items())


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(f"({_value(item)})" if isinstance(item, (list, tuple)) else _value(item) for item in value)
    # xRSL has no backslash: a quote inside a string is written twice.
    return '"' + str(value).replace('"', '""') + '"'


def submit_arguments(interface: str, endpoint: str | None) -> list[str]:
    """Without an information query (-Q NONE) the answer does not depend on the age of the information system."""
    target = {"rest": endpoint, "internal": "file://localhost"}[interface]
    return ["-C", str(target), "-T", {"rest": "arcrest", "internal": "internal"}[interface], "-Q", "NONE"]


def parse_status(text: str) -> dict[str, dict[str, Any]]:
    """Read `arcstat --json --long` into {job id: {state, exit_code, errors, stdout}}; states in lower case.

    Read by lines, since arcstat (7.0.0) does not escape quotes, backslashes and newlines in what it prints as JSON.
    """
    jobs: dict[str, dict[str, Any]] = {}
    job: dict[str, Any] = {}
    in_errors = False
    for line in text.splitlines():
        field = _FIELD.match(line)
        if in_errors:
            if line.strip() in ("]", "],"):
                in_errors = False
            else:
                job["errors"].append(_unquote(line))
        elif field:
            key, value = field["key"], field["value"]
            if key == "id":
                job = jobs.setdefault(_unquote(value), {"state": "undefined", "exit_code": None, "errors": [], "stdout": None})
            elif key == "state":
                job["state"] = _unquote(value).lower()
            elif key == "exitCode":
                job["exit_code"] = int(value)
            elif key == "stdout":
                job["stdout"] = _unquote(value)
            elif key == "jobError":
                in_errors = True
    return jobs


def _unquote(text: str) -> str:
    return re.sub(r'^\s*"|",?\s*$', "", text)


def complaint(text: str) -> str:
    """What a command of the ARC client says against a request, in one line, without what it says about itself."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not re.match(r"INFO: (Configuration|Using) ", line)]
    said = [line for line in lines if line != "ERROR: One or multiple job descriptions was not submitted."]
    return " ".join(said or lines)


def is_refusal(said: str) -> bool:
    """Whether a complaint of arcsub, with INFO, is about a computing element that answered, but did not let the user in."""
    return bool(said) and "ERROR: " not in said


def reasons(errors: list[str], log: str) -> list[str]:
    """Why a job failed: what ARC says, then what the tools of the batch system said in the job's log on the CE."""
    found = [error for error in errors if error]
    found += [line.strip() for line in log.splitlines() if re.match(r"[\w.-]+: error: ", line)]
    return list(dict.fromkeys(found))


def lrms_id(local: str) -> str | None:
    """The batch system's job number, from the job's `local` file."""
    found = re.search(r"^localid=(\S+)$", local, re.MULTILINE)
    return found[1] if found else None


def judge(expect: dict[str, Any], seen: dict[str, Any]) -> list[str]:
    """What is not as expected, as sentences; empty if all is.

    seen: {state, exit_code, stdout (text, or None where there is none), reasons (list)}
    """
    problems = []
    why = "; ".join(seen["reasons"])
    if seen["state"] != expect["state"]:
        problems.append(f"ended {seen['state']}, expected {expect['state']}" + (f" ({why})" if why else ""))
    if expect.get("exit_code") is not None and seen["exit_code"] != expect["exit_code"]:
        problems.append(f"exit code {seen['exit_code']}, expected {expect['exit_code']}")
    if expect.get("stdout") is not None and seen["stdout"] != expect["stdout"]:
        problems.append(f"output {_short(seen['stdout'])}, expected {_short(expect['stdout'])}")
    if expect.get("error_contains") and expect["error_contains"].lower() not in why.lower():
        problems.append(f"the error is {_short(why)}, expected one with {_short(expect['error_contains'])}")
    return problems


def _short(text: str | None, length: int = 200) -> str:
    if not text:
        return "none"
    return repr(text if len(text) <= length else text[:length] + "...")


def summary(seen: dict[str, Any]) -> str:
    """One line about a job that ended as expected."""
    parts = [seen["state"]]
    if seen["exit_code"] is not None:
        parts.append(f"exit code {seen['exit_code']}")
    parts += seen["reasons"]
    if seen["lrms_id"]:
        parts.append(f"batch job {seen['lrms_id']}")
    return ", ".join(parts)
