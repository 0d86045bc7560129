# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What the ARC client 7.0.0 printed against a real A-REX on Slurm, and how it is read."""

from __future__ import annotations

import pytest
from ansible_collections.elastigrid.site.plugins.module_utils import _arc_jobs as arc

URL = "https://ce.grid.test:443/arex/rest/1.0/jobs/"

# Shortened by lines, otherwise as printed: the name of the second job is not escaped, so that this is not JSON.
ARCSTAT = """{"jobs": [
{
 "id": "https://ce.grid.test:443/arex/rest/1.0/jobs/111ad5d85cff",
 "name": "fail",
 "state": "Failed",
 "specificState": "FAILED",
 "exitCode": 7,
 "jobError": [
"LRMS error: (7) Job failed"
],
 "owner": "/DC=org/DC=nordugrid/DC=ARC/O=TestCA/CN=alice",
 "queue": "main",
 "requestedSlots": 1,
 "stdin": "/dev/null",
 "stdout": "out",
 "stderr": "err",
 "delegationId": [
"11191fb14873"
]
},
{
 "id": "https://ce.grid.test:443/arex/rest/1.0/jobs/123886de62c2",
 "name": "odd "q" \\back",
 "state": "Running",
 "specificState": "RUNNING",
 "otherMessages": [
"odd__q___ack"
],
 "stdin": "/dev/null",
 "stdout": "out",
 "waitingPosition": 0
},
{
 "id": "https://ce.grid.test:443/arex/rest/1.0/jobs/1119a6e59869",
 "name": "ok one",
 "state": "Finished",
 "specificState": "FINISHED",
 "exitCode": 0
}
]}
"""

JOBLOG = """2026-11-21T03:33:47Z Job state change PREPARING -> SUBMIT   Reason: Pre-staging finished, passing job to LRMS
SLURM script follows:
    echo "Failed to use both cgroups and GNU time for resource usage accounting." 1>&2
job *NOT* submitted successfully!
got error code from sbatch: 1 !
Output is:
sbatch: error: Memory specification can not be satisfied
sbatch: error: Batch job submission failed: Requested node configuration is not available
----- exiting submit_slurm_job -----
2026-11-21T03:34:08Z Job state change SUBMIT -> FINISHING   Reason: Job failure detected
"""


def test_status_is_read_although_it_is_not_json():
    assert arc.parse_status(ARCSTAT) == {
        URL + "111ad5d85cff": {"state": "failed", "exit_code": 7, "errors": ["LRMS error: (7) Job failed"], "stdout": "out"},
        URL + "123886de62c2": {"state": "running", "exit_code": None, "errors": [], "stdout": "out"},
        URL + "1119a6e59869": {"state": "finished", "exit_code": 0, "errors": [], "stdout": None},
    }


@pytest.mark.parametrize("text", ["", '{"jobs": [\n]}\n', "No jobs found, try later\n"])
def test_no_status_is_no_job(text):
    assert arc.parse_status(text) == {}


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ('&(executable="/bin/true")', '&(executable="/bin/true")'),
        ({"executable": "/bin/true"}, '&(jobname="j")(stdout="stdout")(stderr="stderr")(executable="/bin/true")'),
        ({"jobName": "mine", "stdout": "o", "stderr": "e", "count": 2}, '&(jobName="mine")(stdout="o")(stderr="e")(count="2")'),
        (
            {"jobname": "a", "stdout": "o", "stderr": "e", "arguments": ["-c", 'echo "hi"']},
            '&(jobname="a")(stdout="o")(stderr="e")(arguments="-c" "echo ""hi""")',
        ),
        (
            {"jobname": "a", "stdout": "o", "stderr": "e", "outputfiles": [["f", ""], ["g", "https://h/g"]]},
            '&(jobname="a")(stdout="o")(stderr="e")(outputfiles=("f" "") ("g" "https://h/g"))',
        ),
    ],
)
def test_xrsl(description, expected):
    assert arc.xrsl("j", description) == expected


