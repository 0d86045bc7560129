# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Coverage-guided fuzzing of gridmap's parsers with atheris, which `pip install atheris` brings; no part of any tier.

    python tests/unit/fuzz.py DIRECTORY CHECK SECONDS

CHECK is one of gridmap_parsers.CHECKS. What fails is kept in DIRECTORY, one input for each place in the code; the corpus lies there, too.
Each becomes a case of the unit tests when it is mended.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
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


if __name__ == "__main__":
    main()
