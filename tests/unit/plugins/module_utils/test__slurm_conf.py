# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from __future__ import annotations

import pytest

from ansible_collections.elastigrid.site.plugins.module_utils import _slurm_conf
from ansible_collections.elastigrid.site.plugins.module_utils._slurm_conf import (
    RECONFIGURE,
    RESTART_CONTROLLER,
    RESTART_WORKERS,
)


def values(config):
    return {setting.name: setting.values for setting in config.settings.values()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("# only a comment\n\n", {}),
        ("ClusterName=grid", {"ClusterName": ("grid",)}),
        ("ClusterName = grid # which one", {"ClusterName": ("grid",)}),
        ("AccountingStorageTRES=gres/gpu", {"AccountingStorageTRES": ("gres/gpu",)}),
        ('MailDomain="a b" ClusterName=grid', {"MailDomain": ("a b",), "ClusterName": ("grid",)}),
        ("ResumeProgram=/a \\\nSuspendProgram=/b", {"ResumeProgram": ("/a",), "SuspendProgram": ("/b",)}),
        ("SlurmctldHost=a(1.2.3.4)\nSlurmctldHost=b", {"SlurmctldHost": ("a(1.2.3.4)", "b")}),
        ("Include nodes.conf\ninclude more.conf", {"Include": ("nodes.conf", "more.conf")}),
        ("X=1 \\", {"X": ("1",)}),
    ],
)
def test_lines(text, expected):
    config = _slurm_conf.parse(text)
    assert values(config) == expected
    assert config.errors == []
    assert config.records == {}


