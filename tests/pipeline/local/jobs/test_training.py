"""The training contract, as a script sees it, and what is left in the store."""

import gzip
import json
import re
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.failures import StepFailed
from pipeline.local.jobs.training import run_training_job
from pipeline.local.service.api import LocalApi
from pipeline.local.service.shapes import find_problems, service_model
from pipeline.local.store import Store
from tests.patience import PATIENCE
from tests.pipeline.local.runner_support import BUCKET, Lab, channel, wait_for, write_archive

# Writes all that it can see of its container into the model.
REPORT = """
import json, os, sys
from pathlib import Path
config = Path(os.environ["SM_INPUT_CONFIG_DIR"])
report = {
    "argv": sys.argv,
    "cwd": os.getcwd(),
    "path0": sys.path[0],
    "environment": dict(os.environ),
    "config": {file.name: json.loads(file.read_text()) for file in config.iterdir()},
    "channels": {n: sorted(os.listdir(os.environ["SM_CHANNEL_" + n.upper()]))
                 for n in json.loads(os.environ["SM_CHANNELS"])},
    "output": sorted(os.listdir(os.environ["SM_OUTPUT_DIR"])),
}
Path(os.environ["SM_MODEL_DIR"], "report.json").write_text(json.dumps(report))
Path(os.environ["SM_OUTPUT_DATA_DIR"], "history.csv").write_text("epoch,loss")
print("epoch=1 loss=0.75")
print("epoch=2 loss=0.5")
"""
HYPERPARAMETERS = {
    "lr": "0.001",
    "batch_size": "64",
    "export": "true",
    "optimizer": "AdamW",
    "sagemaker_region": "us-east-1",
    "sagemaker_other": "1",
}
LOSS = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
RULE = {"RuleConfigurationName": "Overfit", "RuleParameters": {"rule_to_invoke": "Overfit"}}


@pytest.fixture
def lab(store: Store) -> Lab:
    return Lab(store)


def _training(lab: Lab, script: str = REPORT, **extra: Any) -> dict[str, Any]:
    lab.put(f"{BUCKET}/features/train.npy", "x")
    step = lab.training(
        "Train",
        script,
        hyperparameters=HYPERPARAMETERS,
        channels={"features": f"{BUCKET}/features"},
        Environment={"MODE": "fast", "FOLDER": "/opt/ml/input", "PYTHONHASHSEED": "7"},
        **extra,
    )
    step["Arguments"]["AlgorithmSpecification"]["MetricDefinitions"] = LOSS
    return step


def _report(lab: Lab) -> dict[str, Any]:
    model = lab.store.list("TrainingJob")[0]["ModelArtifacts"]["S3ModelArtifacts"]
    with tarfile.open(lab.store.path(model)) as archive:
        member = archive.extractfile("report.json")
        assert member is not None
        report: dict[str, Any] = json.load(member)
        return report


def test_the_script_finds_the_toolkits_contract(lab: Lab) -> None:
    result = lab.run(_training(lab))
    assert result.status == "Succeeded", result.failure
    report = _report(lab)
    root = report["cwd"].removesuffix("/code")
    assert report["path0"] == report["cwd"] == f"{root}/code"
    assert report["argv"] == [
        "train.py",
        "--batch_size",
        "64",
        "--export",
        "True",
        "--lr",
        "0.001",
        "--optimizer",
        "AdamW",
    ]
    assert report["channels"] == {"features": ["train.npy"]}
    assert report["output"] == ["data", "intermediate"]
    config = report["config"]
    assert config["hyperparameters.json"]["lr"] == "0.001"
    assert config["hyperparameters.json"]["sagemaker_program"] == "train.py"
    assert config["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert config["inputdataconfig.json"] == {
        "features": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }
    assert "debughookconfig.json" not in config


