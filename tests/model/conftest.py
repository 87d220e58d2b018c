"""The panel, layout and generator that the model's tests share."""

from __future__ import annotations

import pytest
from rich_panels import made, rich_layout, rich_panel


@pytest.fixture(scope="session")
def rich():
    """Return panel, layout and generator of everything that a cell can do."""
    panel, layout = rich_panel(), rich_layout()
    return panel, layout, made(panel, layout)
