# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _files


@pytest.mark.parametrize(
    ("content", "expected"),
    [("AAEC", b"\0\1\2"), ("AAEC\n", b"\0\1\2"), ("AA\nEC", b"\0\1\2"), ("/+8=", b"\xff\xef")],
)
def test_a_given_secret_is_decoded(content, expected):
    assert _files.decode_secret(content) == expected


@pytest.mark.parametrize("content", ["", "  ", "hunter2!", "AAE", "schlüssel"])
def test_what_is_no_base64_is_refused_without_being_shown(content):
    with pytest.raises(ValueError, match="content is") as caught:
        _files.decode_secret(content)
    assert not content.strip() or content not in str(caught.value)


@pytest.mark.parametrize(
    ("current", "wanted", "written"),
    [
        (None, None, b"made"),
        (b"", None, b"made"),
        (b"old", None, None),
        (None, b"given", b"given"),
        (b"", b"given", b"given"),
        (b"old", b"given", b"given"),
        (b"given", b"given", None),
    ],
)
def test_what_is_written(current, wanted, written):
    assert _files.secret_to_write(current, wanted, lambda: b"made") == written


def test_random_bytes_are_asked_for_by_their_number_and_encoded():
    assert _files.new_secret(3, "raw", lambda n: b"\xff" * n) == b"\xff\xff\xff"
    assert _files.new_secret(3, "hex", lambda n: b"\xff" * n) == b"ffffff"


def test_two_secrets_differ():
    assert _files.new_secret(32, "raw") != _files.new_secret(32, "raw")


def test_an_account_is_known_by_name_or_number():
    known = {"munge": 1}.__getitem__
    assert _files.account_exists("munge", known)
    assert _files.account_exists("64030", known)
    assert not _files.account_exists("slurm", known)
