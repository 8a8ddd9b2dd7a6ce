"""A data set reaches its address whole, and only what is not in the bucket is sent."""

import base64
import hashlib
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.data.destination import BucketDestination, Transfer, TransferError, copy_here
from pipeline.data.files import scan
from pipeline.data.progress import Progress
from pipeline.data.reading import DataError, read_data

ACCOUNT, BUCKET = "123456789012", "dogs"
QUIET = Progress(StringIO())
PICTURES = {"cat/1.jpg": b"first", "cat/2 ü.jpg": b"second", "dog/1.jpg": b"third"}


def _folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


class Bucket:
    """A bucket that counts what is asked of it, and can be made to fail."""

    def __init__(self) -> None:
        session = boto3.Session("key", "secret", region_name="us-east-1")
        self.s3, self._watched = session.client("s3"), session.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.calls: list[tuple[str, str]] = []
        self.checksums: dict[str, str] = {}
        self.failing: str | None = None
        self._watched.meta.events.register("before-parameter-build.s3", self._count)

    def _count(self, params: dict[str, Any], model: Any, **_others: object) -> None:
        assert params["ExpectedBucketOwner"] == ACCOUNT
        key = params.get("Key", "")
        self.calls.append((model.name, key))
        if "ChecksumSHA256" in params:
            self.checksums[key.split("/", 2)[2]] = params["ChecksumSHA256"]
        if self.failing and model.name == "PutObject" and key.endswith(self.failing):
            from botocore.exceptions import EndpointConnectionError

            raise EndpointConnectionError(endpoint_url="https://s3")

    def upload(self, folder: Path) -> Transfer:
        self.calls.clear()
        destination = BucketDestination(self._watched, BUCKET, ACCOUNT)
        return destination.upload(scan(read_data(folder), QUIET), QUIET)

    def put(self) -> list[str]:
        """Names of the files that were sent by the last upload."""
        keys = [key for name, key in self.calls if name == "PutObject"]
        return sorted(key.split("/", 2)[2] for key in keys if key.startswith("datasets/"))

    def files(self, prefix: str) -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            item["Key"].removeprefix(prefix): self.s3.get_object(Bucket=BUCKET, Key=item["Key"])[
                "Body"
            ].read()
            for item in listed
        }


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with mock_aws():
        yield Bucket()


def _key(transfer: Transfer) -> str:
    assert transfer.uri.startswith(f"s3://{BUCKET}/datasets/")
    return transfer.uri.removeprefix(f"s3://{BUCKET}/")


def test_every_file_arrives_as_it_is(bucket: Bucket, tmp_path: Path) -> None:
    done = bucket.upload(_folder(tmp_path, PICTURES))
    assert bucket.files(_key(done)) == PICTURES
    assert (done.files, done.bytes, done.sent, done.copied) == (3, 16, 3, 0)


def test_s3_is_given_a_checksum_to_hold_each_file_against(bucket: Bucket, tmp_path: Path) -> None:
    bucket.upload(_folder(tmp_path, PICTURES))
    expected = base64.b64encode(hashlib.sha256(b"first").digest()).decode()
    assert bucket.checksums["cat/1.jpg"] == expected


def test_the_same_again_sends_nothing(bucket: Bucket, tmp_path: Path) -> None:
    first = bucket.upload(_folder(tmp_path, PICTURES))
    again = bucket.upload(tmp_path)
    assert (again.uri, again.present, bucket.put()) == (first.uri, 3, [])


def test_changed_data_has_a_new_address_and_only_the_change_is_sent(
    bucket: Bucket, tmp_path: Path
) -> None:
    before = bucket.upload(_folder(tmp_path, PICTURES))
    changed = PICTURES | {"dog/1.jpg": b"another", "dog/2.jpg": b"new"}
    after = bucket.upload(_folder(tmp_path, changed))
    assert after.uri != before.uri
    assert bucket.put() == ["dog/1.jpg", "dog/2.jpg"]
    assert (after.copied, after.sent) == (2, 2)
    assert bucket.files(_key(after)) == changed
    assert bucket.files(_key(before)) == PICTURES


