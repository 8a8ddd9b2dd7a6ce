"""A world for each test, on one client for a module."""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.service.client import sagemaker_client
from pipeline.local.store import Store
from tests.lambda_code.deploy_support import World


@pytest.fixture(scope="module")
def one_client(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Any]:
    """To make a client takes longer than a whole sequence, so all have the same one."""
    store = Store(tmp_path_factory.mktemp("state"))
    return store, sagemaker_client(store)


@pytest.fixture
def world(one_client: tuple[Store, Any], register_package: Callable[..., str]) -> World:
    return World(*one_client, register_package)
