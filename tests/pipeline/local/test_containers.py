"""Folders, archives and names that training and processing share."""

import re
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.containers import (
    Background,
    Job,
    job_environment,
    job_name,
    move_output,
    pack,
    python_argv,
    stage_input,
)
from pipeline.local.failures import StepFailed
from pipeline.local.processes import start_process
from pipeline.local.store import Store


@pytest.fixture
def job(store: Store, tmp_path: Path) -> Job:
    return Job(
        step="Prepare",
        name="job",
        store=store,
        work=tmp_path / "work",
        arn=lambda kind, name: f"arn:{kind}/{name}",
        region="us-east-1",
        cores=2,
        start=start_process,
        grace_s=1.0,
        should_stop=lambda: False,
        on_metric=lambda name, value: None,
        background=Background(lambda work: work(), lambda: False),
    )


def _tree(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@given(st.lists(st.text(), max_size=4))
def test_every_name_is_valid(parts: list[str]) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", job_name(*parts))


def test_long_names_that_differ_at_their_end_stay_different() -> None:
    one, two = job_name("x" * 80 + "a"), job_name("x" * 80 + "b")
    assert one != two
    assert len(one) <= 63
    assert len(job_name("execution", "x" * 40, limit=32)) <= 32


@pytest.mark.parametrize(
    ("value", "tail"),
    [
        ("/opt/ml/processing/x", "{root}/processing/x"),
        ("--data=/opt/ml/input", "--data={root}/input"),
        ("/opt/ml", "{root}"),
        ("a:/opt/ml/b:/opt/ml/c", "a:{root}/b:{root}/c"),
        ("/opt/mlx", "/opt/mlx"),
        ("/my/opt/ml/x", "/my/opt/ml/x"),
        ("/opt/ml.old/x", "/opt/ml.old/x"),
    ],
)
def test_container_paths_become_the_jobs_own(job: Job, value: str, tail: str) -> None:
    assert job.rewrite(value) == tail.format(root=job.root)


@pytest.mark.parametrize("path", ["/data", "/opt/ml/../../etc", "relative"])
def test_a_folder_outside_the_container_is_refused(job: Job, path: str) -> None:
    with pytest.raises(StepFailed, match="not under /opt/ml"):
        job.local(path)


def test_the_environment_holds_nothing_of_the_users_own(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("MY_TOKEN", "secret")
    with job_environment(job.work, 2, "us-east-1") as environment:
        assert "secret" not in " ".join(environment.values())
        assert environment["PATH"].startswith(str(Path(sys.executable).parent))
        assert environment["OMP_NUM_THREADS"] == "2"
        assert Path(environment["HOME"]).is_dir()
        temporary = Path(environment["TMPDIR"])
        assert temporary.is_dir()
    assert not temporary.exists()


def test_a_folder_appears_as_an_input(job: Job) -> None:
    _tree(job.store.path("s3://b/data"), {"a/1.txt": "x"})
    stage_input(job, "s3://b/data/", job.root / "input" / "data", "input data")
    assert (job.root / "input" / "data" / "a" / "1.txt").read_text() == "x"


def test_one_file_appears_in_a_folder_as_with_s3(job: Job) -> None:
    _tree(job.store.path("s3://b"), {"model.tar.gz": "x"})
    stage_input(job, "s3://b/model.tar.gz", job.root / "input" / "model", "input model")
    assert (job.root / "input" / "model" / "model.tar.gz").read_text() == "x"


def test_an_empty_folder_is_no_input(job: Job) -> None:
    job.store.path("s3://b/data").mkdir(parents=True)
    with pytest.raises(StepFailed, match="there is nothing at s3://b/data"):
        stage_input(job, "s3://b/data", job.root / "data", "input data")


def test_an_input_never_writes_into_another_inputs_folder(job: Job) -> None:
    data = _tree(job.store.path("s3://b/data"), {"1.txt": "x"})
    stage_input(job, "s3://b/data", job.root / "data", "input data")
    with pytest.raises(StepFailed, match="inside another input"):
        stage_input(job, "s3://b/data", job.root / "data" / "more", "input more")
    assert [path.name for path in data.iterdir()] == ["1.txt"]


def test_outputs_move_and_links_stay_behind(tmp_path: Path) -> None:
    source = _tree(tmp_path / "out", {"a/1.txt": "x"})
    (source / "link").symlink_to("/etc/passwd")
    target = tmp_path / "store" / "out"
    assert move_output(source, target)
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*")) == ["a", "a/1.txt"]


def test_outputs_join_what_is_there(tmp_path: Path) -> None:
    target = _tree(tmp_path / "store", {"old.txt": "old", "both.txt": "old"})
    assert move_output(_tree(tmp_path / "out", {"both.txt": "new", "b/new.txt": "n"}), target)
    found = {p.name: p.read_text() for p in target.rglob("*.txt")}
    assert found == {"old.txt": "old", "both.txt": "new", "new.txt": "n"}


def test_an_empty_output_leaves_nothing_as_on_s3(tmp_path: Path) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    assert not move_output(tmp_path / "out", tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        folder = _tree(tmp_path / name, {"b/x.txt": "2", "a.txt": "1"})
        (folder / "run.sh").write_text("x")
        (folder / "run.sh").chmod(0o700)
        return folder

    return make


def test_an_archive_has_the_same_bytes_whenever_it_is_packed(
    tmp_path: Path, make_model: Callable[[str], Path]
) -> None:
    one, two = make_model("one"), make_model("two")
    (two / "a.txt").touch()
    (two / "b" / "x.txt").chmod(0o600)
    pack(one, tmp_path / "1.tar.gz")
    pack(two, tmp_path / "deep" / "2.tar.gz")
    assert (tmp_path / "1.tar.gz").read_bytes() == (tmp_path / "deep" / "2.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "1.tar.gz") as archive:
        assert archive.getnames() == ["a.txt", "b/x.txt", "run.sh"]
        assert {m.name: m.mode for m in archive}["run.sh"] == 0o755
        assert all(member.mtime == 0 and member.uid == 0 for member in archive)
    assert not list(tmp_path.glob("*.partial"))


def test_any_python_is_this_one() -> None:
    assert python_argv(("python3", "a.py")) == (sys.executable, "a.py")
    assert python_argv(("/usr/bin/python3.11", "a.py")) == (sys.executable, "a.py")
    assert python_argv(("bash", "python3")) == ("bash", "python3")
