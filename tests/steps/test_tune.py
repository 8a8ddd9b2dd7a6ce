"""Tune in the definition."""

import pytest

pytestmark = pytest.mark.xdist_group("sdk")


def config_of(one):
    return one["Arguments"]["HyperParameterTuningJobConfig"]


def test_people_can_change_the_number_of_trials_for_a_run(step):
    assert config_of(step("Tune"))["ResourceLimits"] == {
        "MaxNumberOfTrainingJobs": {"Get": "Parameters.TuningMaxJobs"},
        "MaxParallelTrainingJobs": {"Get": "Parameters.TuningMaxParallelJobs"},
    }


def test_ranges_are_plain_text_that_the_toolkit_reads_back(step):
    ranges = config_of(
        step(
            "Tune",
            "tuning.ranges={lr: {type: continuous, min: 1e-5, max: 0.1, scaling: Logarithmic}, "
            "epochs: {type: integer, min: 2, max: 9}, "
            "optimizer: {type: categorical, values: [SGD, AdamW]}}",
        )
    )["ParameterRanges"]

    assert ranges == {
        "ContinuousParameterRanges": [
            {"Name": "lr", "MinValue": "1e-05", "MaxValue": "0.1", "ScalingType": "Logarithmic"}
        ],
        "IntegerParameterRanges": [
            {"Name": "epochs", "MinValue": "2", "MaxValue": "9", "ScalingType": "Auto"}
        ],
        "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["SGD", "AdamW"]}],
    }


def test_what_is_tuned_is_not_static_too(step):
    tune = step("Tune")
    static = set(tune["Arguments"]["TrainingJobDefinition"]["StaticHyperParameters"])
    tuned = {one["Name"] for kind in config_of(tune)["ParameterRanges"].values() for one in kind}

    assert tuned
    assert not static & tuned


def test_trials_neither_export_nor_fine_tune_nor_see_pictures(step):
    trial = step("Tune", "training.fine_tune_blocks=2")["Arguments"]["TrainingJobDefinition"]

    assert trial["StaticHyperParameters"]["export"] == "false"
    assert trial["StaticHyperParameters"]["fine_tune_blocks"] == "0"
    assert [channel["ChannelName"] for channel in trial["InputDataConfig"]] == ["features"]
    assert "DebugHookConfig" not in trial


@pytest.mark.parametrize(
    ("objective", "direction"), [("valid:accuracy", "Maximize"), ("best:valid_loss", "Minimize")]
)
def test_losses_fall_and_accuracies_rise(step, objective, direction):
    tune = step("Tune", f"tuning.objective='{objective}'")
    metrics = tune["Arguments"]["TrainingJobDefinition"]["AlgorithmSpecification"][
        "MetricDefinitions"
    ]

    assert config_of(tune)["HyperParameterTuningJobObjective"] == {
        "MetricName": objective,
        "Type": direction,
    }
    assert objective in {metric["Name"] for metric in metrics}


def test_hyperband_gives_out_epochs_and_stops_trials_itself(step):
    config = config_of(
        step(
            "Tune",
            "tuning.strategy=Hyperband",
            "tuning.early_stopping=false",
            "tuning.objective='valid:accuracy'",
            "training.epochs=9",
        )
    )

    assert config["StrategyConfig"] == {
        "HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}
    }
    assert config["TrainingJobEarlyStoppingType"] == "Off"


def test_grid_leaves_the_number_of_trials_to_sagemaker(step):
    config = config_of(
        step(
            "Tune",
            "tuning.strategy=Grid",
            "tuning.ranges.lr=null",
            "tuning.ranges.weight_decay=null",
        )
    )

    assert "MaxNumberOfTrainingJobs" not in config["ResourceLimits"]


def test_trials_on_spot_machines_keep_checkpoints_in_the_run(step):
    job = step("Tune", "tuning.max_run_minutes=30", "tuning.spot={max_wait_minutes: 45}")
    trial = job["Arguments"]["TrainingJobDefinition"]

    stop = {"MaxRuntimeInSeconds": 1800, "MaxWaitTimeInSeconds": 2700}
    assert (trial["EnableManagedSpotTraining"], trial["StoppingCondition"]) == (True, stop)
    place = trial["CheckpointConfig"]["S3Uri"]["Std:Join"]["Values"]
    assert place[1:] == [{"Get": "Execution.PipelineExecutionId"}, "Tune", "checkpoints/"]


PARTS = ("tuning.strategy=Random", "tuning.max_jobs=20", "tuning.settings_per_trial=7")


def test_twenty_settings_may_be_three_jobs_each_dealt_once(step):
    tune = step("Tune", *PARTS)
    config, static = config_of(tune), tune["Arguments"]["TrainingJobDefinition"]

    assert config["Strategy"] == "Grid"
    assert config["ParameterRanges"] == {
        "ContinuousParameterRanges": [],
        "CategoricalParameterRanges": [{"Name": "part", "Values": ["1-7", "8-14", "15-20"]}],
        "IntegerParameterRanges": [],
    }
    assert config["TrainingJobEarlyStoppingType"] == "Off"  # a part is no rival of another
    told = static["StaticHyperParameters"]
    assert (told["stop_early"], told["objective"]) == ("true", "best:valid_accuracy")
    assert told["settings"].count(":") == 20 and not {"lr", "batch_size"} & set(told)
    assert "MaxNumberOfTrainingJobs" not in config["ResourceLimits"]


def test_one_setting_a_job_is_as_if_there_were_no_such_setting(compiled):
    assert compiled("tuning.settings_per_trial=1") == compiled()
