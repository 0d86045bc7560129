# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of cases for the checks of the role nfs."""

from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils._checks.nfs import check

GROUPS = {"nfs_server": ["store.grid.test"], "nfs_client": ["wn1.grid.test"]}
EXPORT = {"path": "/srv/home", "clients": ["10.1.0.0/16"]}
MOUNT = {"path": "/home/grid"}


def server(*exports, **variables):
    return check({"nfs_exports": list(exports), **variables}, GROUPS, ["nfs_server"])


def client(*mounts, groups=None, **variables):
    return check({"nfs_mounts": list(mounts), **variables}, GROUPS if groups is None else groups, ["nfs_client"])


@pytest.mark.parametrize(
    "errors",
    [
        server(EXPORT),
        server(EXPORT, {"path": "/srv/data", "clients": ["192.0.2.7", "2001:db8::/64"], "options": ["ro"]}),
        server(EXPORT | {"options": ["no_root_squash"]}, nfs_server_implementation="ganesha"),
        server(EXPORT | {"options": ["fsid=7"]}),
        server(EXPORT, nfs_directories=[{"path": "/srv/home"}, {"path": "/srv/home/grid01", "mode": "0700"}]),
        client(MOUNT),
        client(MOUNT, {"path": "/data", "export": "/"}),
        client(MOUNT | {"server": "nas.example.org"}, groups={}),
        client(MOUNT | {"options": ["vers=4.2"]}),
        client(MOUNT | {"options": ["vers=3"]}, nfs_v3=True),
        check({}, GROUPS, []),
        check({"nfs_exports": "the spec's business", "nfs_mounts": [1]}, {}, []),
        check({"nfs_parts": ["server"], "nfs_exports": [EXPORT]}, {}, []),
        check({"nfs_exports": [EXPORT], "nfs_mounts": [MOUNT]}, GROUPS, ["nfs_server", "nfs_client"]),
    ],
)
def test_what_is_right_passes(errors):
    assert errors == []


@pytest.mark.parametrize(
    ("errors", "start"),
    [
        (server(), "nfs_exports is empty"),
        (server(EXPORT, EXPORT), "nfs_exports[1].path is /srv/home as is nfs_exports[0].path"),
        (server(EXPORT | {"path": "srv"}), "nfs_exports[0].path is srv, must be an absolute path"),
        (server(EXPORT | {"path": "/srv/"}), "nfs_exports[0].path is /srv/,"),
        (server(EXPORT | {"path": "/srv/../etc"}), "nfs_exports[0].path is /srv/../etc,"),
        (server(EXPORT | {"path": "/srv/my data"}), "nfs_exports[0].path is /srv/my data,"),
        (server(EXPORT | {"path": "//srv"}), "nfs_exports[0].path is //srv,"),
        (server(EXPORT | {"path": "/"}), "nfs_exports[0].path is /,"),
        (server(EXPORT | {"clients": []}), "nfs_exports[0].clients is empty"),
        (server(EXPORT | {"clients": ["10.1.0.0/33"]}), "nfs_exports[0].clients[0] is 10.1.0.0/33, must be an address or a subnet"),
        (server(EXPORT | {"clients": ["10.1.0.0/16", "10.1.2.3/16"]}), "nfs_exports[0].clients[1] is 10.1.2.3/16,"),
        (server(EXPORT | {"clients": ["*"]}), "nfs_exports[0].clients[0] is *,"),
        (server(EXPORT | {"options": ["fsid=7"]}, nfs_server_implementation="ganesha"), "nfs_exports[0].options[0] is fsid=7,"),
        (server(EXPORT, nfs_server_implementation="ganesha", nfs_v3=True), "nfs_v3 is true, must be false"),
        (server(EXPORT, nfs_directories=[{"path": "/srv/homes"}]), "nfs_directories[0].path is /srv/homes, must be in one of the exports: /srv/home"),
        (server(EXPORT, nfs_directories=[{"path": "/srv/home/a"}] * 2), "nfs_directories[1].path is /srv/home/a as is nfs_directories[0].path"),
        (client(), "nfs_mounts is empty"),
        (client(MOUNT, MOUNT), "nfs_mounts[1].path is /home/grid as is nfs_mounts[0].path"),
        (client({"path": "home"}), "nfs_mounts[0].path is home,"),
        (client({"path": "/"}), "nfs_mounts[0].path is /,"),
        (client(MOUNT | {"export": "home"}), "nfs_mounts[0].export is home,"),
        (client(MOUNT, groups={"nfs_server": []}), "nfs_mounts[0].server is not set and the group nfs_server is empty"),
        (client(MOUNT | {"options": ["hard", "nfsvers=3"]}), "nfs_mounts[0].options[1] is nfsvers=3,"),
        (
            check({"nfs_exports": [EXPORT], "nfs_mounts": [{"path": "/srv/home"}]}, GROUPS, ["nfs_server", "nfs_client"]),
            "nfs_mounts[0].path is /srv/home, which this host exports itself",
        ),
    ],
)
def test_what_is_wrong_is_named(errors, start):
    assert len(errors) == 1
    assert errors[0].startswith(start)
