"""Tuning steps with real training jobs: all strategies, failures, early ends, documents."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.jobs.tuning import TuningProgress, run_tuning_job
from pipeline.local.service.api import LocalApi
from pipeline.local.service.shapes import find_problems, service_model
from pipeline.local.store import Store, StoreError
from tests.patience import PATIENCE
from tests.pipeline.local.runner_support import BUCKET, Json, Lab, cached, wait_for

# The best rate is 0.5; the wait differs from trial to trial and from run to run.
SCORE = """
import argparse, random, time
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
parser.add_argument("--kind", default="a")
arguments = parser.parse_args()
time.sleep(random.random() * 0.1)
print(f"score={1 - abs(arguments.rate - 0.5)}")
"""
# Two epochs, heard together: the first three rates fall to what they are from ten times that.
FALLING = """
import os, sys, time
rate = float(sys.argv[sys.argv.index("--rate") + 1])
first = rate if rate > 5 else 10 * rate
os.write(1, f"score={first}\\nscore={first / 10}\\n".encode())
if rate == 9:
    time.sleep(600)
os._exit(0)
"""
X = {
    "ContinuousParameterRanges": [
        {"Name": "rate", "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"}
    ]
}


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def _config(
    strategy: str = "Random", jobs: Any = 4, ranges: Any = X, parallel: int = 2, **extra: Any
) -> Json:
    limits = {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}
    return {"Strategy": strategy, "ResourceLimits": limits, "ParameterRanges": ranges, **extra}


def _grid(*rates: str) -> Json:
    return {"CategoricalParameterRanges": [{"Name": "rate", "Values": list(rates)}]}


OUTPUT = {"S3OutputPath": f"{BUCKET}/output"}
GRID = _grid("0.1", "0.6", "0.9")


def _tried(store: Store) -> list[dict[str, str]]:
    """What each trial of the newest tuning job tried, in order."""
    name = store.list("HyperParameterTuningJob")[-1]["HyperParameterTuningJobName"]
    jobs = [job for job in store.list("TrainingJob") if job.get("TuningJobName") == name]
    return [job["TunedHyperParameters"] for job in sorted(jobs, key=lambda j: j["TrainingJobName"])]


def _value(trial: Json) -> float:
    """The objective of one of TrainingJobSummaries."""
    value: float = trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    return value


@pytest.mark.parametrize(
    "config",
    [
        _config("Bayesian", 7),
        _config("Random"),
        _config("Grid", 3, GRID),
        _config("Hyperband", 5, StrategyConfig={"HyperbandStrategyConfig": {"MaxResource": 9}}),
    ],
    ids=lambda config: config["Strategy"],
)
def test_the_best_is_found_and_a_second_run_tries_the_same(lab: Lab, config: Json) -> None:
    runs = []
    for _ in range(2):
        result = lab.run(lab.tuning("Tune", SCORE, config))
        assert result.status == "Succeeded", result.failure
        runs.append((result.steps["Tune"].properties["BestTrainingJob"], _tried(lab.store)))
    (best, tried), (again, tried_again) = runs
    assert tried == tried_again
    assert best["TunedHyperParameters"] == again["TunedHyperParameters"]
    nearest = min(tried, key=lambda values: abs(float(values["rate"]) - 0.5))
    assert best["TunedHyperParameters"] == nearest


def test_the_best_values_flow_into_training(lab: Lab) -> None:
    tune = lab.tuning("Tune", SCORE, _config("Grid", 3, GRID))
    reference = {"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['rate']"}
    train = lab.training("Train", SCORE, hyperparameters={"rate": reference})
    top = {"Get": "Steps.Tune.TrainingJobSummaries[0].TrainingJobName"}
    look = lab.processing("Look", "import sys\nprint(sys.argv[1])", arguments=[top])
    result = lab.run(train, tune, look)
    assert result.status == "Succeeded", result.failure
    assert result.steps["Train"].properties["HyperParameters"]["rate"] == "0.6"
    log = (lab.store.root / "runs" / result.execution_id / "Look" / "log.txt").read_text()
    best = result.steps["Tune"].properties["BestTrainingJob"]["TrainingJobName"]
    assert log.strip() == best


def test_documents_are_as_the_api_describes_them(lab: Lab) -> None:
    step = lab.tuning("Tune", SCORE, _config(jobs=3), hyperparameters={"kind": "b"})
    step["Arguments"]["Tags"] = [{"Key": "team", "Value": "dogs"}]
    result = lab.run(step)
    api = LocalApi(lab.store)
    name = {
        "HyperParameterTuningJobName": result.steps["Tune"].properties[
            "HyperParameterTuningJobName"
        ]
    }
    assert len(name["HyperParameterTuningJobName"]) <= 32
    assert "Tags" not in result.steps["Tune"].properties
    answer = api.call("DescribeHyperParameterTuningJob", name)
    shape = service_model().operation_model("DescribeHyperParameterTuningJob").output_shape
    assert list(find_problems(shape, answer)) == []
    assert answer["HyperParameterTuningJobStatus"] == "Completed"
    assert answer["HyperParameterTuningEndTime"] >= answer["CreationTime"]
    assert answer["TrainingJobStatusCounters"]["Completed"] == 3
    assert answer["ObjectiveStatusCounters"]["Succeeded"] == 3
    trials = api.call("ListTrainingJobsForHyperParameterTuningJob", name)["TrainingJobSummaries"]
    assert len(trials) == 3
    job = api.call("DescribeTrainingJob", {"TrainingJobName": trials[0]["TrainingJobName"]})
    assert job["TuningJobArn"] == answer["HyperParameterTuningJobArn"]
    assert job["HyperParameters"]["kind"] == "b"
    assert job["HyperParameters"]["_tuning_objective_metric"] == "score"
    objective = trials[0]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert objective["MetricName"] == "score"
    assert lab.step_documents()["Tune"]["Metadata"]["TuningJob"]["Arn"]


def test_the_listener_hears_how_many_trials_are_done_and_the_best(lab: Lab) -> None:
    step = lab.tuning("Tune", SCORE + "print('loss=99')", _config("Grid", 3, GRID))
    algorithm = step["Arguments"]["TrainingJobDefinition"]["AlgorithmSpecification"]
    algorithm["MetricDefinitions"].append({"Name": "loss", "Regex": "loss=([0-9.]+)"})
    lab.run(step)
    last = lab.heard[-1]
    assert (last.trials_done, last.trials_total) == (3, 3)
    assert last.metric == "best 0.9"


def test_a_trial_that_fails_does_not_end_the_search(lab: Lab) -> None:
    script = SCORE + "assert arguments.rate != 0.6, 'bad luck'"
    result = lab.run(lab.tuning("Tune", script, _config("Grid", 3, GRID)))
    assert result.status == "Succeeded"
    tuning = result.steps["Tune"].properties
    assert tuning["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    assert tuning["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "0.1"}
    assert "bad luck" in tuning["TrainingJobSummaries"][-1]["FailureReason"]


def test_all_trials_failing_fails_the_step_with_the_firsts_reason(lab: Lab) -> None:
    script = "import sys\nsys.exit('no GPU for ' + sys.argv[-1] + '!' * 1000)"
    result = lab.run(lab.tuning("Tune", script, _config("Grid", 2, GRID)))
    assert result.status == "Failed"
    reason = "all 2 training jobs failed, the first with: no GPU for 0.1" + "!" * 1000
    assert f"step Tune failed (exit code 1): {reason}" in str(result.failure)
    (tuning,) = lab.store.list("HyperParameterTuningJob")
    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert tuning["FailureReason"] == reason[:1024]


def test_a_metric_that_is_never_printed_fails_the_step(lab: Lab) -> None:
    result = lab.run(lab.tuning("Tune", "print('accuracy 0.9')", _config(jobs=2)))
    assert "no training job printed the objective metric score" in str(result.failure)
    (tuning,) = lab.store.list("HyperParameterTuningJob")
    assert tuning["ObjectiveStatusCounters"] == {"Succeeded": 0, "Pending": 0, "Failed": 2}
    assert [job["ObjectiveStatus"] for job in lab.store.list("TrainingJob")] == ["Failed"] * 2


def test_an_objective_without_a_definition_is_refused(lab: Lab) -> None:
    step = lab.tuning("Tune", SCORE, _config())
    config = step["Arguments"]["HyperParameterTuningJobConfig"]
    config["HyperParameterTuningJobObjective"]["MetricName"] = "loss"
    assert "'loss' is not among the MetricDefinitions: score" in str(lab.run(step).failure)


def test_early_stopping_ends_a_trial_and_it_is_no_best_whatever_it_had_reached(lab: Lab) -> None:
    # The fourth is ended, the fifth has ended by itself when it should be.
    config = _config(
        "Grid", 5, _grid("3", "4", "5", "9", "8"), parallel=1, TrainingJobEarlyStoppingType="Auto"
    )
    result = lab.run(lab.tuning("Tune", FALLING, config))
    tuning = result.steps["Tune"].properties
    assert tuning["TrainingJobStatusCounters"]["Stopped"] == 2
    assert tuning["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "5"}
    assert [
        (trial["TunedHyperParameters"]["rate"], trial["TrainingJobStatus"], _value(trial))
        for trial in tuning["TrainingJobSummaries"]
    ] == [
        ("5", "Completed", 5.0),
        ("4", "Completed", 4.0),
        ("3", "Completed", 3.0),
        ("9", "Stopped", 9.0),
        ("8", "Stopped", 8.0),
    ]


def test_a_trial_that_fails_as_it_is_ended_early_has_failed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_folder: Path, archive: Path) -> None:
        if archive.name == "output.tar.gz":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.local.jobs.training.pack", full)
    leave = "import os, sys\nif '9' in sys.argv:\n"
    leave += "    open(os.environ['SM_OUTPUT_DATA_DIR'] + '/x', 'w').close()\n"
    grid = _grid("3", "4", "5", "9")
    config = _config("Grid", 4, grid, parallel=1, TrainingJobEarlyStoppingType="Auto")
    lab.run(lab.tuning("Tune", leave + FALLING, config))
    *_, last = lab.store.list("TrainingJob")
    assert (last["TrainingJobStatus"], last["TunedHyperParameters"]) == ("Failed", {"rate": "9"})
    assert "No space left" in last["FailureReason"]


@pytest.mark.parametrize(
    ("criteria", "trials"),
    [
        ({"TargetObjectiveMetricValue": 4.0}, 2),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}, 6),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}, 13),
        ({"ConvergenceDetected": {"CompleteOnConvergence": "Disabled"}}, 14),
    ],
)
def test_completion_criteria_end_the_search(lab: Lab, criteria: Json, trials: int) -> None:
    # The third is the best, and what equals it later does not improve on it.
    values = _grid("3", "4", "5", "1", "5", *["1"] * 8, "6")
    config = _config("Grid", 14, values, parallel=1, TuningJobCompletionCriteria=criteria)
    result = lab.run(lab.tuning("Tune", "import sys\nprint('score=' + sys.argv[-1])", config))
    assert result.status == "Succeeded"
    assert len(_tried(lab.store)) == trials


def test_a_definition_in_a_list_may_bring_its_own_objective_to_minimize(lab: Lab) -> None:
    config = _config("Grid", 4, parallel=1)
    config["TuningJobCompletionCriteria"] = {"TargetObjectiveMetricValue": 0.0}
    step = lab.tuning("Tune", "import sys\nprint('score=' + sys.argv[-1])", config)
    arguments = step["Arguments"]
    definition = arguments.pop("TrainingJobDefinition") | {
        "DefinitionName": "one",
        "TuningObjective": {"Type": "Minimize", "MetricName": "score"},
        "HyperParameterRanges": _grid("5", "0", "4"),
    }
    arguments["TrainingJobDefinitions"] = [definition]
    tuning = lab.run(step).steps["Tune"].properties
    assert tuning["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "0"}
    assert [_value(trial) for trial in tuning["TrainingJobSummaries"]] == [0.0, 5.0]


def test_no_trial_starts_after_the_maximum_run_time(lab: Lab) -> None:
    config = _config("Grid", 3, GRID, parallel=1)
    config["ResourceLimits"]["MaxRuntimeInSeconds"] = 1
    step = lab.tuning("Tune", SCORE + "time.sleep(1)", config, OutputDataConfig=OUTPUT)
    document = run_tuning_job(step["Arguments"], lab.job(), print).document
    assert document["HyperParameterTuningJobStatus"] == "Completed"
    assert _tried(lab.store) == [{"rate": "0.1"}]


@pytest.mark.parametrize(("cores", "parallel", "each"), [(5, 2, 2), (4, 8, 2), (1, 2, 1)])
def test_two_trials_share_the_cores(lab: Lab, cores: int, parallel: int, each: int) -> None:
    script = "import os\nprint('score=' + os.environ['OMP_NUM_THREADS'])"
    step = lab.tuning("Tune", script, _config(jobs=2, parallel=parallel))
    trials = lab.run(step, cores=cores).steps["Tune"].properties["TrainingJobSummaries"]
    assert [_value(trial) for trial in trials] == [each, each]


def test_a_trial_starts_as_soon_as_there_is_room(lab: Lab, tmp_path: Path) -> None:
    script = f"""