def test_records_have_fields_and_take_over_the_defaults_before_them():
    config = _slurm_conf.parse(
        "PartitionName=a Nodes=x\nPartitionName=DEFAULT MaxTime=10 State=UP\nPartitionName=b maxtime=20 Nodes=y\nNodeName=a"
    )
    fields = {key: {k: v.values[0] for k, v in record.items()} for key, record in config.records.items()}
    assert fields == {
        ("partitionname", "a"): {"nodes": "x"},
        ("partitionname", "b"): {"maxtime": "20", "state": "UP", "nodes": "y"},
        ("nodename", "a"): {},
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("A=1\ngarbage", "line 2: not Key=Value: garbage"),
        ("A=1 garbage", "line 1: not Key=Value: A=1 garbage"),
        ("A=", "line 1: not Key=Value: A="),
        ('A="x', None),
        ("PartitionName=a\nPartitionName=b\npartitionname=a", "line 3: PartitionName=a is described a second time"),
        ("ClusterName=a\nclustername=b", "line 2: clustername is set a second time"),
        ("A=1 \\\n B \\\n C=2", "line 1: not Key=Value: A=1   B   C=2"),
    ],
)
def test_faults_are_named_with_their_line(text, error):
    assert _slurm_conf.parse(text).errors == ([error] if error else [])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("A=1", "# new comment\nA=1", []),
        ("A=1 B=2", "B=2\nA=1", []),
        ("clustername=a", "ClusterName=a", []),
        ("SlurmctldDebug=info", "SlurmctldDebug=debug", [("SlurmctldDebug", "info", "debug", RECONFIGURE)]),
        ("SelectType=select/linear", "", [("SelectType", "select/linear", None, RECONFIGURE)]),
        ("SlurmctldHost=a", "SlurmctldHost=a\nSlurmctldHost=b", [("SlurmctldHost", "a", "a,b", RECONFIGURE)]),
        ("SlurmdPort=6818", "slurmdport=6820", [("slurmdport", "6818", "6820", RESTART_WORKERS)]),
        ("", "SlurmctldPort=6817", []),
        ("AuthType=auth/munge", "", []),
        ("", "SlurmctldPort=6819", [("SlurmctldPort", None, "6819", RESTART_WORKERS)]),
        ("SlurmctldPort=6819", "", [("SlurmctldPort", "6819", None, RESTART_WORKERS)]),
        ("AuthType=auth/munge", "AuthType=auth/slurm", [("AuthType", "auth/munge", "auth/slurm", RESTART_WORKERS)]),
        ("", "AuthAltTypes=auth/jwt", [("AuthAltTypes", None, "auth/jwt", RESTART_CONTROLLER)]),
        (
            "",
            "AuthAltParameters=jwt_key=/k",
            [("AuthAltParameters/jwt_key", None, "jwt_key=/k", RESTART_CONTROLLER)],
        ),
        (
            "SlurmctldParameters=a,b",
            "SlurmctldParameters=b,A=1,c",
            [
                ("SlurmctldParameters/A", "a", "A=1", RECONFIGURE),
                ("SlurmctldParameters/c", None, "c", RECONFIGURE),
            ],
        ),
        ("SlurmctldParameters=a,b", "SlurmctldParameters=b,a", []),
        (
            "SlurmctldParameters=a",
            "SlurmctldParameters=a,enable_configless",
            [("SlurmctldParameters/enable_configless", None, "enable_configless", RESTART_CONTROLLER)],
        ),
        (
            "",
            "CommunicationParameters=EnableIPv6,keepalivetime=3",
            [
                ("CommunicationParameters/EnableIPv6", None, "EnableIPv6", RESTART_WORKERS),
                ("CommunicationParameters/keepalivetime", None, "keepalivetime=3", RECONFIGURE),
            ],
        ),
        ("", "SuspendTime=60", [("SuspendTime", None, "60", RESTART_CONTROLLER)]),
        ("SuspendTime=60", "SuspendTime=90", [("SuspendTime", "60", "90", RECONFIGURE)]),
        ("", "PartitionName=a Nodes=x", [("PartitionName=a", None, "present", RECONFIGURE)]),
        ("NodeSet=a Feature=x", "", [("NodeSet=a", "present", None, RECONFIGURE)]),
        (
            "PartitionName=a Nodes=x MaxTime=1",
            "PartitionName=a Nodes=x MaxTime=2 Default=YES",
            [
                ("PartitionName=a/Default", None, "YES", RECONFIGURE),
                ("PartitionName=a/MaxTime", "1", "2", RECONFIGURE),
            ],
        ),
        (
            "PartitionName=DEFAULT MaxTime=1\nPartitionName=a",
            "PartitionName=DEFAULT MaxTime=2\nPartitionName=a",
            [("PartitionName=a/MaxTime", "1", "2", RECONFIGURE)],
        ),
        ("NodeName=n CPUs=1", "NodeName=n CPUs=2", [("NodeName=n/CPUs", "1", "2", RECONFIGURE)]),
        ("NodeName=n Port=1", "NodeName=n Port=2", [("NodeName=n/Port", "1", "2", RESTART_WORKERS)]),
    ],
)
def test_what_changed_and_what_it_takes(old, new, expected):
    assert _slurm_conf.changes(_slurm_conf.parse(old), _slurm_conf.parse(new)) == [
        _slurm_conf.Change(*change) for change in expected
    ]


def test_a_change_is_shown_with_both_values():
    assert str(_slurm_conf.Change("SlurmdPort", None, "6820", RESTART_WORKERS)) == "SlurmdPort: unset -> 6820"


RECONFIGURED = _slurm_conf.Change("A", "1", "2", RECONFIGURE)
RESTARTED = _slurm_conf.Change("B", "1", "2", RESTART_CONTROLLER)


@pytest.mark.parametrize(
    ("written", "found", "running", "pending", "expected"),
    [
        (False, [], True, False, "none"),
        (False, [], False, False, "none"),
        (False, [], True, True, "restart"),
        (True, [], True, False, "reconfigure"),
        (True, [RECONFIGURED], True, False, "reconfigure"),
        (True, [RECONFIGURED], True, True, "restart"),
        (True, [RECONFIGURED], False, False, "restart"),
        (True, [RECONFIGURED, RESTARTED], True, False, "restart"),
    ],
)
def test_the_action(written, found, running, pending, expected):
    assert _slurm_conf.action(written, found, running, pending) == expected


def test_the_start_of_a_process_is_read_whatever_its_name():
    # Booted 1000 s ago, the process started 250.5 s after that.
    stat = "77 (a b) c) S 1 77 77 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 9 0 25050 1 2 3"
    assert _slurm_conf.process_start(stat, 1000.0, 5000.0, 100) == pytest.approx(4250.5)
