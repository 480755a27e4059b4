"""The whole suite against every wrong server: the first requirement that it calls broken is.

Or one is that says the same, of a narrower case: the table counts those apart.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compute_conformance.runner import EVERYTHING
from tests.conformance.defects import DEFECTS
from tests.conformance.defects.alike import ALIKE
from tests.conformance.judging import found_out
from tests.judge.table import WHOLE


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_a_wrong_server_is_blamed_for_what_it_breaks(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    finding, broken = found_out(DEFECTS[name], EVERYTHING), DEFECTS[name].breaks
    record_property(WHOLE, (name, finding.requirement if finding else None))
    assert finding
    assert finding.requirement in {*broken, *(ALIKE.get(one) for one in broken)}
