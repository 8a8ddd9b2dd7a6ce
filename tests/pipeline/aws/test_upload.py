"""Code and weights reach the bucket once, under their hash, and never over something else."""

import hashlib
from base64 import b64encode
from pathlib import Path

import pytest
from moto import mock_aws

from pipeline.addresses import split_uri
from pipeline.assets.code_bundle import bundles_of
from pipeline.assets.packages import PACKAGES, packages_uri
from pipeline.aws import upload
from pipeline.aws.errors import AwsAccessError, AwsError
from pipeline.aws.multipart import put_large
from pipeline.aws.upload import Storage, check_bucket, upload_inputs
from pipeline.errors import UsageError
from pipeline.settings.model import Settings
from tests.pipeline.assets.weights_support import squeezenet_weights
from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, Cloud, Recorded, settings_for
from tests.wheel_support import write_wheel

URI = f"s3://{BUCKET}/weights/a.pth"
TARGET = {"Bucket": BUCKET, "Key": "weights/a.pth", "ExpectedBucketOwner": ACCOUNT}


@pytest.fixture
def bucket(moto: Recorded) -> Recorded:
    moto.aws.client("s3").create_bucket(Bucket=BUCKET)
    moto.requests.clear()
    return moto


def quiet(_line: str) -> None:
    return None


def read(cloud: Recorded, uri: str) -> bytes:
    where, key = split_uri(uri)
    content: bytes = cloud.aws.client("s3").get_object(Bucket=where, Key=key)["Body"].read()
    return content


def test_every_bundle_is_uploaded_as_it_is(
    bucket: Recorded, settings: Settings, tree: Path
) -> None:
    uploaded = upload_inputs(bucket.aws, settings, tree, quiet)
    objects = {
        uri: content
        for bundle in bundles_of(settings, tree).values()
        for uri, content in bundle.objects()
    }
    assert set(uploaded) == set(objects)
    assert {uri: read(bucket, uri) for uri in uploaded} == objects


def test_an_upload_is_conditional_checked_and_for_our_own_bucket_only(
    bucket: Recorded, settings: Settings, tree: Path
) -> None:
    upload_inputs(bucket.aws, settings, tree, quiet)
    for request in bucket.sent("PutObject"):
        assert request["IfNoneMatch"] == "*"
        assert request["ChecksumAlgorithm"] == "SHA256"
        assert request["ExpectedBucketOwner"] == ACCOUNT


def test_the_second_time_nothing_is_uploaded(
    bucket: Recorded, settings: Settings, tree: Path
) -> None:
    upload_inputs(bucket.aws, settings, tree, quiet)
    bucket.requests.clear()
    assert upload_inputs(bucket.aws, settings, tree, quiet) == ()
    assert {name for name, _ in bucket.requests} == {"ListObjectsV2"}


