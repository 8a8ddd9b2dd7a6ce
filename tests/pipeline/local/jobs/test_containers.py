"""Folders, archives and names that training and processing share."""

import errno
import os
import re
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.failures import StepFailed
from pipeline.local.jobs.containers import (
    Background,
    Job,
    failure_of,
    job_environment,
    job_name,
    limit_of,
    log_tail,
    move_output,
    own_folder,
    pack,
    python_argv,
    stage_input,
)
from pipeline.local.processes.command import Ending, StartError, start_process
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


def _contents(folder: Path) -> dict[str, str]:
    """The files below a folder, through links."""
    found = {}
    for name, _, files in os.walk(folder, followlinks=True):
        for file in files:
            path = Path(name, file)
            found[path.relative_to(folder).as_posix()] = path.read_text()
    return found


@given(st.lists(st.text(), max_size=4))
def test_every_name_is_valid(parts: list[str]) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", job_name(*parts))


def test_long_names_that_differ_at_their_end_stay_different() -> None:
    one, two = job_name("x" * 80 + "a"), job_name("x" * 80 + "b")
    assert one != two
    assert len(one) == len(two) == 63
    assert job_name("x" * 63) == "x" * 63, "there was room for it"
    assert len(job_name("execution", "x" * 40, limit=32)) == 32


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
        ("file:///opt/ml/x", "file://{root}/x"),
        ("s3://b/opt/ml/x", "s3://b/opt/ml/x"),
    ],
)
def test_container_paths_become_the_jobs_own_where_it_has_no_opt_ml(
    job: Job, value: str, tail: str
) -> None:
    assert job.rewrite(value) == value
    without = replace(job, no_own_opt_ml="only Linux has private mounts")
    assert without.rewrite(value) == tail.format(root=job.root)


@pytest.mark.parametrize("path", ["/data", "/opt/ml/../../etc", "relative"])
def test_a_folder_outside_the_container_is_refused(job: Job, path: str) -> None:
    with pytest.raises(StepFailed, match="not under /opt/ml"):
        job.local(path)


