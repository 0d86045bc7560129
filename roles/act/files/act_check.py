# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Says in one line why the control tower must not start, if so. Run by its unit, in aCT's virtual environment."""

import sys

import mysql.connector
from act.common.aCTConfig import aCTConfigARC

TABLES = {"arcjobs", "jobdescriptions", "proxies"}
# Everybody sees the connections of his own account, from all hosts. Those from this host may be of commands such as actstat.
OTHERS = "SELECT DISTINCT SUBSTRING_INDEX(host, ':', 1) FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1) AND db = DATABASE()"


def fault(db):
    """Why the tower must not use this database."""
    host = {"host": db.host, "port": db.port} if db.host and db.port else {}
    try:
        connection = mysql.connector.connect(user=db.user, password=db.password, database=db.name, **host)
    except mysql.connector.Error as error:
        return f"database {db.name} cannot be used: {error}"
    cursor = connection.cursor()
    cursor.execute("SHOW TABLES")
    missing = TABLES - {name for (name,) in cursor.fetchall()}
    if missing:
        return f"database {db.name} lacks the tables {', '.join(sorted(missing))}: run the role act, never actbootstrap"
    cursor.execute("SELECT SUBSTRING_INDEX(USER(), '@', -1)")
    ours = cursor.fetchall()
    cursor.execute(OTHERS)
    others = [name for (name,) in cursor.fetchall() if (name,) not in ours]
    if others:
        return f"database {db.name} is used by another control tower, on {', '.join(others)}: one database is for one tower"
    return None


reason = fault(aCTConfigARC().db)
if reason:
    sys.exit(f"The control tower does not start: {reason}")
