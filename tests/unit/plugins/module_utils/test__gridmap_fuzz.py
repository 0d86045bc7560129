# Copyright (c) 2026, the elastigrid.site authors
# GNU General Public License v3.0-or-later (see LICENSES/GPL-3.0-or-later.txt)
"""Every parser of gridmap on what real servers say, spoilt: any part of it replaced by words that mean something somewhere, or by any bytes."""

from __future__ import annotations

import gridmap_parsers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SEEDS = gridmap_parsers.seeds()
PIECES = st.one_of(st.sampled_from(gridmap_parsers.WORDS).map(str.encode), st.binary(max_size=8))


@pytest.mark.parametrize("name", gridmap_parsers.CHECKS)
@settings(deadline=None)
@given(data=st.data())
def test_spoilt_answers(name, data):
    whole = data.draw(st.sampled_from(SEEDS[name]))
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    gridmap_parsers.CHECKS[name](whole[:start] + b"".join(data.draw(st.lists(PIECES, max_size=4))) + whole[end:])


@pytest.mark.parametrize(("name", "data"), [(name, seed) for name, seeds in SEEDS.items() for seed in seeds])
def test_what_real_servers_say(name, data):
    gridmap_parsers.CHECKS[name](data)


# What atheris found.
@pytest.mark.parametrize(("name", "data"), [("dn_comma", b"o=\\\xc2\x86")])
def test_found_before(name, data):
    gridmap_parsers.CHECKS[name](data)
