"""One live server for all tests that only look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.serving import Serving, serving


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("live")) as found:
        yield found
