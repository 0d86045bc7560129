#!/usr/bin/env python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Run the stages of a tier, each a target of the Makefile, in two lanes at once; end with what they said and how long they took.

    tools/stages.py test|test-long
"""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "reports" / "stages"

# Before all others, one after the other.
FIRST = ["bootstrap", "venv"]
# The stages of a tier, in the order in which its lanes take them: each lane the first that need not wait for another.
STAGES = {
    "test": ["sandbox", "lint", "sanity", "test-sandbox", "test-cloud", "units", "test-vm", "test-roles", "build"],
    "test-long": ["molecule", "test-sandbox-long", "test-cloud-long", "test-vm-long", "fuzz", "benchmarks"],
}
LANES = {"test": 2, "test-long": 1}
# A stage that failed holds up only those that need it. These two build on the node image that sandbox makes.
NEEDS = {"test-sandbox": "sandbox"}
AFTER = {**NEEDS, "test-cloud": "sandbox", "test-roles": "sandbox"}

# The lines by which a test tool ends: pytest, ansible-playbook, molecule (which draws a line beside all but its own), ansible-lint, tools/pythons.py.
CLOSING = re.compile(r"^(?!\s*│)(.*?\d+ (passed|failed|errors?)\b.* in |.*\bfailed=\d+|(Passed|Failed): \d+ failure|pythons: .*: (passed|FAILED) in )")
SIGN_OF_LIFE = 120  # seconds of silence before it is said what still runs
TAIL = 200  # lines of a failed stage's log that are shown


class Stages:
    def __init__(self) -> None:
        self.results: dict[str, tuple[str, float]] = {}
        self.running: dict[str, float] = {}
        self.lock = threading.Lock()
        self.began = time.monotonic()

    def say(self, message: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        print(f"[{minutes:02}:{seconds:02}] {message}", flush=True)

    def stage(self, name: str) -> None:
        needed = NEEDS.get(name)
        if needed and self.results[needed][0] != "passed":
            with self.lock:
                del self.running[name]
                self.results[name] = ("not run", 0)
                self.say(f"{name}: not run, since {needed} failed")
            return
        started = self.running[name]
        self.say(f"{name}: started")
        environment = dict(os.environ, ANSIBLE_CALLBACKS_ENABLED="ansible.posix.profile_tasks", ANSIBLE_NOCOLOR="1", NO_COLOR="1")
        with open(LOGS / f"{name}.log", "w") as log:
            code = subprocess.run(
                ["make", "--no-print-directory", name], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
            ).returncode
        seconds = time.monotonic() - started
        with self.lock:
            del self.running[name]
            self.results[name] = ("FAILED" if code else "passed", seconds)
            if code:
                lines = (LOGS / f"{name}.log").read_text(errors="replace").splitlines()
                print("\n".join([f"--- {name}, last lines:", *lines[-TAIL:], "---"]), flush=True)
            self.say(f"{name}: {self.results[name][0]} in {seconds:.0f} s")

    def lane(self, waiting: list[str]) -> None:
        """Take stages until there is none that one could start."""
        while True:
            with self.lock:
                ready = [name for name in waiting if name not in AFTER or AFTER[name] in self.results]
                if not ready:
                    return
                name = ready[0]
                waiting.remove(name)
                self.running[name] = time.monotonic()
            self.stage(name)

    def run(self, tier: str) -> bool:
        """True if all passed."""
        signal.signal(signal.SIGTERM, lambda *_: self.cut_off(tier))
        self.lane([*FIRST])
        if all(outcome == "passed" for outcome, _seconds in self.results.values()):
            waiting = [*STAGES[tier]]
            lanes = [threading.Thread(target=self.lane, args=(waiting,), daemon=True) for _number in range(LANES[tier])]
            for lane in lanes:
                lane.start()
            for lane in lanes:
                while lane.is_alive():
                    lane.join(SIGN_OF_LIFE)
                    if lane.is_alive():
                        with self.lock:
                            now = time.monotonic()
                            self.say("running: " + ", ".join(f"{name} ({now - start:.0f} s)" for name, start in self.running.items()))
        return self.summary(tier)

    def cut_off(self, tier: str) -> None:
        """The time is over, and the stages' processes got the same signal: say how far it went."""
        now = time.monotonic()
        self.results.update({name: ("CUT OFF", now - start) for name, start in self.running.items()})
        self.summary(tier)
        os._exit(1)

    def summary(self, tier: str) -> bool:
        text = ["", "What the tests ended with:"]
        for name in self.results:
            log = LOGS / f"{name}.log"
            if log.exists():
                text += [f"  {name:<13} {line.strip('= ')}" for line in log.read_text(errors="replace").splitlines() if CLOSING.search(line)]
        text += ["", f"{'stage':<15} {'outcome':<8} seconds"]
        text += [f"{name:<15} {outcome:<8} {seconds:>7.0f}" for name, (outcome, seconds) in self.results.items()]
        wanted = [*FIRST, *STAGES[tier]]
        passed = all(self.results.get(name, ("", 0))[0] == "passed" for name in wanted)
        text += [f"{'in all':<15} {'passed' if passed else 'FAILED':<8} {time.monotonic() - self.began:>7.0f}"]
        (LOGS / "summary.txt").write_text("\n".join(text).strip() + "\n")
        print("\n".join(text), flush=True)
        return passed


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in LANES:
        sys.exit(__doc__)
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in LOGS.glob("*.log"):
        log.unlink()
    return 0 if Stages().run(sys.argv[1]) else 1


if __name__ == "__main__":
    sys.exit(main())
