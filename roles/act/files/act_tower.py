# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Starts the control tower with a database to itself, or says in one line why not. Run by its unit, in aCT's virtual environment.

A lock in the database server, whoever logs in there, is the tower's for as long as a connection of its own is heard of.
"""

import os
import runpy
import signal
import socket
import sys
import threading
import time

import act_repairs
import mysql.connector
from act.common.aCTConfig import aCTConfigARC

TABLES = {"arcjobs", "jobdescriptions", "proxies"}
# Seconds after which the server gives up a tower that says nothing: its host has died, or the network.
LEASE = 60
# Everybody sees the connections of his own account, and from where.
CONNECTIONS = "SELECT id, host FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"


class Refused(Exception):
    """Another try is of no use before somebody has done something."""


def ask(connection, question):
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall() if cursor.with_rows else []


def claim(db):
    """A connection by which the database is this tower's."""
    connection = mysql.connector.connect(**act_repairs.login(db))
    missing = TABLES - {name for (name,) in ask(connection, "SHOW TABLES")}
    if missing:
        raise Refused(f"database {db.name} lacks the tables {', '.join(sorted(missing))}: README.md of the role act says who makes them")
    ask(connection, f"SET SESSION wait_timeout = {LEASE}")
    [(locked,)] = ask(connection, "SELECT GET_LOCK(CONCAT('control tower of ', DATABASE()), 0)")
    [(here,)] = ask(connection, "SELECT SUBSTRING_INDEX(USER(), '@', -1)")
    # One that takes no lock is seen if it logs in under the same account. Connections from this host may be of commands such as actstat.
    elsewhere = {host.rsplit(":", 1)[0] for _id, host in ask(connection, CONNECTIONS)} - {here}
    if elsewhere or not locked:
        where = f"on {', '.join(sorted(elsewhere))}" if elsewhere else "here or under another account"
        raise Refused(f"database {db.name} is used by another control tower, {where}: one database is for one tower")
    return connection


def tell_systemd(word):
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
            messenger.sendto(word.encode(), path.replace("@", "\0", 1) if path.startswith("@") else path)


def hold(db, connection):
    """Says when the tower works on its database, and keeps it. A server that is away is waited for, as by the tower itself."""
    ready = False
    while True:
        try:
            connection = connection or claim(db)
            connection.ping()
            if not ready and ask(connection, CONNECTIONS):
                tell_systemd("READY=1")
                ready = True
        except Refused as reason:
            print(f"The control tower stops: {reason}", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        except mysql.connector.Error:
            connection = None
        time.sleep(LEASE / 6 if ready else 1)


def main():
    db = aCTConfigARC().db
    try:
        connection = claim(db)
    except Refused as reason:
        sys.exit(f"The control tower does not start: {reason}")
    except mysql.connector.Error as error:
        sys.exit(f"The control tower does not start: database {db.name} cannot be used: {error}")
    threading.Thread(target=hold, args=(db, connection), daemon=True).start()
    program = os.path.join(sys.prefix, "bin", "actmain")
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
