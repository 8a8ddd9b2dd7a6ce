"""What botocore signed passes, and nothing that was changed since."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.service.credentials import Address
from pipeline.local.service.operations.context import ApiError
from pipeline.local.service.signatures import Received, check_signature
from tests.pipeline.local.service.http_support import signed

ADDRESS = Address("http://127.0.0.1:8080", "5" * 64)
BODY = b'{"ModelName": "m"}'
JSON = {"X-Amz-Target": "SageMaker.CreateModel", "Content-Type": "application/x-amz-json-1.1"}
COPY = {"x-amz-copy-source": "/b/runs/1/model.tar.gz"}


def received(method: str = "POST", path: str = "/", service: str = "sagemaker") -> Received:
    """A good request, as the service gets it."""
    body, headers = (b"", COPY) if service == "s3" else (BODY, JSON)
    own = signed(ADDRESS, method, path, body, headers, service=service)
    sent = {name.lower(): value for name, value in own.items()}
    return Received(method, path, sent, None if service == "s3" else body)


def changed(request: Received, *, without: str = "", **headers: str) -> Received:
    """The same request with other headers; `_` stands for `-`."""
    kept = {name: value for name, value in request.headers.items() if name != without}
    new = {name.replace("_", "-"): value for name, value in headers.items()}
    return Received(request.method, request.path, kept | new, request.body)


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("POST", "/", "sagemaker"),
        ("POST", "/?b=2&a=1", "sagemaker"),
        ("HEAD", "/b/runs/x%20y/model.tar.gz", "s3"),
        ("PUT", "/b/models//a%2Fb/model.tar.gz?x-id=CopyObject", "s3"),
    ],
)
def test_what_the_owner_signed_passes(method: str, path: str, service: str) -> None:
    check_signature(received(method, path, service), ADDRESS.secret)


GOOD = received()
SIGNED = datetime.strptime(GOOD.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
STREAM = "UNSIGNED-PAYLOAD"
WRONG = {
    "no signature": (changed(GOOD, without="authorization"), "not signed"),
    "another scheme": (changed(GOOD, authorization="Bearer abc"), "not signed"),
    "half a header": (changed(GOOD, authorization="AWS4-HMAC-SHA256 Credential=a/b"), "not signed"),
    "no header at all": (changed(GOOD, authorization=""), "not signed"),
    "another key": (
        changed(
            GOOD, authorization=GOOD.headers["authorization"].replace("=local/", "=AKIAEXAMPLE/")
        ),
        "another key",
    ),
    "another operation": (changed(GOOD, x_amz_target="SageMaker.DeleteModel"), "another key"),
    "another host": (changed(GOOD, host="127.0.0.1:9"), "another key"),
    "a header added": (changed(GOOD, x_amz_copy_source="/b/other"), "another key"),
    "a header less": (changed(GOOD, without="content-type"), "another key"),
    "another body": (Received("POST", "/", GOOD.headers, b"{}"), "another key"),
    "another path": (Received("POST", "/b/k", GOOD.headers, BODY), "another key"),
    "a path that is none": (Received("POST", "@", GOOD.headers, BODY), "cannot be read"),
    "another method": (Received("PUT", "/", GOOD.headers, BODY), "another key"),
    "a body that is not signed": (changed(GOOD, x_amz_content_sha256=STREAM), "another key"),
    "another day": (changed(GOOD, x_amz_date="20200101T000000Z"), "another key"),
    "no day": (changed(GOOD, without="x-amz-date"), "another key"),
    "a signature that is no text": (
        changed(GOOD, authorization=GOOD.headers["authorization"][:-64] + "é" * 64),
        "another key",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(WRONG))
def test_what_was_changed_since_is_refused(name: str) -> None:
    request, reason = WRONG[name]
    with pytest.raises(ApiError, match=reason) as refused:
        check_signature(request, ADDRESS.secret, SIGNED)
    assert (refused.value.code, refused.value.http_status) == ("AccessDeniedException", 403)
    assert "python -m pipeline.endpoint credentials" in refused.value.message
    assert ADDRESS.secret not in refused.value.message


TEXT = st.text(st.characters(codec="latin-1"), max_size=30)


@given(authorization=TEXT, headers=TEXT, stamp=TEXT, path=TEXT)
def test_whatever_else_comes_is_refused(
    authorization: str, headers: str, stamp: str, path: str
) -> None:
    whole = f"AWS4-HMAC-SHA256 Credential=local/20260101/r/s/aws4_request, SignedHeaders={headers}"
    for value in (authorization, f"{whole}, Signature={authorization}"):
        sent = changed(GOOD, authorization=value, x_amz_date=stamp).headers
        with pytest.raises(ApiError):
            check_signature(Received("POST", path, sent, BODY), ADDRESS.secret, SIGNED)


def test_another_secret_is_refused() -> None:
    with pytest.raises(ApiError, match="another key or secret"):
        check_signature(GOOD, "6" * 64, SIGNED)


@pytest.mark.parametrize(
    ("minutes", "passes"), [(-16, False), (-14, True), (14, True), (16, False)]
)
def test_a_signature_is_good_for_a_quarter_of_an_hour(minutes: int, passes: bool) -> None:
    moment = SIGNED + timedelta(minutes=minutes)
    if passes:
        check_signature(GOOD, ADDRESS.secret, moment)
        return
    with pytest.raises(ApiError, match="more than 15 minutes ago"):
        check_signature(GOOD, ADDRESS.secret, moment)
