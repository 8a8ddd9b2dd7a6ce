"""python -m pipeline.data, as people type it."""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.command_line.running import run_command
from pipeline.data import __main__ as data
from pipeline.data.progress import Progress
from tests.pipeline.aws.aws_support import ACCOUNT, BUCKET, REGION
from tests.pipeline.schema.schema_support import document

PICTURES = {"cat/1.jpg": b"first", "cat/2.jpg": b"second", "dog/1.jpg": b"third"}
MINE = ["--set", f"aws.account_id='{ACCOUNT}'"]
Run = Callable[..., int]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name, content in PICTURES.items():
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "pictures"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "dogImages.zip"
    with zipfile.ZipFile(path, "w") as written:
        for name, content in PICTURES.items():
            written.writestr(f"dogImages/{name}", content)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(*arguments: str) -> int:
        state = ["--state", str(tmp_path / "state")]
        return run_command(data.main, ["upload", *arguments, *state])

    return command


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    with mock_aws():
        yield boto3.client("s3", REGION)


def test_a_folder_goes_into_the_bucket(
    s3: Any, run: Run, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.create_bucket(Bucket=BUCKET)
    assert run(str(pictures), *MINE) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 files, 16 B: 3 sent, 0 copied, 0 were there"
    uri = lines[1].split()[1]
    assert f"pipeline.run --upsert --start --parameter DataUri={uri} --set " in lines[2]
    prefix = uri.removeprefix(f"s3://{BUCKET}/")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    assert [item["Key"].removeprefix(prefix) for item in listed] == sorted(PICTURES)


def test_an_archive_gives_the_same_address_as_its_folder(
    s3: Any, run: Run, pictures: Path, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.create_bucket(Bucket=BUCKET)
    assert run(str(archive), "--json", *MINE) == 0
    first = document("data upload", capsys.readouterr().out)
    assert run(str(pictures), "--json", *MINE) == 0
    second = document("data upload", capsys.readouterr().out)
    assert (first["uri"], first["sent"], second["present"]) == (second["uri"], 3, 3)


def test_for_this_machine_it_needs_no_account(
    run: Run, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(archive), "--local") == 0
    lines = capsys.readouterr().out.splitlines()
    uri = lines[1].split()[1]
    assert lines[2].endswith(f"pipeline.run --local --data {uri} --state {tmp_path}/state")
    folder = tmp_path / "state" / "s3" / uri.removeprefix("s3://")
    assert (folder / "cat/1.jpg").read_bytes() == b"first"
    assert not list((tmp_path / "state").glob("unpacked-*"))


class _Answer(io.BytesIO):
    status = 200

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.headers = {"Content-Length": str(len(content)), "ETag": '"v1"'}


class _Opener:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def check(self, url: str) -> None:
        assert url == "https://example.com/dogImages.zip"

    def open(self, _url: str, _headers: dict[str, str]) -> _Answer:
        return _Answer(self.content)


def test_a_download_is_kept_until_it_was_used(archive: Path, tmp_path: Path) -> None:
    arguments = ["upload", "https://example.com/dogImages.zip", "--local"]
    state = tmp_path / "state"
    options = data.parse([*arguments, "--state", str(state)])
    quiet = Progress(io.StringIO())

    with pytest.raises(data.UsageError):
        data.upload(options, quiet, _Opener(b"no archive"))
    assert list((state / "downloads").glob("*/archive"))

    transfer = data.upload(options, quiet, _Opener(archive.read_bytes()))
    assert (transfer.files, transfer.copied) == (3, 3)
    assert not list((state / "downloads").iterdir())


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("s3://elsewhere/data", 2, "set data.uri"),
        ("http://example.com/a.zip", 2, "only https"),
        ("/no/such/folder", 2, "no such folder or archive"),
    ],
)
def test_a_source_that_cannot_be_used_is_one_line(
    source: str, code: int, words: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(source, "--local") == code
    errors = capsys.readouterr().err
    assert words in errors
    assert len(errors.splitlines()) == 1


def test_a_file_that_is_no_archive_is_said_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert run(str(tmp_path / "notes.txt"), "--local") == 2
    assert "neither a zip nor a tar archive" in capsys.readouterr().err


def test_what_was_read_is_said_and_what_can_be_meant_in_two_ways_refused(
    run: Run, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(pictures), "--local") == 0
    assert "2 classes: cat, dog; 3 pictures, not split yet" in capsys.readouterr().err
    for group in ("old", "new"):
        shutil.copytree(pictures, tmp_path / "groups" / group)
    assert run(str(tmp_path / "groups"), "--local") == 2
    error = capsys.readouterr().err
    assert f"upload {tmp_path}/groups --local --state {tmp_path}/state --set data" in error
    assert run(str(tmp_path / "groups"), "--local", "--set", "data.layout=group/class") == 0
    assert "--set data.layout=group/class" in capsys.readouterr().out.splitlines()[2]


def test_of_an_archive_the_folder_to_unpack_is_named(
    run: Run, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for group in ("old", "new"):
        shutil.copytree(pictures, tmp_path / "groups" / group)
    shutil.make_archive(str(tmp_path / "groups"), "zip", tmp_path / "groups")
    assert run(str(tmp_path / "groups.zip"), "--local") == 2
    error = capsys.readouterr().err
    assert "unpack it, and give the folder new in it" in error
    assert f"error: the folders of {tmp_path}/groups.zip all hold the same folders" in error


def test_a_missing_bucket_names_the_command_that_makes_it(
    s3: Any, run: Run, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(pictures), *MINE) == 2
    assert "python -m pipeline.bootstrap" in capsys.readouterr().err


def test_progress_without_a_terminal_is_a_line_every_ten_seconds() -> None:
    stream, seconds = io.StringIO(), iter(range(1000))
    with Progress(stream, lambda: float(next(seconds))).stage("uploading", 1000) as advance:
        for _ in range(25):
            advance(40)
    assert stream.getvalue().splitlines() == [
        "uploading: 1.0 kB",
        "uploading: 400 B (40 %), 16 s left",
        "uploading: 800 B (80 %), 5 s left",
    ]
