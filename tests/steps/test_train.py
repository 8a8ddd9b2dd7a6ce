"""Train in the definition."""

import re

import pytest

from pipeline.check.document import read_document
from pipeline.diff.cache import cache_effects

pytestmark = pytest.mark.xdist_group("sdk")


def test_the_best_hyperparameters_flow_from_tuning(step):
    train = step("Train")["Arguments"]["HyperParameters"]

    assert train["lr"] == {
        "Std:Join": {
            "On": "",
            "Values": [{"Get": "Steps.Tune.BestTrainingJob.TunedHyperParameters['lr']"}],
        }
    }
    assert train["export"] == "true"


def test_what_is_not_tuned_comes_from_the_settings(step):
    train = step("Train", "tuning.ranges.optimizer=null", "training.optimizer=Adam")

    assert train["Arguments"]["HyperParameters"]["optimizer"] == "Adam"


def test_the_code_is_named_by_its_content(step, compiled):
    train = step("Train")["Arguments"]["HyperParameters"]
    trial = step("Tune")["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"]

    assert train["sagemaker_program"] == trial["sagemaker_program"] == "train.py"
    assert train["sagemaker_submit_directory"].endswith("/sourcedir.tar.gz")
    assert trial["sagemaker_submit_directory"].endswith("/sourcedir.tar.gz")
    assert train["sagemaker_submit_directory"] != trial["sagemaker_submit_directory"]


def test_what_no_debugger_watches_is_the_code_of_the_trials(compiled):
    definition = str(compiled("debugger.mode=off"))

    assert len(set(re.findall(r"/train-[0-9a-f]{16}/", definition))) == 1


WITHOUT_GRAPH = "serving={image: torchserve:1, graph: none, int8: false, int8_tolerance: 0}"


@pytest.mark.parametrize(
    ("overrides", "channels"),
    [
        ([], ["features", "dataset"]),
        ([WITHOUT_GRAPH], ["features"]),
        ([WITHOUT_GRAPH, "training.fine_tune_blocks=2"], ["features", "dataset"]),
    ],
)
def test_pictures_come_along_to_check_the_graph_and_to_fine_tune(step, overrides, channels):
    train = step("Train", *overrides)["Arguments"]

    assert [channel["ChannelName"] for channel in train["InputDataConfig"]] == channels


def test_the_int8_graph_is_held_to_its_tolerance(step):
    serving = "serving={graph: onnx, int8: true, int8_tolerance: 0.02}"
    told = step("Train", serving)["Arguments"]["HyperParameters"]

    assert (told["int8"], told["int8_tolerance"]) == ("true", "0.02")


@pytest.mark.parametrize(("share", "told"), [("0.02", "0.02"), ("null", None)])
def test_the_model_may_refuse_a_share_of_known_pictures_or_none(step, share, told):
    arguments = step("Train", f"serving.refuse_at={share}")["Arguments"]["HyperParameters"]

    assert arguments.get("refuse_at") == told


@pytest.mark.parametrize(("count", "told"), [("500", "500"), ("null", None)])
def test_the_model_may_carry_examples_or_none(step, count, told):
    arguments = step("Train", f"serving.examples={count}")["Arguments"]["HyperParameters"]

    assert arguments.get("examples") == told


@pytest.mark.parametrize(
    ("blocks", "count", "kind", "launched"),
    [
        (2, 2, "ml.m5.2xlarge", True),
        (2, 1, "ml.g4dn.12xlarge", True),
        (2, 1, "ml.m5.2xlarge", False),
        (0, 1, "ml.g4dn.12xlarge", False),
    ],
)
def test_fine_tuning_on_several_machines_or_gpus_is_started_by_torchrun(
    step, blocks, count, kind, launched
):
    overrides = (f"training.fine_tune_blocks={blocks}", f"instances.training.count={count}")
    train = step("Train", *overrides, f"instances.training.type={kind}")["Arguments"]

    assert train["ResourceConfig"]["InstanceCount"] == count
    flag = train["HyperParameters"].get("sagemaker_torch_distributed_enabled")
    assert flag == ("true" if launched else None)