def test_the_script_finds_the_variables(lab: Lab) -> None:
    result = lab.run(_training(lab))
    report = _report(lab)
    root, found = report["cwd"].removesuffix("/code"), report["environment"]
    expected = {
        "SM_HP_LR": "0.001",
        "SM_HP_EXPORT": "true",
        "SM_HP_OPTIMIZER": "AdamW",
        "SM_HPS": '{"batch_size":64,"export":true,"lr":0.001,"optimizer":"AdamW"}',
        "SM_FRAMEWORK_PARAMS": '{"sagemaker_other":1}',
        "SM_CHANNELS": '["features"]',
        "SM_CHANNEL_FEATURES": f"{root}/input/data/features",
        "SM_MODEL_DIR": f"{root}/model",
        "SM_OUTPUT_DIR": f"{root}/output",
        "SM_OUTPUT_DATA_DIR": f"{root}/output/data",
        "SM_INPUT_DIR": f"{root}/input",
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "SM_NUM_CPUS": "1",
        "SM_USER_ENTRY_POINT": "train.py",
        "SM_MODULE_NAME": "train",
        "OMP_NUM_THREADS": "1",
        "MODE": "fast",
        "FOLDER": f"{root}/input",
        "PYTHONHASHSEED": "7",
        "TRAINING_JOB_NAME": result.steps["Train"].properties["TrainingJobName"],
        "TRAINING_JOB_ARN": result.steps["Train"].properties["TrainingJobArn"],
    }
    assert {name: found.get(name) for name in expected} == expected
    assert json.loads(found["SM_USER_ARGS"]) == report["argv"][1:]
    training_env = json.loads(found["SM_TRAINING_ENV"])
    assert training_env["hyperparameters"]["batch_size"] == 64
    assert training_env["channel_input_dirs"] == {"features": f"{root}/input/data/features"}


def test_what_is_left_in_the_store_and_described(lab: Lab) -> None:
    rule = RULE | {"RuleEvaluatorImage": "image:1"}  # without a hook it has nothing to judge
    tags = [{"Key": "team", "Value": "dogs"}]
    result = lab.run(_training(lab, Tags=tags, DebugRuleConfigurations=[rule]))
    job = result.steps["Train"].properties
    assert "Tags" not in job
    model = (
        f"{BUCKET}/runs/{result.execution_id}/Train/{job['TrainingJobName']}/output/model.tar.gz"
    )
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": model}
    with tarfile.open(lab.store.path(model).with_name("output.tar.gz")) as archive:
        assert archive.getnames() == ["history.csv"]
    metrics = [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]]
    assert metrics == [("loss", 0.5)]
    assert lab.heard[-1].metric == "loss 0.5"
    answer = LocalApi(lab.store).call(
        "DescribeTrainingJob", {"TrainingJobName": job["TrainingJobName"]}
    )
    assert answer["TrainingJobStatus"] == answer["SecondaryStatus"] == "Completed"
    trained, ended = answer["SecondaryStatusTransitions"]
    assert trained["EndTime"] == ended["StartTime"] == answer["LastModifiedTime"]
    shape = service_model().operation_model("DescribeTrainingJob").output_shape
    assert list(find_problems(shape, answer)) == []
    work = lab.store.root / "runs" / result.execution_id / "Train"
    assert [path.name for path in work.iterdir()] == ["log.txt"]


def test_the_same_training_packs_the_same_model(lab: Lab) -> None:
    script = "import os\nopen(os.environ['SM_MODEL_DIR'] + '/w', 'w').write('x')"
    archives = []
    for _ in range(2):
        job = lab.run(_training(lab, script)).steps["Train"].properties
        model = lab.store.path(job["ModelArtifacts"]["S3ModelArtifacts"])
        assert [path.name for path in model.parent.iterdir()] == ["model.tar.gz"]
        archives.append(model.read_bytes())
    assert archives[0] == archives[1]


def test_the_debugger_hook_finds_its_configuration_and_its_tensors_are_kept(lab: Lab) -> None:
    script = """
import json, os
config = json.load(open(os.environ["SMDEBUG_CONFIG_FILE_PATH"]))
assert config["CollectionConfigurations"] == [{"CollectionName": "losses"}], config
assert config["HookParameters"] == {"save_interval": "10"}
open(config["LocalPath"] + "/events", "w").write("tensor")
os.symlink("events", config["LocalPath"] + "/link")
raise SystemExit(1)
"""
    hook = {
        "S3OutputPath": f"{BUCKET}/debugger",
        "LocalPath": "/opt/ml/output/mine",
        "HookParameters": {"save_interval": "10"},
        "CollectionConfigurations": [{"CollectionName": "losses"}],
    }
    lab.run(_training(lab, script, DebugHookConfig=hook))
    job = lab.store.list("TrainingJob")[0]["TrainingJobName"]
    folder = lab.store.path(f"{BUCKET}/debugger/{job}/debug-output")
    assert sorted(path.name for path in folder.iterdir()) == ["events", "training_job_end.ts"]
    assert (folder / "events").read_text() == "tensor"


