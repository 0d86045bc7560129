# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Runs one after the other, with sources that answer, fail, shrink and lie; on real files, against stand-ins on loopback."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import stat
import subprocess
import sys
import threading
import time

import gridmap_stand_ins as stand_ins
import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _gridmap_config, _gridmap_main, _gridmap_sources, _program

dn = stand_ins.dn
DAY = 86400


class Site:
    """Two VOs of two kinds of servers, and a local list of bans."""

    def __init__(self, place, serve) -> None:
        self.place = place
        self.atlas = [stand_ins.scim_user(number) for number in range(100)]
        self.lhcb = [stand_ins.voms_user(number) for number in range(100, 150)]
        self.iam = serve(stand_ins.iam(lambda: self.atlas))
        self.voms = serve(stand_ins.voms_admin(lambda: self.lhcb))
        (place / "token").write_text("good")
        (place / "bans").write_text("")
        self.grid_mapfile = place / "grid-mapfile"
        self.options = {
            "vos": [
                {"name": "atlas", "account": "atlas", "sources": [{"name": "a", "type": "iam", "url": self.iam.url, "token_file": f"{place}/token"}]},
                {"name": "lhcb", "account": "lhcb", "sources": [{"name": "l", "type": "voms_admin", "url": self.voms.url}]},
            ],
            "ban_sources": [{"name": "b", "type": "gridmap", "path": f"{place}/bans", "allow_empty": True}],
            "outputs": [{"type": "grid_mapfile", "path": str(self.grid_mapfile)}],
            "state_dir": str(place / "state"),
            "metrics": str(place / "metrics.prom"),
            "timeout": 10,
        }

    def run(self, *force, check=False, **options):
        config = _gridmap_config.load(json.dumps({**self.options, **options}))
        return _gridmap_main.run(config, force, check)

    def members(self):
        return {int(number) for number in re.findall(r"user (\d+)\"", self.grid_mapfile.read_text())}

    def state(self):
        return json.loads((self.place / "state" / "state.json").read_text())


def fails(request):
    return 500, {}, b"out of order"


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(_gridmap_sources, "PAUSE_SECONDS", 0.01)
    running = []

    def start(answer):
        running.append(stand_ins.StandIn(answer))
        return running[-1]

    yield start
    for stand_in in running:
        stand_in.close()


@pytest.fixture
def site(tmp_path, serve):
    return Site(tmp_path, serve)


@pytest.fixture
def later(monkeypatch):
    """Another time of day; files keep their own."""
    real = time.time

    def shift(seconds):
        monkeypatch.setattr(_gridmap_main.time, "time", lambda: real() + seconds)

    return shift


def test_a_first_run_and_a_second(site):
    checked = site.run(check=True)
    assert not site.grid_mapfile.exists() and not (site.place / "state").exists() and not (site.place / "metrics.prom").exists()
    report = site.run()
    assert report.changed and checked.changed and report.errors == report.warnings == []
    assert checked.sources == report.sources and checked.outputs == report.outputs and checked.diffs == report.diffs
    assert site.members() == set(range(150))
    assert report.vos == {"atlas": {"members": 100, "out": {}}, "lhcb": {"members": 50, "out": {}}}
    assert report.sources["a"] == {"status": "fresh", "age": 0, "members": 100, "out": 0, "skipped": {}, "problem": None}
    again = site.run()
    assert not again.changed and again.diffs == []
    assert again.vos == report.vos and again.outputs[0]["entries"] == report.outputs[0]["entries"] == 150


def test_nothing_is_computed_if_nothing_changed(site, monkeypatch):
    site.run()
    monkeypatch.setattr(_gridmap_main._gridmap, "table", lambda *arguments: pytest.fail("computed"))
    site.run()
    assert not site.run().errors
    # Neither are servers that fail a change.
    site.iam.answer = fails
    site.run()


def test_who_came_and_who_went(site):
    site.run()
    site.atlas.append(stand_ins.scim_user(500))
    site.atlas[3]["active"] = False
    for run in (site.run(check=True), site.run()):
        assert run.diffs == [
            {"before_header": str(site.grid_mapfile), "after_header": str(site.grid_mapfile), "before": f'"{dn(3)}" atlas\n', "after": f'"{dn(500)}" atlas\n'}
        ]
        assert (run.outputs[0]["came"], run.outputs[0]["went"]) == (1, 1)
    assert site.members() == set(range(150)) - {3} | {500}


