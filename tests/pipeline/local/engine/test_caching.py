"""Steps are reused for the same work alone, within their time, and only when outputs are there."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.local.engine.caching import parse_duration
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import BUCKET, OUTPUT, ROLE, Json, Lab, cached, output_of

COUNT = """
import os, sys
with open(sys.argv[1] + "/out.txt", "w") as file:
    file.write(os.environ.get("WORD", "") + " ".join(sys.argv[2:]))
"""


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def _pair(lab: Lab, word: str = "a", **extra: Any) -> tuple[Json, Json]:
    first = lab.processing(
        "First",
        COUNT,
        outputs=["data"],
        arguments=[f"{OUTPUT}/data"],
        environment={"WORD": word},
        **extra,
    )
    second = lab.processing(
        "Second",
        COUNT,
        inputs={"data": output_of("First", "data")},
        outputs=["more"],
        arguments=[f"{OUTPUT}/more"],
    )
    return cached(first), cached(second)


def _cached(result: Any) -> dict[str, bool]:
    return {name: step.cached for name, step in result.steps.items()}


def test_the_same_work_is_done_once(lab: Lab) -> None:
    first = lab.run(*_pair(lab))
    again = lab.run(*_pair(lab))
    assert _cached(first) == {"First": False, "Second": False}
    assert _cached(again) == {"First": True, "Second": True}
    assert again.status == "Succeeded"
    assert again.steps["Second"].properties == first.steps["Second"].properties
    documents = lab.step_documents()
    source = {"SourcePipelineExecutionArn": first.execution_arn}
    assert documents["Second"]["CacheHitResult"] == source
    assert documents["Second"]["Metadata"]["ProcessingJob"]["Arn"]
    assert lab.heard[-1].cached
    assert len(lab.store.list("ProcessingJob")) == 2


def test_a_hit_of_a_hit_names_the_run_that_did_the_work(lab: Lab) -> None:
    first = lab.run(*_pair(lab))
    lab.run(*_pair(lab))
    lab.run(*_pair(lab))
    source = {"SourcePipelineExecutionArn": first.execution_arn}
    assert lab.step_documents()["First"]["CacheHitResult"] == source


def test_a_changed_environment_runs_again_and_with_it_what_follows(lab: Lab) -> None:
    lab.run(*_pair(lab))
    assert _cached(lab.run(*_pair(lab, word="b"))) == {"First": False, "Second": False}


def test_what_sagemaker_does_not_compare_keeps_the_cache(lab: Lab) -> None:
    lab.run(*_pair(lab))
    first, second = _pair(lab)
    arguments = first["Arguments"]
    arguments["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.m5.4xlarge"
    arguments["AppSpecification"] = dict(reversed(arguments["AppSpecification"].items()))
    assert _cached(lab.run(first, second)) == {"First": True, "Second": True}


def test_a_step_is_not_reused_without_its_outputs(lab: Lab) -> None:
    first = lab.run(*_pair(lab))
    shutil.rmtree(lab.store.path(f"{BUCKET}/runs/{first.execution_id}/Second"))
    assert _cached(lab.run(*_pair(lab))) == {"First": True, "Second": False}


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: (data / "out.txt").unlink(), "data/out.txt is missing"),
        (shutil.rmtree, "data is missing"),
        (lambda data: _write(data / "out.txt", "", later=0), "data/out.txt has 0 bytes and had 1"),
        (lambda data: _write(data / "out.txt", "b", later=0), "data/out.txt was changed"),
    ],
    ids=["lost", "all lost", "cut", "changed within its size and time"],
)
def test_a_step_whose_output_is_not_as_it_was_runs_again_and_says_why(
    lab: Lab, damage: Callable[[Path], None], why: str
) -> None:
    first = lab.run(*_pair(lab))
    damage(lab.store.path(f"{BUCKET}/runs/{first.execution_id}/First/data"))
    assert _cached(lab.run(*_pair(lab))) == {"First": False, "Second": False}
    said = {state.again for state in lab.heard if state.name == "First" and state.again}
    assert said == {f"its output {why}"}
    assert _cached(lab.run(*_pair(lab))) == {"First": True, "Second": True}


def test_outputs_that_were_copied_or_restored_are_known_by_their_bytes(lab: Lab) -> None:
    first = lab.run(*_pair(lab))
    runs = lab.store.path(f"{BUCKET}/runs/{first.execution_id}")
    shutil.copytree(runs, runs.with_name("copy"))
    shutil.rmtree(runs)
    runs.with_name("copy").rename(runs)
    for _ in range(2):
        assert _cached(lab.run(*_pair(lab))) == {"First": True, "Second": True}


def test_training_and_tuning_are_not_reused_without_their_model(lab: Lab) -> None:
    grid = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["1"]}]}
    limits = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    config = {"Strategy": "Grid", "ResourceLimits": limits, "ParameterRanges": grid}
    steps = (
        cached(lab.training("Train", "")),
        cached(lab.tuning("Tune", "print('score=1')", config)),
    )
    for cached_again in (False, True):
        assert _cached(lab.run(*steps)) == dict.fromkeys(("Train", "Tune"), cached_again)
        assert [state.metric for state in lab.heard if state.name == "Tune"][-1] == "best 1"
    for model in lab.store.path(BUCKET).rglob("model.tar.gz"):
        model.unlink()
    assert _cached(lab.run(*steps)) == {"Train": False, "Tune": False}


def test_a_step_is_reused_without_the_output_that_it_left_empty(lab: Lab) -> None:
    outputs = {"outputs": ["data", "empty"], "arguments": [f"{OUTPUT}/data"]}
    step = cached(lab.processing("A", COUNT, **outputs))
    assert [lab.run(step).steps["A"].cached for _ in range(2)] == [False, True]


def test_two_steps_of_equal_arguments_have_each_their_own_work(lab: Lab) -> None:
    first, _ = _pair(lab)
    twin = first | {"Name": "Twin"}
    assert _cached(lab.run(first)) == {"First": False}
    assert _cached(lab.run(first, twin)) == {"First": True, "Twin": False}


def test_a_step_is_not_reused_when_it_is_too_old(lab: Lab) -> None:
    def run(age: str) -> bool:
        step = lab.processing("A", "")
        return lab.run(cached(step, age)).steps["A"].cached

    assert not run("PT0S")
    assert not run("PT0S")
    assert run("PT1H")


def test_caching_is_off_unless_it_is_asked_for(lab: Lab) -> None:
    step = lab.processing("A", "")
    off = step | {"CacheConfig": {"Enabled": False, "ExpireAfter": "P30D"}}
    for version in (step, off, cached(step)):
        assert not lab.run(version).steps["A"].cached


def test_a_step_of_a_type_that_sagemaker_does_not_cache_is_not_reused(lab: Lab) -> None:
    container = {"Image": "image:1", "ModelDataUrl": f"{BUCKET}/model.tar.gz"}
    arguments = {"ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    step = cached({"Name": "Make", "Type": "Model", "Arguments": arguments})
    for _ in range(2):
        assert not lab.run(step).steps["Make"].cached
    assert len(lab.store.list("Model")) == 2


def test_a_failed_step_is_not_reused(lab: Lab, tmp_path: Path) -> None:
    script = "import os, sys\nassert os.path.exists(sys.argv[1])"
    mark = tmp_path / "mark"
    step = cached(lab.processing("A", script, arguments=[str(mark)]))
    assert lab.run(step).status == "Failed"
    mark.touch()
    result = lab.run(step)
    assert result.status == "Succeeded"
    assert not result.steps["A"].cached
    assert lab.run(step).steps["A"].cached


def test_another_pipeline_has_its_own_cache(lab: Lab) -> None:
    step = cached(lab.processing("A", ""))
    lab.run(step, pipeline_name="one")
    assert not lab.run(step, pipeline_name="two").steps["A"].cached
    assert lab.run(step, pipeline_name="one").steps["A"].cached


def test_a_folder_on_this_machine_counts_with_its_contents(lab: Lab, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "pictures", tmp_path / "disk"
    picture = folder / "pug" / "1.jpg"
    for path in (picture, elsewhere / "2.jpg"):
        path.parent.mkdir(parents=True)
        path.write_text("x")
    (folder / "poodle").mkdir()
    (folder / "linked").symlink_to(elsewhere)

    def run() -> bool:
        step = cached(lab.processing("A", "", inputs={"data": folder.as_uri()}))
        return lab.run(step).steps["A"].cached

    assert [run(), run()] == [False, True]
    edits: dict[str, Callable[[], object]] = {
        "one more": lambda: (folder / "pug" / "3.jpg").write_text("x"),
        "another of the same size": lambda: _write(picture, "y", later=1),
        "another of the same time": lambda: _write(picture, "xx", later=0),
        "another of the same size and time": lambda: _write(picture, "yy", later=0),
        "another folder": lambda: picture.rename(folder / "poodle" / "1.jpg"),
        "behind a link": lambda: (elsewhere / "2.jpg").write_text("xyz"),
    }
    for name, edit in edits.items():
        edit()
        assert not run(), name
    picture = folder / "poodle" / "1.jpg"
    picture.write_text(picture.read_text())  # nothing but its time
    assert run()


def _write(file: Path, text: str, later: int) -> None:
    """Replace a file's text in place; it is so many nanoseconds younger then."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + later, before + later))


