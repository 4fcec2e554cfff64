"""Recording into memory, and a clean end after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tachograph.sdk import recorder as recording
from tachograph.sdk.settings import Settings
from tachograph.testing import Captured, capture


@pytest.fixture
def recorded() -> Iterator[Captured]:
    """What the test records."""
    with capture() as captured:
        yield captured


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No test leaves a recorder, or settings, to the next."""
    yield
    recording.apply_settings(Settings())
    recording.end()
