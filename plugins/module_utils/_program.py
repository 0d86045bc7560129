# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Code of modules as a program of its own, for a timer that runs it without Ansible. Private to this collection."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import json
import os
import sys
import tempfile
import time
import types
import typing as t
import zipfile

from ansible_collections.elastigrid.site.plugins.module_utils import _files

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

LOCK_SECONDS = 300
OPTION: dict[str, t.Any] = {"type": "dict", "options": {"path": {"type": "path", "required": True}, "config": {"type": "path", "required": True}}}


def archive(*modules: types.ModuleType) -> bytes:
    """One file that Python runs: a zip archive of these modules. The last one has the function `main`."""
    package, dot, name = modules[-1].__name__.rpartition(".")
    parents = ["/".join(package.split(".")[: number + 1]) for number in range(package.count(".") + 1)]
    files = {f"{parent}/__init__.py": "" for parent in parents}
    for module in modules:
        # All loaders of Python source have it, that of zip archives too, in which Ansible sends modules.
        loader: t.Any = t.cast("importlib.machinery.ModuleSpec", importlib.util.find_spec(module.__name__)).loader
        files[module.__name__.replace(".", "/") + ".py"] = loader.get_source(module.__name__)
    files["__main__.py"] = f"import sys\n\nfrom {package} import {name}\n\nsys.exit({name}.main())\n"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path, text in sorted(files.items()):
            # The same file for the same code.
            zipped.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return b"#!/usr/bin/python3 -I\n" + made.getvalue()


def install(module: AnsibleModule, program: bytes, config: dict[str, t.Any], place: dict[str, str]) -> list[dict[str, str]]:
    """Program and configuration are in their places; what changes, as diffs."""
    diffs: list[dict[str, str]] = []
    files = (
        (place["path"], program, 0o755, "the program"),
        (place["config"], json.dumps(config, indent=1, sort_keys=True).encode() + b"\n", 0o644, None),
    )
    for path, data, mode, shown in files:
        before = _files.read(module, path)
        if before != data:
            text = ("" if before is None else before.decode(errors="replace"), data.decode(errors="replace"))
            old, new = text if shown is None else (f"{shown}, another version\n" if before else "", f"{shown}\n")
            diffs.append({"before_header": path, "after_header": path, "before": old, "after": new})
            if not module.check_mode:
                _files.write(module, path, data)
        if os.path.exists(path) and os.stat(path).st_mode & 0o7777 != mode:
            diffs = diffs or [{"before_header": path, "after_header": path, "before": "", "after": f"mode {mode:o}\n"}]
            if not module.check_mode:
                os.chmod(path, mode)
    return diffs


class LockError(Exception):
    """Another run does not end, or the directory cannot be used."""


@contextlib.contextmanager
def locked(directory: str) -> t.Iterator[None]:
    """One run at a time, be it of a module or of a timer."""
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        handle = open(os.path.join(directory, "lock"), "w", encoding="utf-8")
    except OSError as error:
        raise LockError(f"{directory} cannot be used: {error.strerror}") from error
    with handle:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise LockError(f"another run holds {directory}/lock for more than {LOCK_SECONDS} s") from None
                time.sleep(0.2)
        yield


@contextlib.contextmanager
def temporary(path: str) -> t.Iterator[tuple[t.BinaryIO, str]]:
    """A new file beside another, gone afterwards unless it has taken its place."""
    descriptor, name = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        with os.fdopen(descriptor, "wb") as handle:
            yield handle, name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def replace(path: str, data: bytes, mode: int, uid: int, gid: int) -> None:
    """A file has this content, at once."""
    with temporary(path) as (handle, name):
        handle.write(data)
        os.fchown(handle.fileno(), uid, gid)
        os.fchmod(handle.fileno(), mode)
        handle.flush()
        os.fsync(handle.fileno())
        os.replace(name, path)


def log(priority: int, text: str) -> None:
    """A line for the journal, which reads the priority from the front of it."""
    prefix = f"<{priority}>" if "JOURNAL_STREAM" in os.environ else ""
    sys.stderr.write(f"{prefix}{text}\n")
