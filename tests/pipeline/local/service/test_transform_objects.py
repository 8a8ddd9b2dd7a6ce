"""Which objects a transform job reads, and how they become requests and an output."""

import json
from typing import Any

import pytest

from pipeline.local.service.transform_objects import ObjectsError, assembled, objects_of, payloads
from pipeline.local.store import Store

FILES = ("in/a.jpg", "in/deep/b.jpg", "in/.hidden", "in2/c.jpg", "one.jpg")


@pytest.fixture
def filled(store: Store) -> Store:
    for name in FILES:
        path = store.path(f"s3://b/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return store


def manifest(store: Store, content: Any) -> dict[str, str]:
    text = content if isinstance(content, str) else json.dumps(content)
    store.path("s3://b/list.manifest").write_text(text)
    return {"S3DataType": "ManifestFile", "S3Uri": "s3://b/list.manifest"}


@pytest.mark.parametrize(
    ("uri", "keys"),
    [
        ("s3://b/in", ["a.jpg", "deep/b.jpg"]),
        ("s3://b/in/", ["a.jpg", "deep/b.jpg"]),
        ("s3://b/in/deep", ["b.jpg"]),
        ("s3://b/one.jpg", ["one.jpg"]),
        ("s3://b/in/a", ["a.jpg"]),
        ("s3://b/in/d", ["deep/b.jpg"]),
        ("s3://b", ["in/a.jpg", "in/deep/b.jpg", "in2/c.jpg", "one.jpg"]),
    ],
)
def test_a_prefix(filled: Store, uri: str, keys: list[str]) -> None:
    found = objects_of(filled, {"S3DataType": "S3Prefix", "S3Uri": uri})
    assert [one.key for one in found] == keys


def test_a_manifest_names_its_objects(filled: Store) -> None:
    source = manifest(filled, [{"prefix": "s3://b/in/"}, "deep/b.jpg", "a.jpg"])
    assert [one.key for one in objects_of(filled, source)] == ["deep/b.jpg", "a.jpg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "must be JSON"),
        ({}, "must be JSON"),
        ([], "must be JSON"),
        (["a.jpg"], "must be JSON"),
        ([{"prefix": "s3://b/in/"}, 3], "must be JSON"),
        ([{"prefix": "s3://b/in/"}], "No S3 objects"),
        ([{"prefix": "s3://b/in/"}, "gone.jpg"], "no such object"),
        ("[" * 5_000, "must be JSON"),
    ],
)
def test_a_manifest_that_cannot_be_used(filled: Store, content: Any, message: str) -> None:
    with pytest.raises(ObjectsError, match=message):
        objects_of(filled, manifest(filled, content))


@pytest.mark.parametrize("uri", ["s3://b/nowhere/", "s3://c", "s3://b/in/x"])
def test_no_objects_are_refused_as_on_sagemaker(filled: Store, uri: str) -> None:
    with pytest.raises(ObjectsError, match="No S3 objects found under S3 URL"):
        objects_of(filled, {"S3DataType": "S3Prefix", "S3Uri": uri})


@pytest.mark.parametrize(
    ("by_line", "together", "bodies"),
    [
        (False, True, [b"aa\nb\n\nccc\n"]),
        (False, False, [b"aa\nb\n\nccc\n"]),
        (True, False, [b"aa", b"b", b"ccc"]),
        (True, True, [b"aa\nb\n", b"ccc\n"]),
    ],
)
def test_requests(by_line: bool, together: bool, bodies: list[bytes]) -> None:
    data = b"aa\nb\n\nccc\n"
    assert list(payloads(data, by_line=by_line, together=together, limit=5)) == bodies


def test_outputs() -> None:
    assert assembled([b"1", b"2\n"], by_line=False) == b"12\n"
    assert assembled([b"1", b"2\n"], by_line=True) == b"1\n2\n"
