"""Whatever is asked: an answer or SageMaker's error, never a fault of ours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.local.service.api import OPERATIONS, ApiError, LocalApi
from pipeline.local.service.shapes import service_model
from pipeline.local.store import Store
from tests.pipeline.local.service.api_support import make_config, make_model, register


def _values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that mostly have the right type, and any length, range, name and depth."""
    kind = shape.type_name
    wrong = st.sampled_from([None, 1, "", "a b", [], {}, True])
    if depth > 3:
        return wrong
    if kind == "structure":
        members = {name: _values(inner, depth + 1) for name, inner in shape.members.items()}
        needed = {name: members.pop(name) for name in shape.required_members}
        return st.fixed_dictionaries(needed, optional=members) | wrong
    if kind == "list":
        return st.lists(_values(shape.member, depth + 1), max_size=2) | wrong
    if kind == "map":
        values = _values(shape.value, depth + 1)
        return st.dictionaries(st.text(max_size=3), values, max_size=2) | wrong
    plain: dict[str, st.SearchStrategy[Any]] = {
        "string": st.sampled_from(getattr(shape, "enum", None) or ["m", "dogs", "e", "x" * 300]),
        "integer": st.integers(-1, 101),
        "boolean": st.booleans(),
        "timestamp": st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    }
    return plain.get(kind, st.integers(0, 3)) | wrong


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> LocalApi:
    api = LocalApi(Store(tmp_path_factory.mktemp("state")))
    register(api, 2)
    make_model(api)
    make_config(api)
    return api


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_request_is_answered_with_a_fault_of_ours(
    shared_api: LocalApi, operation: str, data: st.DataObject
) -> None:
    shape = service_model().operation_model(operation).input_shape
    members = {name: _values(inner, 1) for name, inner in shape.members.items()}
    needed = {name: members.pop(name) for name in shape.required_members}
    params = data.draw(st.fixed_dictionaries(needed, optional=members))
    try:
        shared_api.call(operation, params)
    except ApiError as error:
        assert error.http_status == 400, error.message
