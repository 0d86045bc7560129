# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The two programs that the unit and the role start, as dangerous to tables as those of aCT."""

import os
import time

import mysql.connector

from act.common.aCTConfig import aCTConfigARC

TABLES = {
    "arcjobs": "id INTEGER PRIMARY KEY AUTO_INCREMENT, arcstate VARCHAR(12), cluster VARCHAR(255)",
    "jobdescriptions": "id INTEGER PRIMARY KEY AUTO_INCREMENT, jobdescription MEDIUMTEXT",
    "proxies": "id INTEGER PRIMARY KEY AUTO_INCREMENT, dn VARCHAR(255)",
    "clientjobs": "id INTEGER PRIMARY KEY AUTO_INCREMENT, jobname VARCHAR(255)",
}


LOGIN = ("user", "password", "host", "port", "ssl_ca", "ssl_disabled")


def connect():
    db = aCTConfigARC().db
    return mysql.connector.connect(database=db.name, **{key: db[key] for key in LOGIN if key in db})


def bootstrap():
    connection = connect()
    cursor = connection.cursor()
    for table, columns in TABLES.items():
        try:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
            cursor.execute(f"CREATE TABLE {table} ({columns})")
        except mysql.connector.Error as error:
            print(f"Error creating table {table}: {error}")


def main():
    with open(os.path.join(aCTConfigARC().logger.logdir, "aCTMain.log"), "a", encoding="utf-8") as log:
        print("Running", file=log)
    connection = connect()
    while True:
        connection.ping(reconnect=True, attempts=60, delay=1)
        time.sleep(1)
