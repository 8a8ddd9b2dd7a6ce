"""Addresses come apart as S3 and the file system mean them, or are refused with what to write."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.addresses import AddressError, path_of_file, split_uri

BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True)
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(BUCKETS, st.text())
def test_a_key_is_all_that_follows_the_bucket(bucket: str, key: str) -> None:
    assert split_uri(f"s3://{bucket}/{key}") == (bucket, key)


def test_a_bucket_alone_has_an_empty_key() -> None:
    assert split_uri("s3://bucket") == ("bucket", "")


@pytest.mark.parametrize("uri", ["", "bucket/key", "https://x/y", "s3://", "s3:///k", "file:///x"])
def test_what_is_not_an_address_on_s3_is_refused(uri: str) -> None:
    with pytest.raises(AddressError, match="write s3://bucket/key"):
        split_uri(uri)


@given(NAMES)
def test_a_path_is_what_its_address_leads_to(name: str) -> None:
    path = Path("/") / name
    assert path_of_file(path.as_uri()) == path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b#c?d", "/a/b#c?d"),
        ("file://localhost/a%20b", "/a b"),
    ],
)
def test_addresses_written_by_hand(uri: str, path: str) -> None:
    assert path_of_file(uri) == Path(path)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file://home/me/p", "'home': a file is written file:///home/me/p"),
        ("file://pictures", "'pictures': a file is written file:///pictures"),
        ("file://", "write file:///path"),
        ("file://localhost", "write file:///path"),
        ("s3://b/k", "write file:///path"),
        ("file:///a%00", "no file can have this name"),
    ],
)
def test_what_leads_to_no_file_is_refused(uri: str, message: str) -> None:
    with pytest.raises(AddressError, match=message):
        path_of_file(uri)
