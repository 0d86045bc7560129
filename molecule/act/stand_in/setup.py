# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
from setuptools import find_packages, setup

setup(
    name="act-stand-in",
    version="0.1",
    description="Stands in for aCT where that cannot be had: what the role act expects of it, and no job is ever submitted",
    packages=find_packages(),
    entry_points={"console_scripts": ["actbootstrap=act.stand_in:bootstrap", "actmain=act.stand_in:main"]},
)