def test_a_changed_or_lost_file_is_made_good(site):
    site.run()
    good = site.grid_mapfile.read_text()
    site.grid_mapfile.write_text(good + f'"{dn(9999)}" root\n')
    assert site.run().changed
    assert site.grid_mapfile.read_text() == good
    site.grid_mapfile.unlink()
    assert site.run().changed
    assert site.grid_mapfile.read_text() == good


# --- sources that fail ---


@pytest.mark.parametrize(
    "answer",
    [
        fails,
        lambda request: (200, {}, stand_ins.LOGIN),
        lambda request: (200, {}, b'{"totalResults": 0, "Resources": []}'),
        lambda request: (200, {}, b'{"totalResults": 100, "Resources": [{"id": "u1"'),
        lambda request: (401, {}, b""),
    ],
)
def test_a_failed_source_loses_nobody(site, answer):
    site.run()
    site.iam.answer = answer
    site.lhcb.append(stand_ins.voms_user(900))
    report = site.run()
    # The others go on.
    assert site.members() == set(range(150)) | {900}
    assert report.errors == [] and len(report.warnings) == 1
    assert report.warnings[0].startswith("source a ") and re.search(r"its answer of \d+ seconds ago is used", report.warnings[0])
    assert report.sources["a"]["status"] == "kept" and report.sources["a"]["members"] == 100
    assert 'elastigrid_gridmap_source_up{source="a"} 0' in (site.place / "metrics.prom").read_text()


def test_an_answer_too_old_is_an_error_and_the_file_stays(site, later):
    site.run()
    site.iam.answer = fails
    later(6 * DAY)
    assert site.run().errors == []
    later(8 * DAY)
    report = site.run()
    assert "its last good answer is 8 days old, more than max_age (7 days)" in report.errors[0]
    assert report.sources["a"]["status"] == "stale"
    assert site.members() == set(range(150))
    metrics = (site.place / "metrics.prom").read_text()
    assert "elastigrid_gridmap_success 0" in metrics and re.search(r'source_age_seconds\{source="a"\} 69\d{4}\b', metrics)
    # A ban comes through all the same.
    (site.place / "bans").write_text(f"{dn(5)}\n".replace(" ", "  ").replace(dn(5).replace(" ", "  "), f'"{dn(5)}"'))
    assert site.run().errors
    assert site.members() == set(range(150)) - {5}
    assert site.run(expire_stale=True).errors
    assert site.members() == set(range(100, 150))
    site.iam.answer = stand_ins.iam(lambda: site.atlas)
    assert not site.run().errors
    assert site.members() == set(range(150)) - {5}


def test_whom_a_stale_source_keeps_out_stays_out(site, later):
    site.atlas[7]["active"] = False
    site.options["vos"][0]["members"] = [dn(7), dn(8)]
    site.run()
    site.iam.answer = fails
    later(8 * DAY)
    site.run(expire_stale=True)
    assert site.members() == set(range(100, 150)) | {8}


def test_bans_are_never_too_old(site, later):
    (site.place / "bans").write_text(f'"{dn(5)}"\n')
    site.run()
    (site.place / "bans").unlink()
    later(8 * DAY)
    report = site.run(expire_stale=True)
    assert report.sources["b"]["status"] == "stale"
    assert 5 not in site.members() and len(site.members()) == 149


def test_a_time_that_ends_while_the_source_is_down(site, later):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + DAY))
    site.atlas[1] = stand_ins.scim_user(1, endTime=end)
    site.run()
    assert 1 in site.members()
    site.iam.answer = fails
    later(2 * DAY)
    assert site.run().changed
    assert site.members() == set(range(150)) - {1}


def test_a_time_that_ends_while_nothing_changes(site, later):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + DAY))
    site.atlas[1] = stand_ins.scim_user(1, endTime=end)
    site.run()
    assert not site.run().changed
    later(2 * DAY)
    assert site.run().changed
    assert site.members() == set(range(150)) - {1}