def test_the_environment_holds_nothing_of_the_users_own(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "MY_TOKEN", "LD_LIBRARY_PATH", "TZ"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MY_TOKEN", "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with job_environment(job.work, 2, "us-east-1") as environment:
        assert environment.pop("PATH").startswith(f"{Path(sys.executable).parent}:")
        own = [Path(environment.pop(name)) for name in ("HOME", "TMPDIR")]
        assert all(path.is_dir() for path in own)
        assert environment == {
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "AWS_REGION": "us-east-1",
            "OMP_NUM_THREADS": "2",
            "MKL_NUM_THREADS": "2",
            "OPENBLAS_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "1",
        }
    assert not any(path.exists() for path in own)


def test_the_environments_folders_go_when_a_job_cannot_start(job: Job) -> None:
    with pytest.raises(StartError), job_environment(job.work, 2, "us-east-1") as environment:
        own = [Path(environment[name]) for name in ("HOME", "TMPDIR")]
        raise StartError("cannot start 'python'")
    assert not any(path.exists() for path in own)


def test_a_folder_appears_as_an_input(job: Job) -> None:
    _tree(job.store.path("s3://b/data"), {"a/1.txt": "x"})
    stage_input(job, "s3://b/data/", job.root / "input" / "data", "input data")
    assert (job.root / "input" / "data" / "a" / "1.txt").read_text() == "x"


def test_one_file_appears_in_a_folder_as_with_s3(job: Job) -> None:
    _tree(job.store.path("s3://b"), {"model.tar.gz": "x"})
    stage_input(job, "s3://b/model.tar.gz", job.root / "input" / "model", "input model")
    assert (job.root / "input" / "model" / "model.tar.gz").read_text() == "x"


def test_a_file_joins_the_folder_that_another_input_lies_in(job: Job) -> None:
    _tree(job.store.path("s3://b"), {"1.txt": "x", "2.txt": "y"})
    stage_input(job, "s3://b/1.txt", job.root / "input" / "one", "input one")
    stage_input(job, "s3://b/2.txt", job.root / "input", "input two")
    assert sorted(path.name for path in (job.root / "input").iterdir()) == ["2.txt", "one"]


def test_an_empty_folder_is_no_input(job: Job) -> None:
    job.store.path("s3://b/data").mkdir(parents=True)
    with pytest.raises(StepFailed, match="there is nothing at s3://b/data"):
        stage_input(job, "s3://b/data", job.root / "data", "input data")


@pytest.mark.parametrize("order", [1, -1])
def test_inputs_within_each_other_join_and_leave_each_other_alone(job: Job, order: int) -> None:
    outer = {"1.txt": "outer", "code/a.txt": "outer", "code/deep/b.txt": "outer"}
    inner = {"deep/c.txt": "inner", "d.txt": "inner"}
    _tree(job.store.path("s3://b/outer"), outer)
    _tree(job.store.path("s3://b/inner"), inner)
    places = [("s3://b/outer", "data"), ("s3://b/inner", "data/code")]
    for uri, place in places[::order]:
        stage_input(job, uri, job.root / place, place)
    assert _contents(job.root / "data") == outer | {f"code/{k}": v for k, v in inner.items()}
    assert _contents(job.store.path("s3://b/outer")) == outer
    assert _contents(job.store.path("s3://b/inner")) == inner


def test_of_two_inputs_with_the_same_file_the_later_one_is_seen(job: Job) -> None:
    _tree(job.store.path("s3://b"), {"one/x.txt": "one", "two/x.txt": "two", "x.txt": "three"})
    for uri, seen in (("s3://b/one", "one"), ("s3://b/two", "two"), ("s3://b/x.txt", "three")):
        stage_input(job, uri, job.root / "data", "input")
        assert (job.root / "data" / "x.txt").read_text() == seen
    assert _contents(job.store.path("s3://b/one")) == {"x.txt": "one"}


def test_what_is_written_where_an_input_lies_does_not_reach_the_input(job: Job) -> None:
    data = _tree(job.store.path("s3://b/data"), {"a/1.txt": "x"})
    stage_input(job, "s3://b/data", job.root / "data", "input data")
    own_folder(job, job.root / "data" / "a" / "out")
    (job.root / "data" / "a" / "out" / "new.txt").write_text("new")
    assert _contents(job.root / "data") == {"a/1.txt": "x", "a/out/new.txt": "new"}
    assert _contents(data) == {"a/1.txt": "x"}


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
    assert sorted(path.name for path in tmp_path.glob("*.tar.gz*")) == ["1.tar.gz"]


def test_links_are_not_packed(tmp_path: Path, make_model: Callable[[str], Path]) -> None:
    (make_model("one") / "link").symlink_to("/etc/passwd")
    pack(tmp_path / "one", tmp_path / "1.tar.gz")
    with tarfile.open(tmp_path / "1.tar.gz") as archive:
        assert archive.getnames() == ["a.txt", "b/x.txt", "run.sh"]


def test_an_archive_that_the_disk_had_no_room_for_takes_none(
    tmp_path: Path, make_model: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "addfile", full)
    with pytest.raises(OSError, match="No space left"):
        pack(make_model("one"), tmp_path / "store" / "1.tar.gz")
    assert not list((tmp_path / "store").iterdir())


LINES = [f"line {number}" for number in range(30)]


@pytest.mark.parametrize(
    ("written", "tail"),
    [
        (None, []),
        ("", []),
        ("one\n\n \ntwo", ["one", "two"]),
        ("\n".join(LINES), LINES[-20:]),
        ("x" * 20_000 + "\nend\n", ["x" * (16_384 - 5), "end"]),
    ],
    ids=["no file", "nothing", "empty lines", "more lines than are shown", "one endless line"],
)
def test_the_end_of_a_log(tmp_path: Path, written: str | None, tail: list[str]) -> None:
    if written is not None:
        (tmp_path / "log.txt").write_text(written)
    assert log_tail(tmp_path / "log.txt") == tail


@pytest.mark.parametrize(
    ("ending", "said", "reason"),
    [
        (Ending(0, "exited"), "", None),
        (Ending(-15, "stopped"), "half done", None),
        (Ending(0, "timed out"), "", "it ran longer than MaxRuntimeInSeconds (60 s) and was ended"),
        (Ending(-9, "exited"), "", "signal 9 ended it (9 is often: not enough memory)"),
        (Ending(-9, "exited"), "no memory", "no memory"),
        (Ending(2, "exited"), "", "the last line"),
        (Ending(2, "exited"), "no pictures", "no pictures"),
    ],
)
def test_why_a_job_is_no_success(job: Job, ending: Ending, said: str, reason: str | None) -> None:
    _tree(job.work, {"log.txt": "before\n  the last line \n\n"})
    failure = failure_of(job, ending, said, 60.0)
    assert (failure and failure.reason) == reason
    assert failure is None or failure.job_exit_code == ending.code


def test_a_job_has_a_day_unless_it_says_so() -> None:
    assert limit_of({}) == 86_400
    assert limit_of({"StoppingCondition": {"MaxRuntimeInSeconds": 60}}) == 60


def test_any_python_is_this_one() -> None:
    assert python_argv(("python3", "a.py")) == (sys.executable, "a.py")
    assert python_argv(("/usr/bin/python3.11", "a.py")) == (sys.executable, "a.py")
    assert python_argv(("bash", "python3")) == ("bash", "python3")