def test_what_isolated_jobs_install_is_uploaded_once(
    bucket: Recorded, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = write_wheel(tree / "index", "lacking")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tree / PACKAGES).write_text(f"lacking==1.0 --hash=sha256:{digest}\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    settings = settings_for("network.isolation=true", "deploy.staging.type=realtime")
    uri = f"{packages_uri(settings, tree)}/{wheel.name}"
    assert uri in upload_inputs(bucket.aws, settings, tree, quiet)
    assert read(bucket, uri) == wheel.read_bytes()
    wheel.unlink()
    assert upload_inputs(bucket.aws, settings, tree, quiet) == ()


def test_only_the_code_that_changed_is_uploaded(
    bucket: Recorded, settings: Settings, tree: Path
) -> None:
    upload_inputs(bucket.aws, settings, tree, quiet)
    (tree / "training_code/train.py").write_text("# better\n")
    (changed,) = upload_inputs(bucket.aws, settings, tree, quiet)
    assert changed == bundles_of(settings, tree)["train.py"].uri


def test_an_interrupted_upload_is_completed(
    bucket: Recorded, settings: Settings, tree: Path
) -> None:
    uploaded = upload_inputs(bucket.aws, settings, tree, quiet)
    lost = next(uri for uri in uploaded if uri.endswith("/prepare.py"))
    where, key = split_uri(lost)
    bucket.aws.client("s3").delete_object(Bucket=where, Key=key)
    assert upload_inputs(bucket.aws, settings, tree, quiet) == (lost,)


def test_weights_are_uploaded_once_and_said(bucket: Recorded, tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "backbone.pth"
    file.write_bytes(b"w" * 3_000_000)
    settings = settings_for(f"backbone.weights={file}")
    said: list[str] = []
    uri = upload_inputs(bucket.aws, settings, tree, said.append)[-1]
    assert uri.endswith("/backbone.pth")
    assert said == [f"uploading {uri} (3 MB)"]
    assert upload_inputs(bucket.aws, settings, tree, said.append) == ()
    assert len(said) == 1


def test_a_users_own_weights_must_be_there(bucket: Recorded, tree: Path) -> None:
    weights = f"backbone.weights=s3://{BUCKET}/mine.pth"
    settings = settings_for(weights, "backbone.name=squeezenet1_1")
    with pytest.raises(UsageError, match=r"backbone\.weights: there is no s3://.*/mine\.pth"):
        upload_inputs(bucket.aws, settings, tree, quiet)
    mine = squeezenet_weights("net.")
    bucket.aws.client("s3").put_object(Bucket=BUCKET, Key="mine.pth", Body=mine)
    said: list[str] = []
    assert not any("mine" in uri for uri in upload_inputs(bucket.aws, settings, tree, said.append))
    assert said == [
        f"checking s3://{BUCKET}/mine.pth (3 MB)",
        f"backbone.weights: s3://{BUCKET}/mine.pth: its net.*",
    ]


def test_a_users_own_weights_must_be_the_backbones(bucket: Recorded, tree: Path) -> None:
    weights = f"backbone.weights=s3://{BUCKET}/a/mine.pth"
    settings = settings_for(weights, "backbone.name=squeezenet1_0")
    mine = squeezenet_weights()
    bucket.aws.client("s3").put_object(Bucket=BUCKET, Key="a/mine.pth", Body=mine)
    with pytest.raises(UsageError, match=r"mine\.pth: it does not fit .* of squeezenet1_1"):
        upload_inputs(bucket.aws, settings, tree, quiet)


def test_decisions_are_uploaded_once(bucket: Recorded, tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("decision,new_class,content\n")
    settings = settings_for(f"data.decisions={file}")
    uri = upload_inputs(bucket.aws, settings, tree, quiet)[-1]
    assert uri.startswith(f"s3://{BUCKET}/decisions/") and uri.endswith("/d.csv")
    assert read(bucket, uri) == file.read_bytes()
    assert upload_inputs(bucket.aws, settings, tree, quiet) == ()


def test_a_users_own_decisions_must_be_there_and_readable(bucket: Recorded, tree: Path) -> None:
    settings = settings_for(f"data.decisions=s3://{BUCKET}/mine.csv")
    with pytest.raises(UsageError, match=r"data\.decisions: there is no s3://.*/mine\.csv"):
        upload_inputs(bucket.aws, settings, tree, quiet)
    bucket.aws.client("s3").put_object(Bucket=BUCKET, Key="mine.csv", Body=b"file\n")
    with pytest.raises(UsageError, match="no column decision, new_class, content"):
        upload_inputs(bucket.aws, settings, tree, quiet)


def test_what_somebody_else_wrote_meanwhile_stays(bucket: Recorded) -> None:
    s3 = bucket.aws.client("s3")
    storage = Storage(s3, ACCOUNT)
    bucket.just_before(
        "PutObject", lambda: s3.put_object(Bucket=BUCKET, Key="weights/a.pth", Body=b"theirs")
    )
    assert storage.put(URI, b"ours") is False
    assert read(bucket, URI) == b"theirs"


def test_a_write_that_clashes_is_tried_again(cloud: Cloud) -> None:
    cloud.refuse("s3", "put_object", "ConditionalRequestConflict", status=409)
    cloud.expect("s3", "put_object", {})
    assert Storage(cloud.aws.client("s3"), ACCOUNT).put(URI, b"ours") is True


def test_a_write_that_always_clashes_ends(cloud: Cloud) -> None:
    for _ in range(5):
        cloud.refuse("s3", "put_object", "ConditionalRequestConflict", status=409)
    with pytest.raises(AwsError, match="run again"):
        Storage(cloud.aws.client("s3"), ACCOUNT).put(URI, b"ours")


@pytest.mark.parametrize("operation", ["head_object", "put_object"])
def test_a_refusal_names_the_permission(cloud: Cloud, operation: str) -> None:
    cloud.refuse("s3", operation, "403" if operation == "head_object" else "AccessDenied")
    storage = Storage(cloud.aws.client("s3"), ACCOUNT)
    words = f"{URI}: not allowed: the credentials lack s3:"
    with pytest.raises(AwsAccessError, match=words):
        storage.exists(URI) if operation == "head_object" else storage.put(URI, b"ours")


def test_large_objects_go_in_parts_with_checksums(
    bucket: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, rest = b"a" * 5 * 1024**2, b"b" * 1000
    s3 = bucket.aws.client("s3")
    put_large(s3, TARGET, part + rest, part_bytes=len(part))
    assert read(bucket, URI) == part + rest
    (completed,) = bucket.sent("CompleteMultipartUpload")
    assert completed["IfNoneMatch"] == "*"
    sums = [one["ChecksumSHA256"] for one in completed["MultipartUpload"]["Parts"]]
    assert sums == [b64encode(hashlib.sha256(one).digest()).decode() for one in (part, rest)]
    assert all(one["ExpectedBucketOwner"] == ACCOUNT for one in bucket.sent("UploadPart"))


def test_the_limit_decides_how_an_object_is_sent(
    bucket: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "LARGE_BYTES", 10)
    storage = Storage(bucket.aws.client("s3"), ACCOUNT)
    assert storage.put(URI, b"more than ten bytes") is True
    assert (len(bucket.sent("PutObject")), len(bucket.sent("UploadPart"))) == (0, 1)
    assert storage.put(URI, b"something else here") is False
    assert read(bucket, URI) == b"more than ten bytes"


def test_parts_of_an_upload_that_fails_are_removed(cloud: Cloud) -> None:
    cloud.expect("s3", "create_multipart_upload", {"UploadId": "u"})
    cloud.refuse("s3", "upload_part", "InternalError", status=500)
    cloud.expect("s3", "abort_multipart_upload", {}, {**TARGET, "UploadId": "u"})
    with pytest.raises(Exception, match="InternalError"):
        put_large(cloud.aws.client("s3"), TARGET, b"content")


def test_a_cleaning_up_that_fails_too_does_not_hide_the_fault(cloud: Cloud) -> None:
    cloud.expect("s3", "create_multipart_upload", {"UploadId": "u"})
    cloud.refuse("s3", "upload_part", "InternalError", status=500)
    cloud.refuse("s3", "abort_multipart_upload", "AccessDenied", status=403)
    with pytest.raises(Exception, match="InternalError"):
        put_large(cloud.aws.client("s3"), TARGET, b"content")
    assert cloud.left() == 0


def test_a_bucket_that_is_there_and_ours_is_fine(bucket: Recorded, settings: Settings) -> None:
    check_bucket(bucket.aws, settings)
    assert bucket.sent("HeadBucket") == [{"Bucket": BUCKET, "ExpectedBucketOwner": ACCOUNT}]


def test_no_bucket_names_the_command_that_makes_it(moto: Recorded, settings: Settings) -> None:
    with pytest.raises(UsageError, match=rf"no bucket {BUCKET}: .*python -m pipeline\.bootstrap"):
        check_bucket(moto.aws, settings)


def test_a_bucket_in_another_region_is_refused(cloud: Cloud, settings: Settings) -> None:
    cloud.expect("s3", "head_bucket", {"BucketRegion": "eu-west-1"})
    with pytest.raises(UsageError, match="is in eu-west-1, not in us-east-1"):
        check_bucket(cloud.aws, settings)


def test_a_bucket_of_somebody_else_is_refused(cloud: Cloud, settings: Settings) -> None:
    cloud.refuse("s3", "head_bucket", "403", "Forbidden", 403)
    with pytest.raises(AwsAccessError, match=r"another account's, or .* lack s3:ListBucket"):
        check_bucket(cloud.aws, settings)


def test_moto_refuses_a_second_conditional_write_as_s3_does() -> None:
    """The tests above rely on it."""
    with mock_aws():
        s3 = Recorded().aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"1", IfNoneMatch="*")
        with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
            s3.put_object(Bucket=BUCKET, Key="k", Body=b"2", IfNoneMatch="*")