def test_a_source_that_shrinks_is_not_believed_but_for_whom_it_puts_out(site, later):
    site.run()
    everybody = list(site.atlas)
    site.atlas[:] = [*everybody[:50], stand_ins.scim_user(60, active=False)]
    report = site.run()
    assert site.members() == set(range(150)) - {60}
    assert "source a lists 49 of 100 members no more, which is not believed" in report.warnings[0]
    # Also when the server is down afterwards, and when it says the same again.
    site.iam.answer = fails
    site.run()
    assert site.members() == set(range(150)) - {60}
    site.iam.answer = stand_ins.iam(lambda: site.atlas)
    assert not site.run().changed
    # Not being believed is no good answer.
    later(8 * DAY)
    assert "source a lists 49 of 99 members no more" in site.run().errors[0]
    assert site.members() == set(range(150)) - {60}
    assert not site.run("a").errors
    assert site.members() == set(range(50)) | set(range(100, 150))
    site.atlas[:] = everybody
    assert not site.run().errors
    assert site.members() == set(range(150))


def test_a_suspension_in_an_answer_that_was_not_believed_ends_with_a_good_one(site):
    site.run()
    everybody = list(site.atlas)
    site.atlas[:] = [stand_ins.scim_user(60, active=False)]
    site.run()
    assert site.members() == set(range(150)) - {60}
    # The very answer that was believed last.
    site.atlas[:] = everybody
    report = site.run()
    assert report.sources["a"]["status"] == "fresh"
    assert site.members() == set(range(150))


def test_new_bans_in_a_list_that_shrank(site):
    (site.place / "bans").write_text("".join(f'"{dn(number)}"\n' for number in range(20)))
    site.run()
    (site.place / "bans").write_text(f'"{dn(30)}"\n')
    report = site.run()
    assert report.sources["b"]["status"] == "kept"
    assert site.members() == set(range(20, 150)) - {30}


def test_force_names_sources(site):
    with pytest.raises(_gridmap_main.RunError, match=r"force has x, must be names of sources \(a, l, b\)"):
        site.run("x")


def test_another_url_needs_an_answer_of_its_own(site, serve):
    """The tag of one URL says nothing of another, but its members stay until the other answers."""
    site.run()
    other = serve(fails)
    site.options["vos"][1]["sources"][0]["url"] = other.url
    site.run()
    assert site.members() == set(range(150))
    other.answer = stand_ins.voms_admin(lambda: [stand_ins.voms_user(number) for number in range(100, 151)])
    site.run()
    assert site.members() == set(range(151))


def test_other_options_make_another_answer_of_the_same_data(site):
    site.atlas[:95] = [stand_ins.scim_user(number, [("g", "atlas")]) for number in range(95)]
    site.run()
    assert site.members() == set(range(150))
    site.options["vos"][0]["sources"][0]["group"] = "atlas"
    site.run()
    assert site.members() == set(range(95)) | set(range(100, 150))


# --- files that are not ours, states that are lost ---


def test_a_file_of_others_is_replaced_only_if_all_sources_answer(site):
    site.grid_mapfile.write_text('"/O=old/CN=x" old\n')
    site.iam.answer = fails
    report = site.run()
    assert site.grid_mapfile.read_text() == '"/O=old/CN=x" old\n'
    assert f"{site.grid_mapfile} was not written: it may hold members that only a could name" in report.errors[1]
    site.iam.answer = stand_ins.iam(lambda: site.atlas)
    assert not site.run().errors
    assert site.members() == set(range(150))


def test_a_new_file_is_written_with_those_who_are_known(site):
    site.iam.answer = fails
    report = site.run()
    assert "source a answers with 500" in report.errors[0] and "there is no earlier answer of it" in report.errors[0]
    assert site.members() == set(range(100, 150))
    assert report.sources["a"]["status"] == "missing"
    # And for ours, no source that never answered stands in the way.
    site.lhcb.pop()
    site.run()
    assert site.members() == set(range(100, 149))


