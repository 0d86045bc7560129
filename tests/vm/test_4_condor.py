# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""HTCondor on cgroup v2: vm1 is a pool by itself (inventories/vm/condor.yml)."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.campaign

JOB = """\
executable = /usr/bin/python3
transfer_executable = false
arguments = "-c 'import time; block = bytearray({use} << 20); time.sleep(1)'"
request_memory = {ask}MB
request_disk = 1MB
queue
"""
# JobStatus and HoldReasonCode: HTCondor manual, Job ClassAd Attributes.
HELD, COMPLETED, OUT_OF_RESOURCES = "5", "4", "34"


@pytest.mark.parametrize(("ask", "end"), [(100, [HELD, OUT_OF_RESOURCES, "undefined"]), (400, [COMPLETED, "undefined", "0"])])
def test_a_job_is_held_to_the_memory_that_it_asked_for(on, until, ask, end):
    """Each fills 300 MiB. What is asked for is rounded up to a multiple of 128."""
    number = on("vm1", f"condor_submit -terse - <<'END' | cut -d. -f1\n{JOB.format(ask=ask, use=300)}END", user="grid01")
    attributes = f"{number} -af JobStatus HoldReasonCode ExitCode"

    def ended() -> list[str]:
        said = on("vm1", f"condor_q {attributes}; condor_history {attributes}").split()
        return said if said and said[0] in (HELD, COMPLETED) else []

    try:
        assert until(f"job {number} is held or over", ended, seconds=300) == end
    finally:
        on("vm1", f"condor_rm {number} 2>&1 || true")
