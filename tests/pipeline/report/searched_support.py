"""A small real run whose tuning searches in parts: scripts of a few lines, without torch."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.job_scripts.metrics import REGEXES, SEARCH_REGEXES
from pipeline.job_scripts.searched import write_searched
from pipeline.local.store import Store
from pipeline.report.sources.facts import Facts, read_facts
from pipeline.report.sources.local_source import LocalSource
from tests.pipeline.local.runner_support import Lab

RATES = {1: "0.1", 2: "0.2", 3: "0.3"}
VALUES = {1: 0.5, 2: 0.25, 3: 0.75}
TABLE = "rate,kind:0.1,a:0.2,b:0.3,a"
SEARCHED = write_searched(
    "Random", 3, 2, {"rate": ("continuous", 0.1, 0.3, "Linear"), "kind": ("categorical", "a", "b")}
)
PART = {"CategoricalParameterRanges": [{"Name": "part", "Values": ["1-2", "3-3"]}]}
OBJECTIVE = {"Type": "Maximize", "MetricName": "best:valid_accuracy"}
CONFIG = {
    "Strategy": "Grid",
    "ResourceLimits": {"MaxParallelTrainingJobs": 2},
    "ParameterRanges": PART,
}
EPOCH = (
    "train_loss=1.5 train_accuracy=0.25 valid_loss=0.5 valid_accuracy={0} "
    "best_valid_loss=0.5 best_valid_accuracy={0}"
)
# Setting 2 fails. What train.py prints and writes, without training.
SCRIPT = f"""
import json, os, sys
first, last = map(int, sys.argv[sys.argv.index("--part") + 1].split("-"))
values, found = {VALUES!r}, []
for n in range(first, last + 1):
    line = {EPOCH!r}.format(values[n])
    print(f"setting={{n}} epoch=1 {{line}}")
    end = "failed after epoch=1: no luck" if n == 2 else "kept epoch=1: validation"
    print(f"setting={{n}} {{end}}; settings_done={{n - first + 1}} of {{last - first + 1}}")
    row = dict(epoch=1, train_loss=1.5, train_accuracy=0.25, valid_loss=0.5)
    found.append(dict(number=n, status="Failed" if n == 2 else "Completed", seconds=2.0 * n,
        value=None if n == 2 else values[n], failure="no luck" if n == 2 else None,
        epochs=[row | dict(valid_accuracy=values[n])]))
best = 1 if first == 1 else 3
line = {EPOCH!r}.format(values[best])
print(f"kept_setting={{best}} setting={{best}} epoch=1 {{line}}")
with open(os.environ["SM_OUTPUT_DATA_DIR"] + "/settings.json", "w") as file:
    json.dump(dict(settings=found), file)
with open(os.environ["SM_MODEL_DIR"] + "/setting.json", "w") as file:
    json.dump(dict(number=best), file)
"""
TAKE = """
import json, os, tarfile
with tarfile.open(os.environ["SM_CHANNEL_BEST"] + "/model.tar.gz") as packed:
    choice = json.load(packed.extractfile("setting.json"))
print(f"kept_setting={choice['number']} of the search")
"""


@dataclass(frozen=True)
class Searched:
    """A run whose tuning searched in parts."""

    lab: Lab
    source: LocalSource
    facts: Facts


def search_in_parts(folder: Path) -> Searched:
    """Make such a run: three settings in two jobs, then a training that takes the best."""
    lab = Lab(Store(folder))
    told = {"settings": TABLE, "searched": SEARCHED}
    tune = lab.tuning("Tune", SCRIPT, CONFIG, hyperparameters=told)
    metrics = [{"Name": name, "Regex": regex} for name, regex in SEARCH_REGEXES.items()]
    algorithm = tune["Arguments"]["TrainingJobDefinition"]["AlgorithmSpecification"]
    name = OBJECTIVE["MetricName"]
    algorithm["MetricDefinitions"] = [*metrics, {"Name": name, "Regex": REGEXES[name]}]
    config = tune["Arguments"]["HyperParameterTuningJobConfig"]
    config["HyperParameterTuningJobObjective"] = OBJECTIVE
    folder = {"Get": "Steps.Tune.TrainingJobDefinition.OutputDataConfig.S3OutputPath"}
    job = {"Get": "Steps.Tune.BestTrainingJob.TrainingJobName"}
    best = {"Std:Join": {"On": "/", "Values": [folder, job, "output/model.tar.gz"]}}
    train = lab.training(
        "Train", TAKE, hyperparameters={"settings": TABLE}, channels={"best": best}
    )
    train["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    result = lab.run(tune, train)
    assert result.status == "Succeeded", result.failure
    source = LocalSource(lab.store)
    return Searched(lab, source, read_facts(source, result.execution_arn))