STATE = '{"format": 1, "config": null, "used": {}, "next": null, "vos": {}, "outputs": {}, "sources": %s}'


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 0}', "[" * 100000, STATE % "5", STATE % '{"a": 5}'])
def test_a_broken_state(site, content):
    site.run()
    (site.place / "state" / "state.json").write_text(content)
    site.iam.answer = fails
    report = site.run()
    assert "state.json is broken" in report.warnings[0] and report.errors
    assert site.members() == set(range(150))
    site.iam.answer = stand_ins.iam(lambda: site.atlas)
    assert not site.run().errors
    assert not site.run().warnings


@pytest.mark.parametrize("content", [None, b"", b"{}", b"x" * 50])
def test_a_broken_answer(site, content):
    site.run()
    path = site.place / "state" / site.state()["sources"]["a"]["file"]
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    site.iam.answer = fails
    report = site.run()
    assert "the last good answer of source a is lost" in report.warnings[0]
    assert any("it may hold members that only a could name" in error for error in report.errors)
    assert site.members() == set(range(150))
    # The same answer as before is asked for in full.
    site.iam.answer = stand_ins.iam(lambda: site.atlas)
    assert not site.run().errors
    assert site.members() == set(range(150))


@pytest.mark.parametrize("moment", ["_outputs", "_save_state"])
def test_a_run_that_is_cut_off(site, monkeypatch, moment):
    """A suspension that was seen once counts, though the source is down when the next run comes."""
    site.run()
    site.atlas[3]["active"] = False
    real = getattr(_gridmap_main._Run, moment)
    calls = []

    def cut(self, *arguments):
        calls.append(1)
        if moment == "_outputs" or len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(_gridmap_main._Run, moment, cut)
    with pytest.raises(KeyboardInterrupt):
        site.run()
    monkeypatch.setattr(_gridmap_main._Run, moment, real)
    site.iam.answer = fails
    site.run()
    assert site.members() == set(range(150)) - {3}


def test_only_own_files_are_tidied_away(site):
    (site.place / "state").mkdir()
    (site.place / "state" / "passwd.json").write_text("precious")
    site.run()
    site.atlas.pop()
    site.run()
    assert sorted(path.name for path in (site.place / "state").iterdir() if not re.match("[0-9a-f]{16}-", path.name)) == ["lock", "passwd.json", "state.json"]
    assert len(list((site.place / "state").iterdir())) == 6
    assert stat.S_IMODE((site.place / "state" / "state.json").stat().st_mode) == 0o600


def test_one_run_at_a_time(site, monkeypatch):
    site.run()
    monkeypatch.setattr(_program, "LOCK_SECONDS", 0.3)
    with _program.locked(site.options["state_dir"]):
        with pytest.raises(_gridmap_main.RunError, match="another run holds"):
            site.run()
        monkeypatch.setattr(_program, "LOCK_SECONDS", 30)
        waiting = threading.Thread(target=site.run)
        waiting.start()
        time.sleep(0.3)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()


# --- outputs ---


def test_mode_owner_and_backup(site):
    me, mine = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    site.options["outputs"][0].update(owner=me, group=mine, mode="0640", backup=True)
    site.run()
    assert stat.S_IMODE(site.grid_mapfile.stat().st_mode) == 0o640
    before = site.grid_mapfile.read_text()
    site.grid_mapfile.chmod(0o600)
    checked, done = site.run(check=True), site.run()
    assert checked.changed and done.changed and not site.run().changed
    assert checked.diffs == done.diffs and done.diffs[0]["before"].endswith(" 0600\n") and done.diffs[0]["after"].endswith(" 0640\n")
    assert stat.S_IMODE(site.grid_mapfile.stat().st_mode) == 0o640
    site.atlas.pop()
    site.run()
    assert (site.place / "grid-mapfile.old").read_text() == before
    assert sorted(path.name for path in site.place.iterdir()) == ["bans", "grid-mapfile", "grid-mapfile.old", "metrics.prom", "state", "token"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"owner": "no-such-account"}, "the owner no-such-account does not exist"),
        ({"path": "/no/such/directory/grid-mapfile"}, "the directory /no/such/directory does not exist"),
        ({"path": "/proc"}, "cannot be read: Is a directory"),
    ],
)
def test_an_output_that_cannot_be_written(site, change, error):
    """It does not stop the others, and is tried again."""
    site.options["outputs"].append({"type": "arc_authgroup", "vos": ["lhcb"], "path": str(site.place / "x"), **change})
    for report in (site.run(), site.run()):
        assert len(report.errors) == 1 and error in report.errors[0]
        assert site.members() == set(range(150))
    assert 'elastigrid_gridmap_output_up{path="/' in (site.place / "metrics.prom").read_text()


