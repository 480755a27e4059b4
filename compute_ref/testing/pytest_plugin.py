"""pytest fixtures; everything is imported when a test asks for it, not before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from compute_ref.testing.kit import ComputeApp


pytest.register_assert_rewrite("compute_ref.testing.backend_contract")


@pytest.fixture
def compute_app() -> Iterator[ComputeApp]:
    """The whole server in this process, with an instant backend and a clock that tests move."""
    from compute_ref.testing import kit

    with kit.compute_app() as app:
        yield app


@pytest.fixture
def compute_server() -> Iterator[str]:
    """The URL of a live server on a free port, with an instant backend."""
    from compute_ref.testing import kit

    with kit.compute_server() as url:
        yield url
