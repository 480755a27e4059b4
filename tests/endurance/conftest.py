"""What endurance tests tell is shown whether they pass or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Tell = Callable[[str], None]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Show a line at once."""

    def told(line: str) -> None:
        with capsys.disabled():
            print(f"\n    {line}", end="", flush=True)

    return told