def test_what_is_gone_from_an_earlier_data_set_is_sent(bucket: Bucket, tmp_path: Path) -> None:
    before = bucket.upload(_folder(tmp_path, PICTURES))
    bucket.s3.delete_object(Bucket=BUCKET, Key=f"{_key(before)}cat/1.jpg")
    bucket.upload(_folder(tmp_path, {"dog/2.jpg": b"new"}))
    assert bucket.put() == ["cat/1.jpg", "dog/2.jpg"]


def test_what_became_something_else_in_the_bucket_is_sent(bucket: Bucket, tmp_path: Path) -> None:
    before = bucket.upload(_folder(tmp_path, PICTURES))
    bucket.s3.put_object(Bucket=BUCKET, Key=f"{_key(before)}cat/1.jpg", Body=b"FIRST")
    after = bucket.upload(_folder(tmp_path, {"dog/2.jpg": b"new"}))
    assert bucket.put() == ["cat/1.jpg", "dog/2.jpg"]
    assert bucket.files(_key(after))["cat/1.jpg"] == b"first"


def test_a_manifest_that_is_not_ours_does_no_harm(bucket: Bucket, tmp_path: Path) -> None:
    for name, body in {"a": b"{", "b": b"[]", "c": b'{"files": 3}'}.items():
        bucket.s3.put_object(Bucket=BUCKET, Key=f"dataset-manifests/{name}.json", Body=body)
    assert bucket.upload(_folder(tmp_path, PICTURES)).sent == 3


def test_an_upload_that_broke_off_goes_on(bucket: Bucket, tmp_path: Path) -> None:
    files = {
        f"{'cat' if number % 2 else 'dog'}/{number:03}.jpg": bytes([number])
        for number in range(100)
    }
    _folder(tmp_path, files)
    bucket.failing = "050.jpg"
    with pytest.raises(TransferError, match=r"of 100 files are there: the same command goes on"):
        bucket.upload(tmp_path)
    there = {key for key in _everything(bucket) if key.startswith("datasets/")}
    assert not [key for key in _everything(bucket) if key.startswith("dataset-manifests/")]

    bucket.failing = None
    done = bucket.upload(tmp_path)
    assert done.present == len(there)
    assert done.sent == 100 - len(there)
    assert bucket.files(_key(done)) == files


def test_a_file_among_them_that_is_not_of_the_data_set_is_refused(
    bucket: Bucket, tmp_path: Path
) -> None:
    done = bucket.upload(_folder(tmp_path, PICTURES))
    bucket.s3.put_object(Bucket=BUCKET, Key=f"{_key(done)}cat/", Body=b"")  # a console's folder
    bucket.upload(tmp_path)
    bucket.s3.put_object(Bucket=BUCKET, Key=f"{_key(done)}cat/other.jpg", Body=b"?")
    with pytest.raises(DataError, match=r"cat/other\.jpg: not of this data set"):
        bucket.upload(tmp_path)


def test_the_manifest_says_what_is_there(bucket: Bucket, tmp_path: Path) -> None:
    done = bucket.upload(_folder(tmp_path, PICTURES))
    fingerprint = done.uri.split("/")[-2]
    key = f"dataset-manifests/{fingerprint}.json"
    manifest = json.loads(bucket.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert list(manifest["files"]) == sorted(PICTURES)


def test_a_copy_on_this_machine_is_the_same_data_at_the_same_address(
    bucket: Bucket, tmp_path: Path
) -> None:
    data = scan(read_data(_folder(tmp_path / "pictures", PICTURES)), QUIET)
    uri = bucket.upload(tmp_path / "pictures").uri
    store = tmp_path / "store"
    first = copy_here(store, uri, data, QUIET)
    (store / "cat/1.jpg").write_bytes(b"cut")
    again = copy_here(store, uri, data, QUIET)
    assert (first.copied, again.copied, again.present) == (3, 1, 2)
    assert {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    } == PICTURES


def _everything(bucket: Bucket) -> list[str]:
    pages = bucket.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]