@pytest.mark.parametrize(
    ("place", "folder"), [({}, "checkpoints"), ({"LocalPath": "/opt/ml/mine"}, "mine")]
)
def test_checkpoints_outlive_a_failure(lab: Lab, place: dict[str, str], folder: str) -> None:
    script = f"""
import os
root = os.path.dirname(os.environ["SM_INPUT_DIR"])
open(root + "/{folder}/1.pt", "w").write("half")
raise SystemExit(1)
"""
    lab.run(_training(lab, script, CheckpointConfig={"S3Uri": f"{BUCKET}/checkpoints", **place}))
    assert lab.read(f"{BUCKET}/checkpoints/1.pt") == "half"


def test_a_training_that_leaves_no_model_says_so(lab: Lab) -> None:
    result = lab.run(_training(lab, "print('loss=1')"))
    assert result.status == "Succeeded", result.failure
    assert lab.heard[-1].message == "the model is empty"


def test_the_failure_file_is_the_reason(lab: Lab) -> None:
    script = """
import os, sys
open(os.environ["SM_OUTPUT_DIR"] + "/failure", "wb").write(b"weights do not fit: \\xff\\n")
sys.exit(1)
"""
    result = lab.run(_training(lab, script))
    assert isinstance(result.failure, StepFailed)
    assert result.failure.reason == "weights do not fit: \N{REPLACEMENT CHARACTER}"
    job = lab.store.list("TrainingJob")[0]
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == f"AlgorithmError: {result.failure.reason}, exit code: 1"
    shape = service_model().operation_model("DescribeTrainingJob").output_shape
    answer = LocalApi(lab.store).call(
        "DescribeTrainingJob", {"TrainingJobName": job["TrainingJobName"]}
    )
    assert list(find_problems(shape, answer)) == []


def test_what_a_failed_training_left_beside_its_model_is_kept(lab: Lab) -> None:
    script = """
import os, sys
from pathlib import Path
Path(os.environ["SM_OUTPUT_DATA_DIR"], "rules.json").write_text("stopped by Overfit")
Path(os.environ["SM_MODEL_DIR"], "model.bin").write_text("half")
sys.exit("lost" * 500)
"""
    assert lab.run(_training(lab, script)).status == "Failed"
    (job,) = lab.store.list("TrainingJob")
    assert len(job["FailureReason"]) == 1024
    model = lab.store.path(job["ModelArtifacts"]["S3ModelArtifacts"])
    assert not model.exists()
    with tarfile.open(model.with_name("output.tar.gz")) as archive:
        member = archive.extractfile("rules.json")
        assert member is not None
        assert member.read() == b"stopped by Overfit"


def test_a_job_that_takes_too_long_is_ended(lab: Lab) -> None:
    step = _training(lab, "import time\ntime.sleep(600)")
    step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    result = lab.run(step)
    assert "longer than MaxRuntimeInSeconds (1 s)" in str(result.failure)
    (job,) = lab.store.list("TrainingJob")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_training_that_is_stopped_has_time_to_save_and_leaves_no_model(
    lab: Lab, tmp_path: Path
) -> None:
    script = """
import os, signal, sys, time
from pathlib import Path
def save(*_):
    time.sleep(0.3)
    Path(os.path.dirname(os.environ["SM_INPUT_DIR"]), "checkpoints", "1.pt").write_text("half")
    sys.exit()
signal.signal(signal.SIGTERM, save)
Path(os.environ["SM_MODEL_DIR"], "model.bin").write_text("half")
Path(os.environ["MARK"]).touch()
time.sleep(600)
"""
    step = _training(lab, script, CheckpointConfig={"S3Uri": f"{BUCKET}/checkpoints"})
    step["Arguments"]["Environment"] = {"MARK": str(tmp_path / "mark")}
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(lab.run(step, grace_s=PATIENCE)))
    thread.start()
    wait_for(tmp_path / "mark")
    lab.cancel.set()
    thread.join()
    assert done[0].status == "Stopped"
    assert lab.read(f"{BUCKET}/checkpoints/1.pt") == "half"
    (job,) = lab.store.list("TrainingJob")
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    assert not lab.store.path(job["ModelArtifacts"]["S3ModelArtifacts"]).exists()


