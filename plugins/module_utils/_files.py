# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Files that modules write whole. Private to this collection."""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import grp
import os
import pwd
import tempfile
import typing as t

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


@contextlib.contextmanager
def locked(path: str) -> t.Iterator[None]:
    """Nobody else who asks for it writes this file meanwhile. The lock is a file of its own, since the file itself is replaced."""
    with open(f"{os.path.realpath(path)}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def decode_secret(content: str) -> bytes:
    """The bytes behind a base64 text; the error names the fault, never the text."""
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("content is not valid base64") from None
    if not data:
        raise ValueError("content is empty")
    return data


def new_secret(length: int, encoding: str, random: t.Callable[[int], bytes] = os.urandom) -> bytes:
    """Random bytes, as they are or as hexadecimal digits."""
    data = random(length)
    return data.hex().encode() if encoding == "hex" else data


def secret_to_write(current: bytes | None, wanted: bytes | None, make: t.Callable[[], bytes]) -> bytes | None:
    """What has to be written, None if nothing: a given content always wins, a made one never replaces what is there."""
    if wanted is not None:
        return None if current == wanted else wanted
    return None if current else make()


def account_exists(name: str, look_up: t.Callable[[str], t.Any]) -> bool:
    if name.isdigit():
        return True
    try:
        look_up(name)
    except KeyError:
        return False
    return True


def read(module: AnsibleModule, path: str) -> bytes | None:
    """The content of a file, None if there is none."""
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        module.fail_json(msg=f"{path} cannot be read: {error.strerror}")


def write(module: AnsibleModule, path: str, data: bytes) -> None:
    """Replace a file at once. A new file is readable by its owner only, until its mode is set."""
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        module.fail_json(msg=f"{path} cannot be written: the directory {directory} does not exist")
    fd, temporary = tempfile.mkstemp(dir=module.tmpdir)
    module.add_cleanup_file(temporary)
    with os.fdopen(fd, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    # atomic_move gives a new file the mode that umask allows.
    umask = os.umask(0o077)
    try:
        module.atomic_move(temporary, path)
    finally:
        os.umask(umask)


def set_attributes(module: AnsibleModule, changed: bool, diff: dict[str, t.Any] | None = None) -> bool:
    """Owner, group and mode as asked; true if something changed.

    In check mode an owner or group may be unknown yet, because its package is not installed: that is a change to come.
    """
    arguments = module.load_file_common_arguments(module.params)
    if module.check_mode:
        for key, look_up in (("owner", pwd.getpwnam), ("group", grp.getgrnam)):
            if arguments[key] is not None and not account_exists(arguments[key], look_up):
                arguments[key] = None
                changed = True
    return module.set_fs_attributes_if_different(arguments, changed, diff=diff)
