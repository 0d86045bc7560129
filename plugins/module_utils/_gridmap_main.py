# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""A run: ask all sources, keep what they said, write what services read. For the module and, without Ansible, for the program of the timer.

What sources said is saved first, then come the outputs, then the state that knows them. A run that is cut off is repeated by the next one.
"""

from __future__ import annotations

import argparse
import contextlib
import grp
import hashlib
import json
import os
import pwd
import queue
import re
import sys
import threading
import time
import typing as t

from ansible_collections.elastigrid.site.plugins.module_utils import (
    _dn,
    _files,
    _gridmap,
    _gridmap_config,
    _gridmap_outputs,
    _gridmap_sources,
    _program,
)

SHOWN_LINES = 1000
LOGGED_LINES = 20
ANSWER_FILE = re.compile(r"[0-9a-f]{16}-[0-9a-f]{32}\.json")
PLAIN: dict[str, t.Any] = {"owner": None, "group": None, "backup": False}
# These list users; the others follow from the configuration alone.
OF_MEMBERS = ("grid_mapfile", "arc_authgroup", "arc_banned", "condor_mapfile", "json")


class RunError(Exception):
    """Nothing could be done; the text is for the user."""


class Report:
    """What a run found and did."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        """Why the run failed, though it did what it could."""
        self.warnings: list[str] = []
        self.sources: dict[str, dict[str, t.Any]] = {}
        self.vos: dict[str, dict[str, t.Any]] = {}
        self.outputs: list[dict[str, t.Any]] = []
        self.diffs: list[dict[str, str]] = []

    @property
    def changed(self) -> bool:
        return any(output["changed"] for output in self.outputs)


def run(config: _gridmap.Config, force: t.Collection[str] = (), check: bool = False) -> Report:
    """`force` holds names of sources whose answer counts however small it is. With `check`, nothing is written."""
    unknown = [name for name in force if name not in _gridmap.source_names(config)]
    if unknown:
        raise RunError(f"force has {', '.join(unknown)}, must be names of sources ({', '.join(_gridmap.source_names(config)) or 'there is none'})")
    lock = os.path.join(config["state_dir"], "lock")
    try:
        with _program.locked(config["state_dir"]) if not check or os.path.exists(lock) else contextlib.nullcontext():
            return _Run(config, force, check).run()
    except _program.LockError as error:
        raise RunError(f"state_dir: {error}") from error


class _Run:
    def __init__(self, config: _gridmap.Config, force: t.Collection[str], check: bool) -> None:
        self.config = config
        self.force = force
        self.check = check
        self.now = int(time.time())
        self.report = Report()
        self.state = self._read_state()
        self.known: dict[str, dict[str, t.Any]] = self.state["sources"]
        self.fresh: dict[str, _gridmap.Answer] = {}
        """The answers that are not in a file yet."""
        self.sources = [*(source for vo in config["vos"] for source in vo["sources"]), *config["ban_sources"]]

    def run(self) -> Report:
        identities = {source["name"]: _digest({**source, "format": _gridmap_sources.FORMAT}) for source in self.sources}
        tags = {}
        for source in self.sources:
            before = self.known.get(source["name"], {})
            is_same = before.get("identity") == identities[source["name"]] and before.get("file") and source["name"] not in self.force
            tags[source["name"]] = before.get("tag", {}) if is_same else {}
        for name, found in _fetch_all(self.sources, self.config, tags).items():
            self._take(name, found, identities[name])
        used = self._judge()
        if self.fresh and not self.check:
            self._save_answers()
        self._outputs(used)
        if not self.check:
            self._save_state()
            if self.config["metrics"]:
                try:
                    self._write(self.config["metrics"], metrics(self.report, self.now).encode(), {"mode": "0644", **PLAIN})
                except (RunError, OSError) as error:
                    self.report.errors.append(f"{self.config['metrics']} was not written: {_text(error)}")
        return self.report

    # --- what sources say ---

    def _take(self, name: str, found: _gridmap_sources.Fetched | str, identity: str) -> None:
        """What becomes of an answer, or of none."""
        source = next(source for source in self.sources if source["name"] == name)
        is_bans = source in self.config["ban_sources"]
        entry = {**self.known.get(name, {}), "problem": None}
        self.known[name] = entry
        if isinstance(found, str):
            entry["problem"] = found
            return
        if found.answer is None:
            entry.update(accepted=self.now, tag=found.tag)
            return
        old = self._answer(name)
        shrink = 100 if name in self.force else self.config["max_shrink"]
        counted, refused = _gridmap.accept(old, found.answer, self.now, shrink, source["allow_empty"] or name in self.force, is_bans)
        entry.update(skipped=found.answer.skipped, examples=found.answer.examples)
        if counted is not None and counted is not old:
            self.fresh[name] = counted
            entry.update(members=len(counted.members), out=len(counted.gone(self.now)))
        if refused:
            # What is used now is not what the tag stands for.
            entry.update(problem=f"{refused}, which is not believed", tag={})
        else:
            entry.update(accepted=self.now, identity=identity, tag=found.tag)

    def _judge(self) -> dict[str, str]:
        """Which sources count, and how: `all` of what they say, or only whom they keep `out`. What is wrong is reported."""
        used = {}
        bans = {source["name"] for source in self.config["ban_sources"]}
        for source in self.sources:
            name = source["name"]
            entry = self.known[name]
            has_answer = name in self.fresh or bool(entry.get("file"))
            age = self.now - entry["accepted"] if has_answer and "accepted" in entry else None
            problem = entry["problem"]
            if not has_answer:
                status = "missing"
                self.report.errors.append(f"source {name} {problem}; there is no earlier answer of it")
            elif age is not None and age > self.config["max_age"]:
                status = "stale"
                limit = _duration(self.config["max_age"])
                self.report.errors.append(f"source {name} {problem}; its last good answer is {_duration(age)} old, more than max_age ({limit})")
            elif problem:
                status = "kept"
                self.report.warnings.append(f"source {name} {problem}; its answer of {_duration(age or 0)} ago is used")
            else:
                status = "fresh"
            if has_answer:
                used[name] = "out" if status == "stale" and self.config["expire_stale"] and name not in bans else "all"
            skipped = entry.get("skipped") or {}
            if skipped and name in self.fresh:
                counts = ", ".join(f"{number} for {reason}" for reason, number in sorted(skipped.items()))
                self.report.warnings.append(f"source {name} has entries that are of no use ({counts}), such as {entry['examples'][0]}")
            self.report.sources[name] = {
                "status": status,
                "age": age,
                "members": entry.get("members", 0),
                "out": entry.get("out", 0),
                "skipped": skipped,
                "problem": problem,
            }
        return used

    # --- what services read ---

    def _outputs(self, used: dict[str, str]) -> None:
        digest = _digest({**self.config, "format": _gridmap_sources.FORMAT})
        is_same = (
            not self.fresh
            and self.state["config"] == digest
            and self.state["used"] == used
            and self.now < (self.state["next"] or self.now + 1)
            and all(self._is_untouched(output) for output in self.config["outputs"])
        )
        if is_same:
            self.report.vos = self.state["vos"]
            self.report.outputs = [
                {"path": output["path"], "type": output["type"], "changed": self._attributes(output), "came": 0, "went": 0, "problem": None}
                | {key: self.state["outputs"][output["path"]][key] for key in ("entries", "skipped")}
                for output in self.config["outputs"]
            ]
            return
        answers = {name: self._counting(name, how) for name, how in used.items()}
        made = _gridmap.table(self.config, answers, self.now)
        self.report.vos = {vo.name: {"members": len(vo.members), "out": vo.out} for vo in made.vos}
        leased: dict[str, dict[str, str]] = {}
        for output in sorted(self.config["outputs"], key=lambda output: output["type"] != "gridmapdir"):
            try:
                if output["type"] == "gridmapdir":
                    done = self._lease(output, made, leased)
                else:
                    done = self._file(output, made, leased, used)
            except (RunError, OSError, ValueError) as error:
                self.report.errors.append(f"{output['path']} was not written: {_text(error)}")
                done = {"changed": False, "entries": 0, "skipped": {}, "came": 0, "went": 0, "problem": _text(error)}
            self.report.outputs.append({"path": output["path"], "type": output["type"], **done})
            for reason, number in done["skipped"].items():
                self.report.warnings.append(f"{output['path']} is without {number} entries ({reason})")
        clean = not any(output["problem"] for output in self.report.outputs)
        ends = [answer.next_end(self.now) for answer in answers.values()]
        self.state.update(config=digest if clean else None, used=used, vos=self.report.vos, next=min((end for end in ends if end is not None), default=None))

    def _file(self, output: dict[str, t.Any], made: _gridmap.Table, leased: dict[str, dict[str, str]], used: dict[str, str]) -> dict[str, t.Any]:
        path = output["path"]
        if output["gridmapdir"] and output["gridmapdir"] not in leased:
            raise RunError(f"who has which account in {output['gridmapdir']} is not known")
        rendered = _gridmap_outputs.render(output, self.config, made, leased)
        old = _read(path)
        names = self._sources_of(output)
        written = self.state["outputs"].get(path)
        # Who is in a file that we did not write, or thanks to an answer that is lost, would be gone.
        holding = [name for name in names if name not in used and (old is not None and written is None or written and name in written["sources"])]
        if holding:
            raise RunError(f"it may hold members that only {', '.join(holding)} could name")
        data = rendered.text.encode()
        changed = data != old
        went, came = _gridmap_outputs.changes((old or b"").decode(errors="replace"), rendered.text) if changed else ([], [])
        if changed:
            self.report.diffs.append({"before_header": path, "after_header": path, "before": _shown(went), "after": _shown(came)})
            if not self.check:
                self._write(path, data, output)
        changed = self._attributes(output) or changed
        self.state["outputs"][path] = {
            "digest": hashlib.sha256(data).hexdigest(),
            "sources": [name for name in names if name in used],
            "entries": rendered.entries,
            "skipped": rendered.skipped,
        }
        done = {"changed": changed, "entries": rendered.entries, "skipped": rendered.skipped, "came": len(came), "went": len(went), "problem": None}
        return {**done, "log": [*(f"+ {line}" for line in came[:LOGGED_LINES]), *(f"- {line}" for line in went[:LOGGED_LINES])]}

    def _lease(self, output: dict[str, t.Any], made: _gridmap.Table, leased: dict[str, dict[str, str]]) -> dict[str, t.Any]:
        directory = output["path"]
        there = _inodes(directory)
        wanted = {dn: account for dn, account in _gridmap.accounts(_gridmap_outputs.select(made, output["vos"])).items() if account.startswith(".")}
        plan = _gridmap_outputs.leases(there, output["pool"], wanted)
        if not self.check:
            os.makedirs(directory, mode=0o755, exist_ok=True)
            for name in plan.files:
                os.close(os.open(os.path.join(directory, name), os.O_CREAT | os.O_WRONLY, 0o644))
            for name, account in plan.links.items():
                lease = os.path.join(directory, name)
                os.link(os.path.join(directory, account), lease)
                # Services lease as well, and whoever comes second steps back.
                if os.stat(lease).st_nlink > 2:
                    os.unlink(lease)
                    raise RunError(f"{account} was leased by a service at the same time; the next run finds another one")
        leased[directory] = plan.accounts
        came = [f"{name} -> {account}" for name, account in plan.links.items()]
        if plan.files or came:
            self.report.diffs.append({"before_header": directory, "after_header": directory, "before": "", "after": _shown([*plan.files, *came])})
        self.state["outputs"][directory] = {
            "digest": None if self.check else _digest(_inodes(directory)),
            "sources": [],
            "entries": len(plan.accounts),
            "skipped": plan.skipped,
        }
        return {
            "changed": bool(plan.files or came),
            "entries": len(plan.accounts),
            "skipped": plan.skipped,
            "came": len(came),
            "went": 0,
            "problem": None,
            "log": [f"+ {line}" for line in came[:LOGGED_LINES]],
        }

    def _sources_of(self, output: dict[str, t.Any]) -> list[str]:
        if output["type"] not in OF_MEMBERS:
            return []
        vos = [vo for vo in self.config["vos"] if output["vos"] is None or vo["name"] in output["vos"]]
        return [source["name"] for source in [*(source for vo in vos for source in vo["sources"]), *self.config["ban_sources"]]]

    def _is_untouched(self, output: dict[str, t.Any]) -> bool:
        written = self.state["outputs"].get(output["path"], {})
        if output["type"] == "gridmapdir":
            return written.get("digest") == _digest(_inodes(output["path"]))
        data = _read(output["path"])
        return data is not None and written.get("digest") == hashlib.sha256(data).hexdigest()

    def _attributes(self, output: dict[str, t.Any]) -> bool:
        """Owner, group and mode of a file as asked; true if something was to change."""
        if output["type"] == "gridmapdir" or not os.path.exists(output["path"]):
            return False
        there = os.stat(output["path"])
        is_right, user, group = _wanted(output, there, self.check)
        if is_right:
            return False
        before, after = f"{there.st_uid}:{there.st_gid} 0{there.st_mode & 0o7777:o}\n", f"{user}:{group} {output['mode']}\n"
        self.report.diffs.append({"before_header": output["path"], "after_header": output["path"], "before": before, "after": after})
        if not self.check:
            os.chown(output["path"], user, group)
            os.chmod(output["path"], int(output["mode"], 8))
        return True

    def _write(self, path: str, data: bytes, options: dict[str, t.Any]) -> None:
        path = os.path.realpath(path)
        directory = os.path.dirname(path)
        if not os.path.isdir(directory):
            raise RunError(f"the directory {directory} does not exist")
        before = os.stat(path) if os.path.exists(path) else None
        user, group = _wanted(options, before, self.check)[1:]
        with _program.temporary(path) as (handle, temporary):
            handle.write(data)
            os.chown(temporary, user, group)
            os.chmod(temporary, int(options["mode"], 8))
            if options["backup"] and before is not None:
                with _program.temporary(path) as (backup, saved):
                    backup.write(_read(path) or b"")
                    os.chmod(saved, int(options["mode"], 8))
                    backup.flush()
                    os.replace(saved, f"{path}.old")
            handle.flush()
            os.fsync(handle.fileno())
            os.replace(temporary, path)

    # --- what is kept ---

    def _read_state(self) -> dict[str, t.Any]:
        new: dict[str, t.Any] = {"format": 1, "config": None, "used": {}, "next": None, "sources": {}, "outputs": {}, "vos": {}}
        path = os.path.join(self.config["state_dir"], "state.json")
        data = _read(path)
        if data is None:
            return new
        try:
            found = json.loads(data)
            parts = [found, *(found[key] for key in ("sources", "outputs", "used", "vos")), *found["sources"].values(), *found["outputs"].values()]
            if found["format"] != new["format"] or found.keys() != new.keys() or not all(isinstance(part, dict) for part in parts):
                raise ValueError
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self.report.warnings.append(f"{path} is broken: all is taken for unknown, and files are written only if all their sources answer")
            return new
        for name, entry in found["sources"].items():
            path = os.path.join(self.config["state_dir"], entry.get("file") or "")
            if entry.get("file") and hashlib.sha256(_read(path) or b"").hexdigest()[:32] not in entry["file"]:
                self.report.warnings.append(f"{path} is broken: the last good answer of source {name} is lost")
                entry["file"] = None
        return found

    def _answer(self, name: str) -> _gridmap.Answer | None:
        """The answer that counted until now."""
        file = self.known.get(name, {}).get("file")
        data = _read(os.path.join(self.config["state_dir"], file)) if file else None
        return None if data is None else _gridmap.Answer.from_json(json.loads(data))

    def _counting(self, name: str, how: str) -> _gridmap.Answer:
        answer = self.fresh.get(name) or self._answer(name)
        if answer is None:
            raise RunError(f"the last good answer of source {name} is gone")
        if how == "all":
            return answer
        kept_out = _gridmap.Answer()
        kept_out.out = answer.gone(self.now)
        return kept_out

    def _save_answers(self) -> None:
        for name, answer in self.fresh.items():
            data = json.dumps(answer.to_json(), separators=(",", ":")).encode()
            self.known[name]["file"] = f"{_digest(name)[:16]}-{hashlib.sha256(data).hexdigest()[:32]}.json"
            self._write(os.path.join(self.config["state_dir"], self.known[name]["file"]), data, {"mode": "0600", **PLAIN})
        # Until all outputs are written, they do not follow from what is known.
        self.state["config"] = None
        self._save_state()
        needed = {entry.get("file") for entry in self.known.values()}
        for name in os.listdir(self.config["state_dir"]):
            if ANSWER_FILE.fullmatch(name) and name not in needed:
                os.unlink(os.path.join(self.config["state_dir"], name))

    def _save_state(self) -> None:
        self._write(os.path.join(self.config["state_dir"], "state.json"), json.dumps(self.state).encode(), {"mode": "0600", **PLAIN})


# --- helpers ---


def _fetch_all(sources: list[dict[str, t.Any]], config: _gridmap.Config, tags: dict[str, dict[str, str]]) -> dict[str, _gridmap_sources.Fetched | str]:
    """What each source says, or why it says nothing. All are asked at once; one that hangs (in the resolver, say) is left behind."""
    deadline = time.monotonic() + config["timeout"]
    done: queue.Queue[tuple[str, _gridmap_sources.Fetched | str]] = queue.Queue()

    def ask(source: dict[str, t.Any]) -> None:
        try:
            found: _gridmap_sources.Fetched | str = _gridmap_sources.fetch(source, config, tags[source["name"]], deadline)
        except _gridmap_sources.SourceError as error:
            found = str(error)
        except Exception as error:  # pylint: disable=broad-exception-caught
            # A fault of ours in one parser must not stop the other sources.
            found = f"gave an answer that could not be read ({type(error).__name__}: {error})"
        done.put((source["name"], found))

    for source in sources:
        threading.Thread(target=ask, args=(source,), daemon=True).start()
    found: dict[str, _gridmap_sources.Fetched | str] = {}
    with contextlib.suppress(queue.Empty):
        while len(found) < len(sources):
            name, one = done.get(timeout=max(0.0, deadline + 2 - time.monotonic()))
            found[name] = one
    return {source["name"]: found.get(source["name"], "gave no full answer in time") for source in sources}


def _wanted(options: dict[str, t.Any], there: os.stat_result | None, check: bool) -> tuple[bool, int, int]:
    """Whether a file has owner, group and mode as asked, and the ids to give it. Who is not asked for stays."""
    ids = []
    for key, look_up, field in (("owner", pwd.getpwnam, "pw_uid"), ("group", grp.getgrnam, "gr_gid")):
        name = options[key]
        current = getattr(there, "st_uid" if key == "owner" else "st_gid") if there else (os.geteuid() if key == "owner" else os.getegid())
        if name is None:
            ids.append(current)
            continue
        try:
            ids.append(int(name) if name.isdigit() else getattr(look_up(name), field))
        except KeyError:
            if not check:
                raise RunError(f"the {key} {name} does not exist") from None
            # Its package may not be installed yet.
            ids.append(-1)
    is_right = there is not None and (there.st_uid, there.st_gid, there.st_mode & 0o7777) == (*ids, int(options["mode"], 8))
    return is_right, ids[0], ids[1]


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error


def _inodes(directory: str) -> dict[str, int]:
    if not os.path.isdir(directory):
        return {}
    with os.scandir(directory) as entries:
        return {entry.name: entry.inode() for entry in entries}


def _text(error: Exception) -> str:
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.filename else str(error)


def _digest(data: t.Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _shown(lines: list[str]) -> str:
    more = [f"... and {len(lines) - SHOWN_LINES} more"] if len(lines) > SHOWN_LINES else []
    return "".join(f"{line}\n" for line in [*lines[:SHOWN_LINES], *more])


# --- the program ---


def metrics(report: Report, now: int) -> str:
    """For the textfile collector of Prometheus' node exporter."""
    lines: list[str] = []

    def metric(name: str, text: str, values: t.Iterable[tuple[dict[str, str], float]]) -> None:
        lines.extend([f"# HELP elastigrid_gridmap_{name} {text}", f"# TYPE elastigrid_gridmap_{name} gauge"])
        for labels, value in values:
            inner = ",".join(f"{key}={json.dumps(label, ensure_ascii=False)}" for key, label in labels.items())
            lines.append(f"elastigrid_gridmap_{name}{'{' + inner + '}' if inner else ''} {value}")

    sources = report.sources.items()
    metric("success", "Whether the last run did all that it should, with no source that is missing or too old.", [({}, int(not report.errors))])
    metric("run_timestamp_seconds", "When the last run was.", [({}, now)])
    up = [({"source": name}, int(one["problem"] is None)) for name, one in sources]
    metric("source_up", "Whether the source gave an answer that counts in the last run.", up)
    metric("source_age_seconds", "Age of the answer that is used.", [({"source": name}, one["age"]) for name, one in sources if one["age"] is not None])
    metric("source_members", "Members in the answer that is used.", [({"source": name}, one["members"]) for name, one in sources])
    metric("source_out", "Users that the source keeps out.", [({"source": name}, one["out"]) for name, one in sources])
    skipped = [({"source": name, "reason": reason}, number) for name, one in sources for reason, number in one["skipped"].items()]
    metric("source_skipped", "Entries of the source that were of no use.", skipped)
    metric("vo_members", "Members that may come in.", [({"vo": name}, one["members"]) for name, one in report.vos.items()])
    out = [({"vo": name, "reason": reason}, number) for name, one in report.vos.items() for reason, number in one["out"].items()]
    metric("vo_out", "Users that are kept out.", out)
    metric("output_entries", "Entries of a file.", [({"path": one["path"]}, one["entries"]) for one in report.outputs])
    metric("output_up", "Whether a file could be written.", [({"path": one["path"]}, int(one["problem"] is None)) for one in report.outputs])
    return "\n".join(lines) + "\n"


