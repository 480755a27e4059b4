"""Every deliberately wrong server is found out, and the right requirement is blamed."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest

import compute_conformance
from tests.conformance import defects
from tests.conformance.defects.defect import DEFECTS
from tests.conformance.reference import profile

for module in iter_modules(defects.__path__, f"{defects.__name__}."):
    import_module(module.name)


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_a_wrong_server_is_found_out(name: str) -> None:
    defect = DEFECTS[name]
    with defect.server() as app:
        report = compute_conformance.run(app, profile())
    broken = [requirement.id for requirement in report.broken()]
    assert broken, f"{name} conforms, it seems: {report.counts()} {report.wiring}"
    assert broken[0] in defect.breaks