@pytest.mark.parametrize(
    ("test_in_train", "expected"),
    [("off", ["Evaluate"]), ("warn", ["ExtractFeatures", "Evaluate"])],
)
def test_no_job_that_learns_ever_receives_the_test_split(compiled, test_in_train, expected):
    """ExtractFeatures looks for its pictures in train; what Tune and Train get is not of it."""
    steps = compiled("training.fine_tune_blocks=2", f"data.test_in_train={test_in_train}")["Steps"]
    jobs = [one for one in steps if one["Type"] != "Condition"]  # the registered card names it
    names = [one["Name"] for one in jobs if "Outputs['test']" in str(one["Arguments"])]

    assert names == expected


def test_the_profiler_is_off(step):
    assert step("Train")["Arguments"]["ProfilerConfig"] == {"DisableProfiler": True}


SPOT = "instances.training.spot.max_wait_minutes=200"


def test_spot_machines_keep_checkpoints_below_the_search(step):
    train = step("Train", "training.max_run_minutes=90", SPOT)["Arguments"]

    stop = {"MaxRuntimeInSeconds": 5400, "MaxWaitTimeInSeconds": 12_000}
    assert (train["EnableManagedSpotTraining"], train["StoppingCondition"]) == (True, stop)
    found = {"Get": "Steps.Tune.TrainingJobDefinition.OutputDataConfig.S3OutputPath"}
    assert train["CheckpointConfig"] == {
        # the / at the end keeps out what only begins with the same letters
        "S3Uri": {"Std:Join": {"On": "/", "Values": [found, "train-checkpoints/"]}},
        "LocalPath": "/opt/ml/checkpoints",
    }


def test_with_checkpoints_it_is_reused_as_before(compiled):
    document = read_document(compiled(SPOT, "caching.enabled=true"))

    effects = {effect.step: effect.outcome for effect in cache_effects(document, document)}
    assert effects["Train"] == "kept"


def test_checkpoints_can_be_left_out(step):
    train = step("Train", SPOT, "instances.training.spot.checkpoints=false")["Arguments"]

    assert train["EnableManagedSpotTraining"] is True
    assert "CheckpointConfig" not in train


def test_without_spot_nothing_says_so(compiled):
    text = str(compiled())

    assert compiled("instances.training.spot=null", "tuning.spot=null") == compiled()
    assert not re.search("Spot|Checkpoint|MaxWait", text)


def test_its_machine_is_kept_for_the_next_run_when_asked(step):
    train = step("Train", "instances.training.keep_alive_minutes=20")["Arguments"]

    assert train["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 1200
    assert "KeepAlive" not in str(step("Train")) + str(step("Tune"))


PARTS = ("tuning.strategy=Random", "tuning.max_jobs=20", "tuning.settings_per_trial=7")


def test_the_best_of_a_search_in_parts_comes_with_the_best_trials_model(step):
    arguments = step("Train", *PARTS)["Arguments"]
    given = arguments["HyperParameters"]
    tuned = step("Tune", *PARTS)["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"]
    places = {one["ChannelName"]: one["DataSource"] for one in arguments["InputDataConfig"]}

    assert given["settings"] == tuned["settings"] and "part" not in given and "lr" not in given
    assert places["best"]["S3DataSource"]["S3Uri"] == {
        "Std:Join": {
            "On": "/",
            "Values": [
                {"Get": "Steps.Tune.TrainingJobDefinition.OutputDataConfig.S3OutputPath"},
                {"Get": "Steps.Tune.BestTrainingJob.TrainingJobName"},
                "output/model.tar.gz",
            ],
        }
    }


def test_a_search_without_parts_has_no_such_channel(step):
    channels = step("Train")["Arguments"]["InputDataConfig"]
    assert "best" not in [one["ChannelName"] for one in channels]
