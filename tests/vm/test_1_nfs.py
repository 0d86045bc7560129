# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Kernel NFS between two guests: vm1 serves /shared, vm2 mounts it. Run after tests/vm/converge.yml."""

from __future__ import annotations

import json
import re

EXPORTS = "/etc/exports.d/elastigrid.exports"


def exports(*options: str) -> str:
    """nfs_exports for the command line: /shared as it is, and /srv/more with these options."""
    more = {"path": "/srv/more", "clients": ["10.89.78.0/24"], "options": options}
    return json.dumps({"nfs_exports": [{"path": "/shared", "clients": ["10.89.78.0/24"]}, more]})


def test_a_second_run_changes_nothing(play):
    result = play("tests/vm/nfs.yml")
    assert result.returncode == 0, result.stdout
    assert re.findall(r"^(\S+) .* changed=(\d+) ", result.stdout, re.MULTILINE) == [("vm1.grid.test", "0"), ("vm2.grid.test", "0")], result.stdout


def test_it_is_nfs_4_of_the_kernel(on):
    assert on("vm2", "findmnt --noheadings --output SOURCE,FSTYPE,OPTIONS /shared").startswith("vm1.grid.test:/shared nfs4 rw,")
    assert "vers=4.2" in on("vm2", "findmnt --noheadings --output OPTIONS /shared")
    assert on("vm1", "cat /proc/fs/nfsd/versions").startswith("-3 +4")


def test_a_user_reads_on_one_host_what_he_wrote_on_the_other(on):
    on("vm2", "echo from vm2 >~/note", user="grid01")
    assert on("vm1", "stat --format %U /shared/grid01/note && cat /shared/grid01/note") == "grid01\nfrom vm2"


def test_root_of_a_client_is_nobody_on_the_server(on):
    on("vm1", "install --directory --mode 1777 /shared/open")
    on("vm2", "touch /shared/open/by-root")
    assert on("vm1", "stat --format %U /shared/open/by-root") == "nobody"
    on("vm2", "touch ~/private && chmod 600 ~/private", user="grid01")
    assert on("vm2", "cat /shared/grid01/private || echo refused") == "refused"


def test_others_than_the_subnet_may_not_mount(on):
    assert "access denied" in on("vm1", "mount -t nfs 127.0.0.1:/shared /mnt 2>&1 || true")


def test_nothing_that_only_version_3_needs_runs(on):
    for host in ("vm1", "vm2"):
        assert on(host, "systemctl is-active rpcbind.socket rpcbind.service rpc-statd.service || true").split() == ["inactive"] * 3


def test_exports_with_an_error_do_not_replace_the_good_ones(on, play):
    before = on("vm1", f"cat {EXPORTS}")
    result = play("tests/vm/exports.yml", "-e", exports("rootsquash"))
    assert result.returncode == 2
    assert 'unknown keyword "rootsquash"' in result.stdout
    assert on("vm1", f"cat {EXPORTS}") == before


def test_a_new_export_is_served_without_a_restart(on, play):
    started = "systemctl show --property ActiveEnterTimestampMonotonic nfs-server"
    before = on("vm1", started)
    result = play("tests/vm/exports.yml", "-e", exports("ro"))
    assert result.returncode == 0, result.stdout
    on("vm2", "mount -t nfs vm1.grid.test:/srv/more /mnt && umount /mnt")
    assert on("vm1", started) == before
    on("vm1", f"sed -i /more/d {EXPORTS} && exportfs -ra")


def test_the_mount_survives_a_reboot_and_waits_for_its_server(on, until):
    boot = on("vm2", "cat /proc/sys/kernel/random/boot_id")
    on("vm2", "systemctl stop shared.mount")  # or the shutdown would wait for the server, too
    on("vm1", "systemctl stop nfs-server")
    on("vm2", "systemctl reboot", check=False)
    until("vm2 boots", lambda: on("vm2", "cat /proc/sys/kernel/random/boot_id", check=False) not in ("", boot), seconds=300)
    until("the mount waits", lambda: on("vm2", "systemctl show --property ActiveState --value shared.mount") == "activating")
    on("vm1", "systemctl start nfs-server")
    until("/shared is mounted", lambda: on("vm2", "findmnt --noheadings --output SOURCE /shared", check=False) == "vm1.grid.test:/shared", seconds=400)
    assert on("vm2", "cat ~/note", user="grid01") == "from vm2"