def test_links_that_lead_back_are_followed_once(lab: Lab, tmp_path: Path) -> None:
    # A path of seventeen such names is longer than any that can be looked at.
    name = "x" * 250
    for folder, back in (("pug", "boxer"), ("boxer", "pug"), ("akita", "akita")):
        (tmp_path / "data" / folder).mkdir(parents=True)
        (tmp_path / "data" / folder / name).symlink_to(tmp_path / "data" / back)
    (tmp_path / "data" / "pug" / "1.jpg").write_text("x")
    step = cached(lab.processing("A", "", inputs={"data": (tmp_path / "data").as_uri()}))
    assert [lab.run(step).steps["A"].cached for _ in range(2)] == [False, True]


def test_a_run_that_failed_leaves_its_finished_steps_to_the_next(lab: Lab) -> None:
    first, _ = _pair(lab)
    bad = lab.processing("Bad", "raise SystemExit(1)") | {"DependsOn": ["First"]}
    assert lab.run(first, bad).status == "Failed"
    assert lab.run(first).steps["First"].cached


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (" 30d ", timedelta(days=30)),
        ("P30D", timedelta(days=30)),
        ("PT1H", timedelta(hours=1)),
        ("T16m", timedelta(minutes=16)),
        ("30dT5h", timedelta(days=30, hours=5)),
        ("5y", timedelta(days=5 * 365)),
        ("P2M", timedelta(days=60)),
        ("p1w", timedelta(weeks=1)),
        ("PT0S", timedelta(0)),
    ],
)
def test_durations(written: str, expected: timedelta) -> None:
    assert parse_duration(written) == expected


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_duration_reads_back(weeks: int, days: int, hours: int, minutes: int) -> None:
    written = f"P{weeks}W{days}DT{hours}H{minutes}M"
    expected = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    assert parse_duration(written) == expected


@given(st.text())
@example("PT")
def test_any_other_text_is_a_value_error(written: str) -> None:
    try:
        assert parse_duration(written) >= timedelta(0)
        assert any(character.isdecimal() for character in written)
    except ValueError as error:
        assert "is not a duration" in str(error)


def test_the_age_counts_from_when_the_work_was_done(lab: Lab) -> None:
    before = datetime.now(UTC)
    lab.run(cached(lab.processing("A", "")))
    entry = lab.store.list("StepCache")[0]
    assert before <= entry["CreationTime"] <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("member", "value"),
    [("CreationTime", 5), ("CreationTime", "x"), ("Files", 5), ("Metadata", 5), ("Metric", 5)],
)
def test_a_damaged_entry_is_no_success_and_no_failure(lab: Lab, member: str, value: object) -> None:
    step = cached(lab.processing("A", ""))
    lab.run(step)
    (row,) = lab.store.rows("StepCache", "")
    (entry,) = lab.store.list("StepCache")
    lab.store.put("StepCache", row.name, entry | {member: value})
    again = lab.run(step)
    assert (again.status, again.steps["A"].cached) == ("Succeeded", False)