@pytest.mark.parametrize(
    ("interface", "endpoint", "expected"),
    [
        ("rest", "ce.grid.test", ["-C", "ce.grid.test", "-T", "arcrest", "-Q", "NONE"]),
        ("internal", None, ["-C", "file://localhost", "-T", "internal", "-Q", "NONE"]),
    ],
)
def test_where_a_job_goes(interface, endpoint, expected):
    assert arc.submit_arguments(interface, endpoint) == expected


def test_reasons_are_errors_and_not_the_script():
    assert arc.reasons(["Job submission to LRMS failed"], JOBLOG) == [
        "Job submission to LRMS failed",
        "sbatch: error: Memory specification can not be satisfied",
        "sbatch: error: Batch job submission failed: Requested node configuration is not available",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "INFO: Configuration (/etc/arc/client.conf) loaded\nINFO: Using proxy file: /tmp/px\n"
            "INFO: Failed to submit all jobs: 500 Requested queue nosuch is not allowed for this user\n"
            "ERROR: One or multiple job descriptions was not submitted.\n",
            "INFO: Failed to submit all jobs: 500 Requested queue nosuch is not allowed for this user",
        ),
        ("ERROR: One or multiple job descriptions was not submitted.\n", "ERROR: One or multiple job descriptions was not submitted."),
        ("", ""),
    ],
)
def test_complaint(text, expected):
    assert arc.complaint(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("lrms=slurm\nlocalid=29\nqueue=main\n", "29"), ("lrms=slurm\n", None), ("", None)])
def test_lrms_id(text, expected):
    assert arc.lrms_id(text) == expected


GOOD = {"state": "finished", "exit_code": 0, "stdout": "hello\n", "reasons": [], "lrms_id": "17"}
REFUSED = {
    "state": "failed",
    "exit_code": None,
    "stdout": "",
    "reasons": ["Job submission to LRMS failed", "sbatch: error: Requested node configuration is not available"],
    "lrms_id": None,
}


@pytest.mark.parametrize(
    ("expect", "seen", "problems"),
    [
        ({"state": "finished"}, GOOD, []),
        ({"state": "finished", "exit_code": 0, "stdout": "hello\n"}, GOOD, []),
        ({"state": "finished", "stdout": "hello"}, GOOD, ["output 'hello\\n', expected 'hello'"]),
        ({"state": "finished", "stdout": ""}, GOOD, ["output 'hello\\n', expected none"]),
        ({"state": "finished", "stdout": "hello\n"}, {**GOOD, "stdout": None}, ["output none, expected 'hello\\n'"]),
        ({"state": "finished", "exit_code": 3}, GOOD, ["exit code 0, expected 3"]),
        ({"state": "failed", "error_contains": "node configuration"}, REFUSED, []),
        ({"state": "failed", "error_contains": "NODE configuration"}, REFUSED, []),
        (
            {"state": "finished"},
            REFUSED,
            [
                "ended failed, expected finished "
                "(Job submission to LRMS failed; sbatch: error: Requested node configuration is not available)"
            ],
        ),
        ({"state": "finished", "error_contains": "x"}, GOOD, ["the error is none, expected one with 'x'"]),
        ({"state": "killed", "exit_code": 1}, GOOD, ["ended finished, expected killed", "exit code 0, expected 1"]),
    ],
)
def test_judge(expect, seen, problems):
    assert arc.judge(expect, seen) == problems


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (GOOD, "finished, exit code 0, batch job 17"),
        (REFUSED, "failed, Job submission to LRMS failed, sbatch: error: Requested node configuration is not available"),
    ],
)
def test_summary(seen, expected):
    assert arc.summary(seen) == expected


def test_a_refusal_is_told_from_a_computing_element_that_does_not_answer():
    def of(*lines):
        return arc.is_refusal(arc.complaint("\n".join(lines)))

    summary = "ERROR: One or multiple job descriptions was not submitted."
    assert of("INFO: Using proxy file: /tmp/p", "INFO: Unable to submit jobs. Failed to delegate X.509 credentials.", summary)
    assert not of("ERROR: Failed to establish connection: TCP: GENERIC_ERROR", "INFO: Unable to submit jobs.", summary)
    assert not of(summary)
    assert not arc.is_refusal("")