@pytest.mark.parametrize(
    ("end", "reason"), [("", "Is a directory: "), ("sys.exit('lost')", "lost")]
)
def test_what_cannot_be_packed_is_the_reason_unless_there_was_one_before(
    lab: Lab, end: str, reason: str
) -> None:
    in_the_way = f"{BUCKET}/output/job/output/output.tar.gz"
    lab.store.path(in_the_way).mkdir(parents=True)
    script = f"import os, sys\nopen(os.environ['SM_OUTPUT_DATA_DIR'] + '/x', 'w').write('x')\n{end}"
    request = lab.training_arguments("Train", script)
    request["OutputDataConfig"] = {"S3OutputPath": f"{BUCKET}/output/"}
    outcome = run_training_job(request, lab.job())
    assert reason in str(outcome.failure)
    (job,) = lab.store.list("TrainingJob")
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]
    model = f"{BUCKET}/output/job/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": model}


def test_a_channel_that_is_no_folder_is_refused(lab: Lab) -> None:
    step = _training(lab)
    (channel,) = step["Arguments"]["InputDataConfig"]
    channel["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    reason = "channel features: only S3DataSource with S3Prefix works here"
    assert reason in str(lab.run(step).failure)


def test_an_isolated_training_finds_its_code_in_a_channel(lab: Lab) -> None:
    step = _training(lab, EnableNetworkIsolation=True)
    told = step["Arguments"]["HyperParameters"]
    uri = told["sagemaker_submit_directory"]
    step["Arguments"]["InputDataConfig"].append(channel("code", uri))
    told["sagemaker_submit_directory"] = "/opt/ml/input/data/code/sourcedir.tar.gz"
    result = lab.run(step)
    assert result.status == "Succeeded", result.failure
    assert _report(lab)["channels"]["code"] == ["sourcedir.tar.gz"]
    told["sagemaker_submit_directory"] = "/opt/ml/input/data/code/other.tar.gz"
    assert "there is no code at /opt/ml/input" in str(lab.run(step).failure)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"sagemaker_submit_directory": f"{BUCKET}/no.tar.gz"}, f"no code at {BUCKET}/no.tar.gz"),
        ({"sagemaker_submit_directory": f"{BUCKET}/bad.tar.gz"}, "is not a tar archive"),
        ({"sagemaker_submit_directory": f"{BUCKET}/evil.tar.gz"}, "outside"),
        ({"sagemaker_submit_directory": f"{BUCKET}/huge.tar.gz"}, "more than 1,073,741,824 bytes"),
        ({"sagemaker_program": "absent.py"}, "can't open file"),
    ],
)
def test_code_that_cannot_be_used(lab: Lab, hyperparameters: Any, message: str) -> None:
    lab.put(f"{BUCKET}/bad.tar.gz", "no archive")
    write_archive(lab.store.path(f"{BUCKET}/evil.tar.gz"), {"../../evil.py": "x"})
    huge = tarfile.TarInfo("train.py")
    huge.size = 1024**3 + 1
    lab.store.path(f"{BUCKET}/huge.tar.gz").write_bytes(gzip.compress(huge.tobuf()))
    step = _training(lab)
    step["Arguments"]["HyperParameters"] |= hyperparameters
    assert re.search(re.escape(message), str(lab.run(step).failure))


@pytest.mark.parametrize(
    "extra",
    [
        {"OutputDataConfig": {"S3OutputPath": f"{BUCKET}/a/../b"}},
        {
            "DebugHookConfig": {"S3OutputPath": f"{BUCKET}/a/../b"},
            "DebugRuleConfigurations": [RULE | {"RuleEvaluatorImage": "image:1"}],
        },
    ],
)
def test_an_address_that_cannot_be_used_fails_the_job_too(lab: Lab, extra: Any) -> None:
    step = _training(lab)
    step["Arguments"] |= extra
    message = "points outside its bucket: remove '..' from it"
    assert message in str(lab.run(step).failure)
    (job,) = lab.store.list("TrainingJob")
    assert (job["TrainingJobStatus"], message in job["FailureReason"]) == ("Failed", True)


def test_an_image_of_its_own_needs_a_command(lab: Lab) -> None:
    step = _training(lab)
    del step["Arguments"]["HyperParameters"]["sagemaker_program"]
    assert "names no sagemaker_program" in str(lab.run(step).failure)
    image = step["Arguments"]["AlgorithmSpecification"]
    image["ContainerEntrypoint"] = ["python3", "/opt/ml/code/train.py"]
    image["ContainerArguments"] = ["--x"]
    assert lab.run(step).status == "Succeeded"
