#!/usr/bin/python3
# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Turns a node with the packages into an OpenStack: configuration, databases, identities, content; ends with all services stopped.

    build.py ADDRESS        of the node, for the public endpoints

Run once, inside the node, before it is kept as an image. All services run as root and share one password, made here: whoever
reaches this node may have it all, so that it belongs into a closed network.
"""

import concurrent.futures
import os
import pathlib
import re
import secrets
import shutil
import string
import subprocess
import sys

import content
import wait

HERE = pathlib.Path(__file__).resolve().parent
ETC = pathlib.Path("/etc")
PACKAGES = pathlib.Path("/usr/lib/python3/dist-packages")
PASSWORD = HERE / "password"
DATABASES = "keystone glance placement nova_api nova_cell0 nova neutron cinder".split()
TRANSPORT = "rabbit://guest:guest@127.0.0.1:5672/"
CREDENTIALS = """\
auth_url = http://127.0.0.1:5000/v3
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = svc
password = ${password}
region_name = RegionOne"""
AUTHTOKEN = """\
www_authenticate_uri = http://127.0.0.1:5000/
memcached_servers = 127.0.0.1:11211
service_token_roles = service
service_token_roles_required = true
"""
POOL = "max_pool_size = 10\nmax_overflow = 40"

# Name: port, WSGI file, processes (one thread each).
APIS = {
    "keystone": (5000, "keystone-wsgi-public", 2),
    "glance": (9292, "glance-wsgi-api", 1),
    "placement": (8778, "placement-api", 2),
    "neutron": (9696, "neutron-api", 2),
    "nova-api": (8774, "nova-api-wsgi", 3),
    "cinder-api": (8776, "cinder-wsgi", 1),
}
# Name: Python module, configuration files, the unit it starts after, the ports it needs. cinder-volume's first report would be lost
# if no scheduler listened, and the first volumes with it.
DAEMONS = {
    "nova-conductor": ("nova.cmd.conductor", ["nova/nova.conf"], "", "5000 8778"),
    "nova-scheduler": ("nova.cmd.scheduler", ["nova/nova.conf"], "", "5000 8778"),
    "cinder-scheduler": ("cinder.cmd.scheduler", ["cinder/cinder.conf"], "", ""),
    "cinder-volume": ("cinder.cmd.volume", ["cinder/cinder.conf"], "os-cinder-scheduler.service", ""),
    **{
        f"nova-compute{number}": (
            "nova.cmd.compute", ["nova/nova-compute.conf", f"nova/hypervisor{number}.conf"], "os-nova-conductor.service", "5000 8778",
        )
        for number in range(1, wait.HYPERVISORS + 1)
    },
}  # fmt: skip


def run(*command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def render(path, **values):
    return string.Template(path.read_text()).substitute(values)


def install_drivers():
    shutil.copytree(HERE / "drivers/testcloud", PACKAGES / "testcloud")
    shutil.copy(HERE / "drivers/nova_virt.py", PACKAGES / "nova/virt/testcloud.py")
    metadata = PACKAGES / "testcloud-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: testcloud\nVersion: 1.0\n")
    shutil.copy(HERE / "drivers/entry_points.txt", metadata)
    # oslo.messaging 16.1 looks for the answer to a call every half second: a server would take six seconds, not one.
    path = PACKAGES / "oslo_messaging/_drivers/amqpdriver.py"
    text = path.read_text()
    if text.count("time.sleep(0.5)") != 1:
        sys.exit(f"{path} is not what it was in oslo.messaging 16.1: see whether it still waits half a second for every answer")
    path.write_text(text.replace("time.sleep(0.5)", "time.sleep(0.005)"))


def configure(password):
    credentials = string.Template(CREDENTIALS).substitute(password=password)
    values = {
        "credentials": credentials,
        "authtoken": AUTHTOKEN + credentials,
        "transport": TRANSPORT,
        "database": f"mysql+pymysql://os:{password}@127.0.0.1",
        "pool": POOL,
    }
    for source in filter(pathlib.Path.is_file, (HERE / "etc").rglob("*")):
        target = ETC / source.relative_to(HERE / "etc")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(render(source, **values))
    (ETC / "nova/nova.conf").write_text((ETC / "nova/nova-compute.conf").read_text() + (ETC / "nova/databases.conf").read_text())
    memcached = ETC / "memcached.conf"
    memcached.write_text(re.sub(r"(?m)^-l .*", "-l 127.0.0.1", memcached.read_text()))
    for project in ("glance", "nova", "neutron", "cinder"):
        os.makedirs(f"/var/lib/{project}/lock", exist_ok=True)
    os.makedirs("/var/lib/testcloud/console")
    os.makedirs("/var/log/testcloud")


def make_units():
    uwsgi = HERE / "uwsgi"
    uwsgi.mkdir()
    for name, (port, wsgi, processes) in APIS.items():
        (uwsgi / f"{name}.ini").write_text(render(HERE / "uwsgi.ini", port=port, wsgi=f"/usr/bin/{wsgi}", processes=processes))
        write_unit(name, "exec", f"/usr/bin/uwsgi_python3 --ini {uwsgi / name}.ini")
    for number in range(1, wait.HYPERVISORS + 1):
        place = pathlib.Path(f"/var/lib/nova/hypervisor{number}")
        place.mkdir()
        (ETC / f"nova/hypervisor{number}.conf").write_text(f"[DEFAULT]\nhost = hypervisor{number}\nstate_path = {place}\n")
        # A fake driver does not write it, and nova-compute will not start a second time without.
        node = run("python3", "-c", f"from nova.virt import testcloud; print(testcloud.Driver.node_uuid('hypervisor{number}'))")
        (place / "compute_id").write_text(node)
    for name, (module, files, after, needs) in DAEMONS.items():
        # The packages have no program for it.
        program = pathlib.Path("/usr/local/bin", name)
        program.write_text(f"#!/usr/bin/python3\nimport sys\nfrom {module} import main\nsys.argv[0] = {name.rstrip('12')!r}\nsys.exit(main())\n")
        program.chmod(0o755)
        write_unit(name, "notify", " ".join([str(program), *(f"--config-file /etc/{file}" for file in files)]), after, needs)
    wants = " ".join(f"os-{name}.service" for name in [*APIS, *DAEMONS])
    target = f"[Unit]\nDescription=OpenStack test cloud\nWants={wants}\n\n[Install]\nWantedBy=multi-user.target\n"
    (ETC / "systemd/system/openstack.target").write_text(target)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "openstack.target", "mariadb", "rabbitmq-server", "memcached")


def write_unit(name, kind, command, after="", needs=""):
    unit = render(HERE / "unit.service", name=name, type=kind, command=command, after=after, needs=needs)
    (ETC / f"systemd/system/os-{name}.service").write_text(unit)


def make_databases(password):
    # A MariaDB that is told to end while it starts may never end (11.8.9): the start is waited for first.
    run("systemctl", "start", "mariadb", "memcached")
    run("systemctl", "restart", "mariadb", "memcached")
    script = "".join(f"CREATE DATABASE {name};" for name in DATABASES)
    script += f"CREATE USER 'os'@'127.0.0.1' IDENTIFIED BY '{password}'; GRANT ALL ON *.* TO 'os'@'127.0.0.1';"
    run("mariadb", input=script)


def fill_keystone(password, address):
    run("keystone-manage", "fernet_setup", "--keystone-user", "root", "--keystone-group", "root")
    run("keystone-manage", "credential_setup", "--keystone-user", "root", "--keystone-group", "root")
    run("keystone-manage", "db_sync")
    public = f"http://{address}:5000/v3"
    run(
        "keystone-manage", "bootstrap", "--bootstrap-region-id", "RegionOne", "--bootstrap-public-url", public,
        "--bootstrap-internal-url", "http://127.0.0.1:5000/v3", "--bootstrap-admin-url", "http://127.0.0.1:5000/v3",
        env=os.environ | {"OS_BOOTSTRAP_PASSWORD": password},
    )  # fmt: skip
    run("systemctl", "start", "os-keystone")
    wait.wait([5000])
    content.make_identities(content.connect(password), password, address)


def fill_nova(password):
    databases = f"mysql+pymysql://os:{password}@127.0.0.1"
    run("placement-manage", "db", "sync")
    run("nova-manage", "api_db", "sync")
    run("nova-manage", "cell_v2", "map_cell0", "--database_connection", f"{databases}/nova_cell0?charset=utf8")
    run("nova-manage", "cell_v2", "create_cell", "--name", "cell1", "--database_connection", f"{databases}/nova?charset=utf8", "--transport-url", TRANSPORT)
    run("nova-manage", "db", "sync")


def fill_others():
    run("neutron-db-manage", "--config-file", "/etc/neutron/neutron.conf", "--config-file", "/etc/neutron/plugins/ml2/ml2_conf.ini", "upgrade", "heads")
    run("cinder-manage", "db", "sync")
    run("glance-manage", "db_sync")


def discover_hypervisors():
    """Nova knows only those that have reported."""
    wait.wait([], ["hypervisors"])
    run("nova-manage", "cell_v2", "discover_hosts", "--by-service")


def stop():
    """Cleanly, so that the image starts without repairs."""
    run("systemctl", "stop", "openstack.target", "os-*.service")
    run("systemctl", "stop", "rabbitmq-server", "mariadb", "memcached")
    for log in pathlib.Path("/var/log/testcloud").iterdir():
        log.unlink()


def main(address):
    password = secrets.token_hex(16)
    PASSWORD.touch(mode=0o600)
    PASSWORD.write_text(password)
    install_drivers()
    configure(password)
    make_databases(password)
    make_units()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        rabbitmq = pool.submit(run, "systemctl", "restart", "rabbitmq-server")
        for task in [pool.submit(fill_keystone, password, address), pool.submit(fill_nova, password), pool.submit(fill_others), rabbitmq]:
            task.result()
    run("systemctl", "start", "openstack.target")
    discover_hypervisors()
    wait.wait(wait.APIS, wait.REPORTS)
    content.make_content(content.connect(password))
    stop()


if __name__ == "__main__":
    main(sys.argv[1])