import sys, time
from pathlib import Path

running, third = Path({str(tmp_path)!r}) / "running", Path({str(tmp_path)!r}) / "third"
rate = sys.argv[-1]
running.mkdir(exist_ok=True)
(running / rate).touch()
assert len(list(running.iterdir())) <= 2, "more than two at a time"
if rate == "0.9":
    third.touch()
if rate == "0.1":  # the first ends when the third has begun
    for _ in range(6000):
        if third.exists():
            break
        time.sleep(0.05)
    else:
        sys.exit("the third did not begin")
(running / rate).unlink()
print("score=" + rate)
"""
    result = lab.run(lab.tuning("Tune", script, _config("Grid", 3, GRID, parallel=2)))
    assert result.steps["Tune"].properties["TrainingJobStatusCounters"]["Completed"] == 3


@pytest.fixture
def waiting(tmp_path: Path) -> str:
    """A script whose first trial ends when the second has begun, which takes longer."""
    return f"""
import sys, time
from pathlib import Path

print("score=" + sys.argv[-1])
begun = Path({str(tmp_path / "begun")!r})
if sys.argv[-1] == "0.6":
    begun.touch()
    time.sleep(600)
while sys.argv[-1] == "0.1" and not begun.exists():
    time.sleep(0.01)
"""


def test_what_still_runs_when_the_search_is_complete_is_stopped_and_does_not_count(
    lab: Lab, waiting: str
) -> None:
    criteria = {"TargetObjectiveMetricValue": 0.1}
    config = _config("Grid", 3, GRID, TuningJobCompletionCriteria=criteria)
    tuning = lab.run(lab.tuning("Tune", waiting, config)).steps["Tune"].properties
    assert [_value(trial) for trial in tuning["TrainingJobSummaries"]] == [0.1]
    jobs = {job["TunedHyperParameters"]["rate"]: job for job in lab.store.list("TrainingJob")}
    assert jobs["0.6"]["TrainingJobStatus"] == "Stopped"


def test_no_trial_outlives_an_error_in_tuning(
    lab: Lab, waiting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = lab.store.put

    def full(kind: str, name: str, body: Json, arn: str | None = None) -> None:
        if kind == "TrainingJob" and body["TrainingJobStatus"] == "Completed":
            raise StoreError("the disk is full")
        put(kind, name, body, arn)

    monkeypatch.setattr(lab.store, "put", full)
    result = lab.run(lab.tuning("Tune", waiting, _config("Grid", 2, GRID)))
    assert "the disk is full" in str(result.failure)
    jobs = {job["TunedHyperParameters"]["rate"]: job for job in lab.store.list("TrainingJob")}
    assert jobs["0.6"]["TrainingJobStatus"] == "Stopped"
    (tuning,) = lab.store.list("HyperParameterTuningJob")
    assert tuning["HyperParameterTuningJobStatus"] == "Failed"
    assert "the disk is full" in tuning["FailureReason"]


def test_cancelling_stops_every_trial(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"import time\nprint('score=1')\nopen({str(mark)!r}, 'w').close()\ntime.sleep(600)"
    done: list[Any] = []
    step = lab.tuning("Tune", script, _config(jobs=2))
    thread = threading.Thread(target=lambda: done.append(lab.run(step)))
    thread.start()
    wait_for(mark)
    lab.cancel.set()
    thread.join(PATIENCE)
    assert done[0].status == "Stopped"
    assert done[0].steps["Tune"].status == "Stopped"
    assert {job["TrainingJobStatus"] for job in lab.store.list("TrainingJob")} == {"Stopped"}
    (tuning,) = lab.store.list("HyperParameterTuningJob")
    assert tuning["HyperParameterTuningJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("criteria", "status"), [({}, "Stopped"), ({"TargetObjectiveMetricValue": 0.9}, "Completed")]
)
def test_a_stop_between_two_trials_counts_unless_the_search_was_complete(
    lab: Lab, criteria: Json, status: str
) -> None:
    config = _config("Grid", 3, GRID, parallel=1, TuningJobCompletionCriteria=criteria)
    kept: list[int] = []

    def on_progress(_: TuningProgress) -> None:
        (document,) = lab.store.list("HyperParameterTuningJob")
        kept.append(document["TrainingJobStatusCounters"]["Completed"])

    step = lab.tuning("Tune", SCORE, config, OutputDataConfig=OUTPUT)
    job = lab.job(should_stop=lambda: len(kept) > 1)
    document = run_tuning_job(step["Arguments"], job, on_progress).document
    assert document["HyperParameterTuningJobStatus"] == status
    assert document["TrainingJobStatusCounters"]["Completed"] == 2
    assert kept == [0, 1]  # while they ran


def test_a_tuning_step_is_reused(lab: Lab) -> None:
    step = cached(lab.tuning("Tune", SCORE, _config("Grid", 3, GRID)))
    first, again = lab.run(step), lab.run(step)
    assert again.steps["Tune"].cached
    assert again.steps["Tune"].properties == first.steps["Tune"].properties
    assert len(lab.store.list("TrainingJob")) == 3
    assert lab.heard[-1].metric == "best 0.9"