def test_an_output_is_a_link(site):
    (site.place / "real").mkdir()
    site.grid_mapfile.symlink_to("real/grid-mapfile")
    site.run()
    assert site.grid_mapfile.is_symlink() and len(site.members()) == 150


def test_pool_accounts(site):
    directory = site.place / "gridmapdir"
    pool = [f"lhcb{number:03}" for number in range(1, 41)]
    site.options["vos"][1]["account"] = ".lhcb"
    site.options["outputs"] = [
        {"type": "grid_mapfile", "path": str(site.grid_mapfile), "vos": ["lhcb"], "gridmapdir": str(directory)},
        {"type": "gridmapdir", "path": str(directory), "pool": pool},
    ]
    checked = site.run(check=True)
    assert not directory.exists()
    report = site.run()
    assert [output["entries"] for output in report.outputs] == [output["entries"] for output in checked.outputs] == [40, 40]
    assert report.outputs[0]["skipped"] == {"no free pool account": 10} and len(site.members()) == 40
    leases = {path.name: path.stat().st_ino for path in directory.iterdir() if path.name.startswith("%")}
    assert sorted(leases.values()) == sorted((directory / name).stat().st_ino for name in pool)
    assert not site.run().changed
    # Nobody gets the account of one who has gone.
    gone = site.lhcb.pop(0)
    site.lhcb.append(stand_ins.voms_user(999))
    assert gone["id"] == 100
    site.run()
    assert {path.name: path.stat().st_ino for path in directory.iterdir() if path.name.startswith("%")} == leases
    assert not {100, 999} & site.members()
    # A lease by a service is a change to look at.
    (directory / "lhcb041").touch()
    os.link(directory / "lhcb041", directory / "%2fcn%3dx")
    assert not site.run().changed


def test_leases_that_are_unknown_do_not_empty_the_file(site):
    directory = site.place / "gridmapdir"
    site.options["vos"][1]["account"] = ".lhcb"
    site.options["outputs"] = [
        {"type": "grid_mapfile", "path": str(site.grid_mapfile), "gridmapdir": str(directory)},
        {"type": "gridmapdir", "path": str(directory), "pool": [f"lhcb{number:03}" for number in range(60)]},
    ]
    site.run()
    directory.rename(site.place / "away")
    directory.write_text("a file")
    site.lhcb.pop()
    report = site.run()
    assert len(report.errors) == 2 and "is not known" in report.errors[1]
    assert len(site.members()) == 150


def test_no_password_is_kept_or_shown(site, serve):
    (site.place / "token").write_text("s3cret-token")
    report = site.run()
    assert "401" in report.errors[0]
    text = json.dumps([report.errors, report.warnings, report.sources, report.outputs, report.diffs])
    files = [path.read_text() for path in [*(site.place / "state").iterdir(), site.place / "metrics.prom", site.grid_mapfile]]
    assert "s3cret" not in text + "".join(files)


def test_a_fault_in_a_parser_is_that_of_one_source(site, monkeypatch):
    site.run()
    monkeypatch.setattr(_gridmap_sources, "voms_admin_page", lambda data: 1 / 0)
    assert "source l gave an answer that could not be read (ZeroDivisionError" in site.run().warnings[0]
    assert site.members() == set(range(150))


def test_a_source_that_hangs_is_left_behind(site, monkeypatch):
    """As the resolver may, which has no time-out."""
    site.run()
    monkeypatch.setitem(_gridmap_sources.FETCH, "voms_admin", lambda *arguments: time.sleep(20))
    began = time.monotonic()
    report = site.run(timeout=1)
    assert time.monotonic() - began < 6
    assert "source l gave no full answer in time" in report.warnings[0]
    assert site.members() == set(range(150))