def program() -> bytes:
    """This code as one file that Python runs."""
    used = (_dn, _files, _gridmap, _gridmap_config, _gridmap_outputs, _gridmap_sources, _program)
    return _program.archive(*used, sys.modules[__name__])


def main(arguments: list[str] | None = None) -> int:
    """0: all is well; 1: something is wrong, though what could be done was done; 2: nothing was done."""
    parser = argparse.ArgumentParser(description="Ask the sources of VO members and write the files that map users to accounts.")
    parser.add_argument("config", help="what to do: JSON with the options of the Ansible module elastigrid.site.gridmap")
    parser.add_argument("--check", action="store_true", help="write nothing, only say what would change")
    parser.add_argument("--force", action="append", default=[], metavar="SOURCE", help="accept the answer of this source, however small it is")
    options = parser.parse_args(arguments)
    try:
        try:
            with open(options.config, encoding="utf-8") as handle:
                config = _gridmap_config.load(handle.read())
        except (OSError, ValueError) as error:
            raise RunError(f"{options.config}: {getattr(error, 'strerror', None) or error}") from error
        report = run(config, options.force, options.check)
    except (RunError, OSError) as error:
        _program.log(3, str(error))
        return 2
    for output in report.outputs:
        if output["came"] or output["went"]:
            _program.log(6, f"{output['path']}: {output['came']} lines came, {output['went']} went, {output['entries']} entries")
            for line in output["log"]:
                _program.log(6, f"{output['path']}: {line}")
    for text in report.warnings:
        _program.log(4, text)
    for text in report.errors:
        _program.log(3, text)
    return 1 if report.errors else 0
