"""Runs that reports are made of, each run once."""

import pytest

from tests.pipeline.report.report_support import Finished, finish


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run with everything in it."""
    return finish(tmp_path_factory.mktemp("finished"))
