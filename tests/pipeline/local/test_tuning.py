"""Tuning steps with real training jobs: all strategies, failures, early ends, documents."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.service.api import LocalApi
from pipeline.local.service.shapes import find_problems, service_model
from pipeline.local.store import Store
from tests.pipeline.local.runner_support import Json, Lab, cached, wait_for

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
EPOCHS = """
import sys, time
x = float(sys.argv[sys.argv.index("--rate") + 1])
for epoch in range(1, 31):
    print(f"epoch={epoch} score={x}", flush=True)
    time.sleep(0.01)
"""
X = {
    "ContinuousParameterRanges": [
        {"Name": "rate", "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"}
    ]
}
GRID = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["0.1", "0.6", "0.9"]}]}


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def _config(
    strategy: str = "Random", jobs: Any = 4, ranges: Any = X, parallel: int = 2, **extra: Any
) -> Json:
    limits = {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel}
    return {"Strategy": strategy, "ResourceLimits": limits, "ParameterRanges": ranges, **extra}


def _tried(store: Store) -> list[dict[str, str]]:
    """What each trial of the newest tuning job tried, in order."""
    name = store.list("HyperParameterTuningJob")[-1]["HyperParameterTuningJobName"]
    jobs = [job for job in store.list("TrainingJob") if job.get("TuningJobName") == name]
    return [job["TunedHyperParameters"] for job in sorted(jobs, key=lambda j: j["TrainingJobName"])]


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
    result = lab.run(lab.tuning("Tune", SCORE, _config(jobs=3), hyperparameters={"kind": "b"}))
    api = LocalApi(lab.store)
    name = {
        "HyperParameterTuningJobName": result.steps["Tune"].properties[
            "HyperParameterTuningJobName"
        ]
    }
    assert len(name["HyperParameterTuningJobName"]) <= 32
    answer = api.call("DescribeHyperParameterTuningJob", name)
    shape = service_model().operation_model("DescribeHyperParameterTuningJob").output_shape
    assert list(find_problems(shape, answer)) == []
    assert answer["HyperParameterTuningJobStatus"] == "Completed"
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
    lab.run(lab.tuning("Tune", SCORE, _config("Grid", 3, GRID)))
    last = lab.heard[-1]
    assert (last.trials_done, last.trials_total) == (3, 3)
    assert last.metric == "best 0.9"


def test_a_trial_that_fails_does_not_end_the_search(lab: Lab) -> None:
    script = "import sys\nassert '0.6' not in sys.argv, 'bad luck'\n" + SCORE
    result = lab.run(lab.tuning("Tune", script, _config("Grid", 3, GRID)))
    assert result.status == "Succeeded"
    tuning = result.steps["Tune"].properties
    assert tuning["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert tuning["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "0.1"}


def test_all_trials_failing_fails_the_step_with_the_firsts_reason(lab: Lab) -> None:
    result = lab.run(lab.tuning("Tune", "raise SystemExit('no GPU')", _config(jobs=2)))
    assert result.status == "Failed"
    assert "all 2 training jobs failed, the first with: no GPU" in str(result.failure)
    assert lab.store.list("HyperParameterTuningJob")[0]["HyperParameterTuningJobStatus"] == "Failed"


def test_a_metric_that_is_never_printed_fails_the_step(lab: Lab) -> None:
    result = lab.run(lab.tuning("Tune", "print('accuracy 0.9')", _config(jobs=2)))
    assert "no training job printed the objective metric score" in str(result.failure)


def test_an_objective_without_a_definition_is_refused(lab: Lab) -> None:
    step = lab.tuning("Tune", SCORE, _config())
    config = step["Arguments"]["HyperParameterTuningJobConfig"]
    config["HyperParameterTuningJobObjective"]["MetricName"] = "loss"
    assert "'loss' is not among the MetricDefinitions: score" in str(lab.run(step).failure)


def test_early_stopping_ends_a_trial_and_it_is_no_best(lab: Lab) -> None:
    ranges = {"CategoricalParameterRanges": [{"Name": "rate", "Values": ["3", "4", "5", "1", "6"]}]}
    config = _config("Grid", 5, ranges, parallel=1, TrainingJobEarlyStoppingType="Auto")
    result = lab.run(lab.tuning("Tune", EPOCHS, config))
    tuning = result.steps["Tune"].properties
    assert tuning["TrainingJobStatusCounters"]["Stopped"] == 1
    assert tuning["BestTrainingJob"]["TunedHyperParameters"] == {"rate": "6"}
    (stopped,) = [j for j in lab.store.list("TrainingJob") if j["TrainingJobStatus"] == "Stopped"]
    assert stopped["TunedHyperParameters"] == {"rate": "1"}
    assert stopped["ObjectiveStatus"] == "Succeeded"


@pytest.mark.parametrize(
    ("criteria", "trials"),
    [
        ({"TargetObjectiveMetricValue": 4.0}, 2),
        ({"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}, 6),
    ],
)
def test_completion_criteria_end_the_search(lab: Lab, criteria: Json, trials: int) -> None:
    values = ["3", "4", "5", "1", "1", "1", "6", "7"]
    ranges = {"CategoricalParameterRanges": [{"Name": "rate", "Values": values}]}
    script = "import sys\nprint('score=' + sys.argv[-1])"
    # Equal values are equal grid points all the same.
    config = _config("Grid", 8, ranges, parallel=1, TuningJobCompletionCriteria=criteria)
    result = lab.run(lab.tuning("Tune", script, config))
    assert result.status == "Succeeded"
    assert len(_tried(lab.store)) == trials


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
    for _ in range(600):
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


def test_cancelling_stops_every_trial(lab: Lab, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"import time\nopen({str(mark)!r}, 'w').close()\ntime.sleep(60)"
    done: list[Any] = []
    step = lab.tuning("Tune", script, _config(jobs=4))
    thread = threading.Thread(target=lambda: done.append(lab.run(step)))
    thread.start()
    wait_for(mark)
    lab.cancel.set()
    thread.join(timeout=30)
    assert done[0].status == "Stopped"
    assert done[0].steps["Tune"].status == "Stopped"
    assert {job["TrainingJobStatus"] for job in lab.store.list("TrainingJob")} == {"Stopped"}
    (tuning,) = lab.store.list("HyperParameterTuningJob")
    assert tuning["HyperParameterTuningJobStatus"] == "Stopped"


def test_a_tuning_step_is_reused(lab: Lab) -> None:
    step = cached(lab.tuning("Tune", SCORE, _config("Grid", 3, GRID)))
    first, again = lab.run(step), lab.run(step)
    assert again.steps["Tune"].cached
    assert again.steps["Tune"].properties == first.steps["Tune"].properties
    assert len(lab.store.list("TrainingJob")) == 3
    assert lab.heard[-1].metric == "best 0.9"
