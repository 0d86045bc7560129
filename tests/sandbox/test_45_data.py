# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Jobs find the caches and proxies of the site, and their files when the origin is down. What playbooks/verify.yml looks at is not looked at again."""

from __future__ import annotations

import re
import shlex

import pytest
from conftest import CACHE, LOGIN, ORIGIN, STORE, WORKERS

# Of the workers, in their order.
ADDRESSES = ["10.89.77.21", "10.89.77.22"]
ENVIRONMENT = {
    "SITE_CACHE_ENDPOINTS": "root://cache.grid.test:1094",
    "OSG_SQUID_LOCATION": "cache.grid.test:3128",
    "http_proxy": "http://cache.grid.test:3128",
    "no_proxy": "localhost,.grid.test",
}


def parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line.partition("=")[0] in ENVIRONMENT)


def test_a_job_of_slurm_is_told_where_they_are(site, job):
    # The user's own environment has nothing of it.
    one = job("env", "--export=NONE").wait("COMPLETED")
    assert parsed(one.output) == ENVIRONMENT


def test_a_job_of_htcondor_is_told_where_they_are(site):
    submit = "executable = /usr/bin/env\ntransfer_executable = false\nshould_transfer_files = yes\nrequest_memory = 50MB\nrequest_disk = 1MB\noutput = out\nlog = log\n"
    submit += f'requirements = Machine == "{WORKERS[0]}"\nqueue\n'
    command = "set -e; d=$(mktemp -d); cd $d; cat >job; condor_submit job >&2; condor_wait -wait 120 log >&2; cat out; rm -rf $d"
    assert parsed(site.ssh(LOGIN, f"sudo -u grid01 sh -c {shlex.quote(command)}", stdin=submit)) == ENVIRONMENT


@pytest.fixture
def file(site, request):
    """A file of the origin that no cache has seen, and its checksum."""
    name = f"test-{request.node.name}-{id(request)}"
    checksum = site.ssh(ORIGIN, f"sudo sh -c 'head -c 8M /dev/urandom >{STORE}/{name}; chown xrootd: {STORE}/{name}; sha256sum {STORE}/{name}'").split()[0]
    yield f"/store/{name}", checksum
    site.ssh(ORIGIN, f"sudo systemctl start xrootd@origin; sudo rm -f {STORE}/{name}")


def test_jobs_read_what_the_cache_has_while_the_origin_is_down_and_get_an_error_for_what_it_has_not(site, job, file):
    path, checksum = file
    read = f'set -o pipefail; xrdcp --silent "$SITE_CACHE_ENDPOINTS/{path}" - | sha256sum'
    first = job(f"exec bash -c {shlex.quote(read)}").wait("COMPLETED")
    assert checksum in first.output
    # A cache writes behind its readers.
    site.wait("the cache has all of it", lambda: site.ssh(CACHE, f"sudo xrootd-cache-check public {path}") == "hit\n", 30)
    site.ssh(ORIGIN, "sudo systemctl stop xrootd@origin")
    second = job(f"exec bash -c {shlex.quote(read)}").wait("COMPLETED")
    assert checksum in second.output
    # What nobody has read is an error within a minute or so, and not an empty file.
    missing = site.run(*site.ssh_words, LOGIN, f"timeout 160 xrdcp --silent --force root://{CACHE}:1094/{path}-not /dev/null", check=False)
    assert missing.returncode not in (0, 124), missing


def test_nobody_can_call_the_worker_behind_nat(site):
    """What verify.yml ran there was called back."""
    called = [site.run(*site.ssh_words, LOGIN, f"timeout 3 bash -c '</dev/tcp/{address}/9618'", check=False).returncode for address in ADDRESSES]
    assert called == [0, 124]


def test_a_worker_takes_no_jobs_while_a_check_of_the_site_fails(site):
    """An executable in /etc/elastigrid/ready.d, such as the role cvmfs makes, speaks to both batch systems. What HTCondor makes of it: molecule/condor."""
    worker, node = WORKERS[0], "wn1"
    site.wait_for_node(node, "IDLE")
    try:
        site.ssh(worker, "sudo install -D -m 0755 /dev/stdin /etc/elastigrid/ready.d/test", stdin="#!/bin/sh\necho the moon is not full\nexit 1\n")
        site.wait("Slurm drains it", lambda: "DRAIN" in site.nodes()[node]["state"], 40)
        assert site.nodes()[node]["reason"] == "elastigrid.site: not ready: test: the moon is not full"
        said = site.ssh(worker, "sudo /usr/local/libexec/condor-worker-ready").splitlines()
        assert said == ["SiteReady = false", 'SiteNotReadyReason = "test: the moon is not full"', "-"]
    finally:
        site.ssh(worker, "sudo rm -f /etc/elastigrid/ready.d/test")
    site.wait_for_node(node, "IDLE", seconds=40)


CERTIFICATE = "_condor_SEC_CLIENT_AUTHENTICATION_METHODS=SSL _condor_AUTH_SSL_CLIENT_CERTFILE=$HOME/.globus/usercert.pem _condor_AUTH_SSL_CLIENT_KEYFILE=$HOME/.globus/userkey.pem"
TOKEN = "_condor_SEC_CLIENT_AUTHENTICATION_METHODS=SCITOKENS _condor_SCITOKENS_FILE=$HOME/token"


def htcondor_takes_one_for(site, credential: str) -> str | None:
    """The account as which the schedd lets one write."""
    said = site.ssh(LOGIN, f"{credential} _condor_AUTH_SSL_CLIENT_CADIR=/etc/grid-security/certificates timeout 60 condor_ping -verbose -type schedd WRITE", check=False)
    mapped = re.search(r"^Remote Mapping: +(\S+)$", said, re.MULTILINE)
    return mapped[1] if mapped and re.search(r"^Authorized: +TRUE$", said, re.MULTILINE) else None


@pytest.mark.parametrize(
    ("audience", "account"),
    [("https://login.grid.test:9618", "gridprod@grid.test"), ("login.grid.test:9618", "gridprod@grid.test"), ("https://elsewhere.test:9618", None)],
)
def test_htcondor_takes_tokens_that_are_for_its_host(site, audience, account):
    site.ssh(LOGIN, f"umask 077; python3 /var/lib/sandbox_issuer/issuer.py token {audience} 'condor:/READ condor:/WRITE' >token")
    assert htcondor_takes_one_for(site, TOKEN) == account
    site.ssh(LOGIN, "rm token")


def test_htcondor_knows_users_by_their_certificates_and_follows_the_mapping(site):
    mapfile = "/etc/grid-security/condor/mapfile"
    assert htcondor_takes_one_for(site, CERTIFICATE) == "grid01@grid.test"
    try:
        site.ssh(LOGIN, f"sudo cp --preserve {mapfile} {mapfile}.kept; sudo sed -i '/CN=Sandbox User/d' {mapfile}")
        site.wait("the user is out", lambda: htcondor_takes_one_for(site, CERTIFICATE) is None, 30)
    finally:
        site.ssh(LOGIN, f"sudo mv {mapfile}.kept {mapfile}")
    site.wait("the user is in", lambda: htcondor_takes_one_for(site, CERTIFICATE) == "grid01@grid.test", 30)
