# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""What aCT needs to run with ARC 7 and on a current Python, and safely.

`act_repairs.pth` beside this file has it imported whenever a Python of aCT's virtual environment starts, before anything else. It changes no
file of aCT: each function below is called with one module, right after that was loaded, and replaces what is wrong in it.
"""

import importlib.abc
import importlib.machinery
import sys


def arc(module):
    """The bindings of ARC 7 have static methods under the names of their classes alone."""
    for flat, (owner, method) in {
        "Logger_getRootLogger": (module.Logger, "getRootLogger"),
        "JobDescription_Parse": (module.JobDescription, "Parse"),
    }.items():
        if not hasattr(module, flat):
            setattr(module, flat, getattr(owner, method))


def login(db):
    """How to log in to the database. One on another host shows a certificate for its name, unless told otherwise."""
    arguments = {"user": db.user, "password": db.password}
    if db.host:
        arguments |= {"host": db.host, "port": db.port}
    if db.ssl_ca:
        arguments |= {"ssl_ca": db.ssl_ca, "ssl_verify_cert": True, "ssl_verify_identity": True}
    elif db.host:
        arguments |= {"ssl_disabled": True}
    return arguments | {"database": db.name}


def database(module):
    """aCT speaks to a database on another host unencrypted."""
    from act.common.aCTConfig import aCTConfigARC

    def connect(self, dbname=None):
        self.conn = module.mysql.connect(**login(aCTConfigARC().db) | {"database": dbname})

    module.aCTDBMySQL._connect = connect


def rest(module):
    """aCT does not ask who the server is to which it delegates a proxy."""
    import ssl

    from act.common.aCTConfig import aCTConfigARC

    class VerifyingConnection(module.HTTPSConnection):
        def __init__(self, host, *args, context=None, **kwargs):
            context = context or ssl.create_default_context()
            context.load_verify_locations(capath=aCTConfigARC().voms.cacertdir)
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = True
            super().__init__(host, *args, context=context, **kwargs)

    module.HTTPSConnection = VerifyingConnection


def jobs(module):
    """The names of a job's attributes become columns. ARC 7 has the constant LOGDIR beside the attribute LogDir, which is one column twice."""
    create = module.aCTDBArc.__init__

    def init(self, *args, **kwargs):
        create(self, *args, **kwargs)
        self.jobattrs.pop("LOGDIR", None)

    module.aCTDBArc.__init__ = init


def clientdb(module):
    """actsub and actbulksub leave a number where client2arc, which dies of it, wants the description, and a site where it wants its endpoints."""

    def insert_job_and_description(self, jobdesc, proxyid, clusterlist, lazy=False):
        from act.client.common import readSites

        parsed = module.arc.JobDescriptionList()
        module.arc.JobDescription_Parse(jobdesc, parsed)
        jobid = self.insertJob(proxyid, ",".join(readSites()[clusterlist]), lazy=True)
        self.updateJob(jobid, {"jobdesc": jobdesc, "jobname": parsed[0].Identification.JobName}, lazy)
        return jobid

    module.ClientDB.insertJobAndDescription = insert_job_and_description


def prometheus(module):
    """The collector of aCTMonitor ends by raising StopIteration, which is an error in a generator since Python 3.7."""
    register = module.REGISTRY.register

    class Ending:
        def __init__(self, collector):
            self.collector = collector

        def collect(self):
            try:
                yield from self.collector.collect()
            except RuntimeError as error:
                if not isinstance(error.__cause__, StopIteration):
                    raise

    module.REGISTRY.register = lambda collector: register(Ending(collector))


REPAIRS = {
    "arc": arc,
    "act.arc.aCTDBArc": jobs,
    "act.arc.rest": rest,
    "act.client.clientdb": clientdb,
    "act.db.aCTDBMySQL": database,
    "prometheus_client.core": prometheus,
}


class Finder(importlib.abc.MetaPathFinder):
    """Calls a repair after its module has been loaded."""

    def find_spec(self, fullname, path, target=None):
        if fullname not in REPAIRS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                REPAIRS[fullname](module)

            spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
