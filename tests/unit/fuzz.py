# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Coverage-guided fuzzing of gridmap's parsers with atheris: `make fuzz`, a part of `make test-long`.

    python tests/unit/fuzz.py DIRECTORY CHECK SECONDS     one of gridmap_parsers.CHECKS
    python tests/unit/fuzz.py DIRECTORY all SECONDS       all of them, two at a time, each for so long; fails if one has found something

What fails is kept in DIRECTORY, one input for each place in the code; the corpus lies there, too. Each becomes a case of the unit
tests when it is mended.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "plugins" / "module_utils"), str(HERE.parents[1] / ".cache" / "collections")]

import atheris

with atheris.instrument_imports(include=["ansible_collections.elastigrid", "gridmap_parsers", "json"]):
    import gridmap_parsers


def main() -> None:
    directory, name, seconds = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    check = gridmap_parsers.CHECKS[name]
    corpus, found = directory / f"corpus-{name}", directory / f"found-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in gridmap_parsers.seeds()[name]:
        (corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    words = directory / "words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"\n' for word in gridmap_parsers.WORDS))
    known: set[str] = set()

    def one(data: bytes) -> None:
        try:
            check(data)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__}-{os.path.basename(frame.filename)}-{frame.lineno}"
            if place not in known:
                known.add(place)
                found.mkdir(exist_ok=True)
                (found / place).write_bytes(data)
                (found / f"{place}.txt").write_text(f"{data!r}\n{traceback.format_exc()}")
                print(f"FOUND {name} {place} {data!r}", flush=True)

    options = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024", f"-dict={words}", f"-artifact_prefix={directory}/{name}-"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(corpus)], one)
    atheris.Fuzz()


def run(check: str) -> str:
    """Fuzz one check in a process of its own, which libFuzzer ends; says what came of it."""
    directory = pathlib.Path(sys.argv[1])
    log = directory / f"log-{check}"
    with open(log, "w") as file:
        code = subprocess.run([sys.executable, __file__, sys.argv[1], check, sys.argv[3]], stdout=file, stderr=file, check=False).returncode
    done = [line.split()[-1] for line in log.read_text(errors="replace").splitlines() if line.startswith("stat::number_of_executed_units")]
    found = [*directory.glob(f"found-{check}/*"), *directory.glob(f"{check}-*")]
    outcome = f"FOUND {', '.join(map(str, found))}" if found else "passed" if not code and done else f"FAILED with {code}, see {log}"
    print(f"{check:<12} {''.join(done) or '?':>12} executions: {outcome}", flush=True)
    return outcome


def run_all() -> bool:
    pathlib.Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(run, gridmap_parsers.CHECKS))
    failed = sum(outcome != "passed" for outcome in outcomes)
    print(f"{len(outcomes) - failed} passed, {failed} failed in {sys.argv[3]} s each")
    return not failed


if __name__ == "__main__":
    if sys.argv[2] == "all":
        sys.exit(not run_all())
    main()