def test_metrics(site):
    site.atlas[0]["active"] = False
    site.atlas[1] = stand_ins.scim_user(1, **{stand_ins.USER: {"certificates": [{"subjectDn": 'CN="'}]}})
    site.options["vos"][1]["sources"][0]["name"] = 'l"x\\y'
    report = site.run()
    text = (site.place / "metrics.prom").read_text()
    samples = dict(re.findall(r"^(elastigrid_gridmap_\w+(?:\{(?:\w+=\"(?:[^\"\\\n]|\\.)*\",?)*\})?) (\S+)$", text, re.MULTILINE))
    assert len(samples) == sum(not line.startswith("#") for line in text.splitlines())
    prefix = "elastigrid_gridmap_"
    assert samples[prefix + "success"] == "1"
    assert samples[prefix + 'source_members{source="a"}'] == "98"
    assert samples[prefix + 'source_members{source="l\\"x\\\\y"}'] == "50"
    assert samples[prefix + 'source_out{source="a"}'] == "1"
    assert samples[prefix + 'source_skipped{source="a",reason="DN"}'] == "1"
    assert samples[prefix + 'vo_members{vo="atlas"}'] == "98"
    assert samples[prefix + 'vo_out{vo="atlas",reason="inactive"}'] == "1"
    assert float(samples[prefix + "run_timestamp_seconds"]) == pytest.approx(time.time(), abs=60)
    assert "source a has entries that are of no use (1 for DN), such as DN:" in report.warnings[0]


# --- the program ---


@pytest.fixture
def program(site):
    path, config = site.place / "program", site.place / "config.json"
    path.write_bytes(_gridmap_main.program())

    def run(*arguments, python=sys.executable, journal=False, **options):
        config.write_text(json.dumps({**site.options, **options}))
        environment = {"PATH": "/usr/bin:/bin", **({"JOURNAL_STREAM": "1:2"} if journal else {})}
        return subprocess.run([python, "-I", str(path), str(config), *arguments], capture_output=True, text=True, env=environment, cwd="/", check=False)

    return run


def test_the_program_does_what_the_module_does(site, program):
    site.run()
    module = site.grid_mapfile.read_text()
    done = program()
    # One state for both: there is nothing to do.
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    site.atlas.pop()
    done = program("--check")
    assert (done.returncode, site.grid_mapfile.read_text()) == (0, module)
    assert done.stderr == f'{site.grid_mapfile}: 0 lines came, 1 went, 149 entries\n{site.grid_mapfile}: - "{dn(99)}" atlas\n'
    assert program(journal=True).stderr.startswith("<6>")
    assert not site.run().changed


def test_how_the_program_ends(site, program):
    assert program(max_age=0).returncode == 2
    assert program("--force", "x").returncode == 2
    site.iam.answer = fails
    done = program(journal=True)
    assert done.returncode == 1
    assert re.fullmatch(r"<6>.*150|<6>.*", done.stderr.splitlines()[0]) and done.stderr.splitlines()[-1].startswith("<3>source a answers with 500")
    assert "Traceback" not in done.stderr
    site.iam.answer = stand_ins.iam(lambda: site.atlas)
    site.run()
    site.atlas[:] = site.atlas[:50]
    assert "<4>source a lists 50 of 100 members no more" in program(journal=True).stderr
    assert program("--force", "a").returncode == 0
    assert len(site.members()) == 100


def test_a_configuration_that_is_none(site, program):
    program()
    (site.place / "config.json").write_text("{")
    done = subprocess.run([sys.executable, str(site.place / "program"), str(site.place / "config.json")], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith(f"{site.place}/config.json: not JSON")
    done = subprocess.run([sys.executable, str(site.place / "program"), "/nonexistent"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr == "/nonexistent: No such file or directory\n"


def test_the_program_is_the_same_for_the_same_code(site):
    assert _gridmap_main.program() == _gridmap_main.program()
    assert b"#!/usr/bin/python3 -I\n" == _gridmap_main.program()[:22]
