# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""The configuration with dots instead of brackets. What is not there is false."""

import os

import yaml


class Section(dict):
    def __getattr__(self, name):
        value = self.get(name, {})
        return Section(value) if isinstance(value, dict) else value


def aCTConfigARC():  # noqa: N802 - aCT's name for it
    with open(os.environ.get("ACTCONFIGARC", "/etc/act/aCTConfigARC.yaml"), encoding="utf-8") as file:
        return Section(yaml.safe_load(file))
