"""AWS's inference contract: which functions are called, with what, and how errors are answered."""

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette

from pipeline.local.bodies import MAXIMUM_BODY
from pipeline.local.inference_contract import Answer, InferenceCodeError, LoadedModel, load_model
from pipeline.local.model_app import create_app
from pipeline.local.model_server import sweep

PLAIN = """
def model_fn(model_dir): return model_dir
def input_fn(body, content_type): return (type(body).__name__, content_type)
def predict_fn(data, model): return data
def output_fn(prediction, accept): return repr((prediction, accept))
"""
WITH_CONTEXT = """
def model_fn(model_dir, context): return context.system_properties["model_dir"] == model_dir
def input_fn(body, content_type, context): return context.get_request_header(0, "X-Colour")
def predict_fn(data, model, context): return (data, model)
def output_fn(prediction, accept, context): return repr(prediction).encode(), "text/plain"
"""
TRANSFORM = """
def model_fn(model_dir): return 3
def transform_fn(model, data, content_type, accept): return str(model), "text/csv"
"""


def _load(folder: Path, code: str) -> LoadedModel:
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(code)
    return load_model(folder)


def _send(
    app: Starlette,
    method: str,
    path: str,
    body: bytes = b"a",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", "str"),
        ("text/csv", "str"),
        ("application/json; charset=utf-8", "bytes"),  # as the toolkit: an exact match only
        ("image/jpeg", "bytes"),
        ("", "bytes"),
    ],
)
def test_bodies_come_as_text_or_bytes_as_on_sagemaker(
    tmp_path: Path, content_type: str, kind: str
) -> None:
    model = _load(tmp_path, PLAIN)
    answer = model.answer(b"{}", content_type, "*/*", {})
    assert answer.body.decode() == repr(((kind, content_type), "application/json"))
    assert answer.content_type == "application/json"


def test_text_that_is_no_utf8_comes_as_bytes(tmp_path: Path) -> None:
    answer = _load(tmp_path, PLAIN).answer(b"\xff", "application/json", "text/csv", {})
    assert answer.body.decode() == repr((("bytes", "application/json"), "text/csv"))


def test_functions_may_take_a_context(tmp_path: Path) -> None:
    app = create_app(_load(tmp_path, WITH_CONTEXT))
    answer = _send(app, "POST", "/invocations", headers={"X-Colour": "red"})
    assert (answer.text, answer.headers["content-type"]) == ("('red', True)", "text/plain")


def test_transform_fn_replaces_the_three(tmp_path: Path) -> None:
    answer = _load(tmp_path, TRANSFORM).answer(b"", "", "", {})
    assert answer == Answer(200, b"3", "text/csv")


@pytest.mark.parametrize(
    ("code", "message"),
    [("", "no function model_fn"), ("def model_fn(d): return 1", "no function input_fn")],
)
def test_missing_functions_are_named(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(InferenceCodeError, match=message):
        _load(tmp_path, code)


def test_a_model_without_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InferenceCodeError, match=r"no code/inference\.py"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("raised", "status", "error"),
    [
        (
            SimpleNamespace(status=422, code="unusable", message="0 x 0 pixels"),
            422,
            {"code": "unusable", "message": "0 x 0 pixels"},
        ),
        (
            SimpleNamespace(status_code=415, message="no GIF"),
            415,
            {"code": "UnsupportedContentType", "message": "no GIF"},
        ),
        (SimpleNamespace(status=503), 503, {"code": "Refused", "message": "as text"}),
        (
            SimpleNamespace(status=200),
            500,
            {"code": "InternalError", "message": "the model failed; its log says why"},
        ),
        (
            SimpleNamespace(),
            500,
            {"code": "InternalError", "message": "the model failed; its log says why"},
        ),
    ],
)
def test_refusals_keep_their_words_and_faults_do_not(
    raised: SimpleNamespace, status: int, error: dict[str, str]
) -> None:
    class Raised(Exception):
        pass

    problem = Raised("as text")
    vars(problem).update(vars(raised))

    def transform(*_values: object) -> object:
        raise problem

    app = create_app(LoadedModel(None, "", transform))
    answer = _send(app, "POST", "/invocations")
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert answer.headers["content-type"] == "application/json"


def test_a_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    app = create_app(_load(tmp_path, PLAIN))
    answer = _send(app, "POST", "/invocations", b"a" * (MAXIMUM_BODY + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "BodyTooLarge")


def test_ping_says_the_model_is_loaded(tmp_path: Path) -> None:
    app = create_app(_load(tmp_path, PLAIN))
    assert _send(app, "GET", "/ping").status_code == 200


def test_what_a_killed_server_left_is_swept(tmp_path: Path) -> None:
    for name in ("model-999999999", f"model-{os.getpid()}", "model-x", "other"):
        (tmp_path / name).mkdir()
    sweep(tmp_path)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {f"model-{os.getpid()}", "model-x", "other"}
