"""A console over a state of a test's own."""

import pytest

from pipeline.local.store import Store
from tests.pipeline.console.console_support import Visitor


@pytest.fixture
def visitor(store: Store) -> Visitor:
    """Somebody who opened the printed address of a console on `store`."""
    return Visitor(store.root)
