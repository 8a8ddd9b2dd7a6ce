"""What a run can cost at most: machines x time x trials, disks, rules, endpoints, the cache."""

import copy
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline.command_line.running import ROOT
from pipeline.cost.__main__ import main, refresh_prices
from pipeline.cost.estimate import estimate, estimate_json, estimate_text
from pipeline.cost.prices import (
    PRICE_FILE,
    Prices,
    SpotDiscount,
    StartTimes,
    fetch_prices,
    load_prices,
    save_prices,
)
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings
from tests.pipeline.schema.schema_support import document

Definition = dict[str, Any]

PRICES = Prices(
    date="2020-12-01",
    region="us-east-1",
    currency="USD",
    source="a test",
    refresh="a command",
    per_hour={
        "training": {"ml.m5.xlarge": 1.0, "ml.g5.xlarge": 4.0},
        "processing": {"ml.m5.xlarge": 2.0, "ml.t3.medium": 0.5},
        "hosting": {"ml.m5.large": 0.1},
    },
    per_gb_month={"training": 0.73, "processing": 0.73, "hosting": 0.0},
)


TOO_CHEAP = SpotDiscount(1.0, "2020-12-01", "a dream")


def get(name: str) -> dict[str, str]:
    return {"Get": f"Parameters.{name}"}


def processing(**resources: Any) -> Definition:
    cluster = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 0, **resources}
    return {
        "Name": "Prepare",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "StoppingCondition": {"MaxRuntimeInSeconds": 7200},
        },
    }


def training(**arguments: Any) -> Definition:
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 0}
    stop = {"MaxRuntimeInSeconds": 3600}
    return {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {"ResourceConfig": resources, "StoppingCondition": stop, **arguments},
    }


def tuning(limits: Definition, *jobs: Definition) -> Definition:
    arguments: Definition = {"HyperParameterTuningJobConfig": {"ResourceLimits": limits}}
    if len(jobs) == 1:
        arguments["TrainingJobDefinition"] = jobs[0]
    else:
        arguments["TrainingJobDefinitions"] = list(jobs)
    return {"Name": "Tune", "Type": "Tuning", "Arguments": arguments}


def grid(*lists: list[str]) -> Definition:
    """A search of every combination, whose definition does not count them."""
    found = tuning({"MaxParallelTrainingJobs": 2}, trial())
    ranges = [{"Name": f"n{n}", "Values": values} for n, values in enumerate(lists)]
    config = found["Arguments"]["HyperParameterTuningJobConfig"]
    config |= {"Strategy": "Grid", "ParameterRanges": {"CategoricalParameterRanges": ranges}}
    return found


def trial(kind: str = "ml.m5.xlarge") -> Definition:
    return {
        "HyperParameterTuningResourceConfig": {"InstanceType": kind, "InstanceCount": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def pipeline(*steps: Definition, **defaults: Any) -> Definition:
    kinds = {str: "String", int: "Integer", float: "Float"}
    parameters = [
        {"Name": name, "Type": kinds[type(value)], "DefaultValue": value}
        for name, value in defaults.items()
    ]
    return {"Version": "2020-12-01", "Parameters": parameters, "Steps": list(steps)}


def total(*steps: Definition) -> float:
    return estimate(pipeline(*steps), prices=PRICES).total


@pytest.mark.parametrize(
    ("step", "amount"),
    [
        (processing(), 4.0),
        (processing(InstanceCount=3), 12.0),
        (processing(VolumeSizeInGB=1000), 4.0 + 2 * 1000 * 0.73 / 730),
        (processing(VolumeSizeInGB=1000, InstanceCount=3), 3 * (4.0 + 2 * 1000 * 0.73 / 730)),
        (processing(InstanceCount=-1), 4.0),
        (training(), 1.0),
        (training(StoppingCondition={}), 24.0),
        (training(StoppingCondition={"MaxRuntimeInSeconds": 60}), 1 / 60),
        (
            training(
                ResourceConfig={
                    "VolumeSizeInGB": 1000,
                    "InstanceGroups": [
                        {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
                        {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
                    ],
                }
            ),
            6.0 + 3 * 1000 * 0.73 / 730,
        ),
        (tuning({"MaxNumberOfTrainingJobs": 10}, trial()), 10.0),
        (tuning({"MaxNumberOfTrainingJobs": 10}, trial(), trial("ml.g5.xlarge")), 40.0),
        (grid(["1-7", "8-14", "15-20"]), 3.0),
        (grid(["SGD", "AdamW"], ["16", "32", "64"]), 6.0),
        (
            tuning(
                {
                    "MaxNumberOfTrainingJobs": 10,
                    "MaxParallelTrainingJobs": 2,
                    "MaxRuntimeInSeconds": 7200,
                },
                trial(),
            ),
            4.0,
        ),
        (
            tuning(
                {
                    "MaxNumberOfTrainingJobs": 3,
                    "MaxParallelTrainingJobs": 2,
                    "MaxRuntimeInSeconds": 7200,
                },
                trial(),
            ),
            3.0,
        ),
        ({"Name": "Fail", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}, 0.0),
    ],
)
def test_a_step_costs_machines_times_time(step: Definition, amount: float) -> None:
    assert total(step) == pytest.approx(amount)


def test_rules_of_our_own_cost_and_built_in_ones_do_not() -> None:
    image = "503895931360.dkr.ecr.us-east-1.amazonaws.com/sagemaker-debugger-rules:latest"
    built_in = {"RuleConfigurationName": "Overfit", "RuleEvaluatorImage": image}
    own = {
        "RuleConfigurationName": "Own",
        "RuleEvaluatorImage": "own:1",
        "InstanceType": "ml.t3.medium",
    }
    assert total(training(DebugRuleConfigurations=[built_in])) == pytest.approx(1.0)
    assert total(training(DebugRuleConfigurations=[built_in, own])) == pytest.approx(1.5)


def test_parameters_are_taken_from_the_run_or_their_defaults() -> None:
    step = tuning({"MaxNumberOfTrainingJobs": get("Trials")}, trial())
    step["Arguments"]["TrainingJobDefinition"]["HyperParameterTuningResourceConfig"][
        "InstanceType"
    ] = get("Machine")
    definition = pipeline(step, Trials=5, Machine="ml.m5.xlarge")
    before = copy.deepcopy(definition)
    assert estimate(definition, {}, PRICES).total == pytest.approx(5.0)
    given = {"Trials": "7", "Machine": "ml.g5.xlarge"}
    assert estimate(definition, given, PRICES).total == pytest.approx(28.0)
    assert definition == before


@pytest.mark.parametrize("given", [{"Trial": 3}, {"Trials": "many"}])
def test_a_parameter_that_cannot_be_is_refused(given: Definition) -> None:
    with pytest.raises(UsageError, match="Trial"):
        estimate(pipeline(Trials=5), given, PRICES)


def test_what_has_no_price_is_said_and_left_out() -> None:
    cost = estimate(pipeline(processing(InstanceType="ml.huge"), training()), prices=PRICES)
    assert not cost.complete
    assert cost.total == pytest.approx(1.0)
    words = " ".join(estimate_text(cost).split())
    assert "ml.huge is not in the processing prices of us-east-1 unknown" in words
    assert "at least" in words


def test_a_wide_name_leaves_the_amounts_in_their_column() -> None:
    wide = {**training(), "Name": "x" * 64}
    rows = estimate_text(estimate(pipeline(processing(), wide), prices=PRICES)).splitlines()[1:-2]
    assert rows[1] == f"  {'x' * 64}"
    assert {len(row) for row in (*rows[:1], *rows[2:])} == {80}


def test_a_job_without_an_end_has_no_most() -> None:
    step = {"Name": "Batch", "Type": "Transform", "Arguments": {}}
    assert not estimate(pipeline(step), prices=PRICES).complete


def test_the_cache_saves_what_is_cached() -> None:
    cached = {**processing(), "CacheConfig": {"Enabled": True}}
    off = {**training(), "CacheConfig": {"Enabled": False}}
    cost = estimate(pipeline(cached, off), prices=PRICES)
    assert (cost.total, cost.saved_by_cache) == (pytest.approx(5.0), pytest.approx(4.0))


def test_what_spot_machines_save_is_an_assumption_and_no_price() -> None:
    taken = SpotDiscount(0.5, "2020-12-02", "somebody's guess")
    prices = dataclasses.replace(PRICES, spot=taken)
    spot = {"EnableManagedSpotTraining": True}
    job = {**trial(), **spot}
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2}
    cost = estimate(pipeline(training(**spot), tuning(limits, job), processing()), prices=prices)
    assert (cost.total, cost.saved_by_spot) == (pytest.approx(9.0), pytest.approx(2.5))
    text = " ".join(estimate_text(cost).split())
    assert "ml.m5.xlarge x 1, at most 1 h, spot 1.00" in text
    assert "of it saved by spot machines, by the assumption below 2.50" in text
    assert "taken to be 50% cheaper (2020-12-02): somebody's guess" in text


def test_without_spot_machines_no_assumption_is_made() -> None:
    prices = dataclasses.replace(PRICES, spot=SpotDiscount(0.5, "2020-12-02", "a guess"))
    cost = estimate(pipeline(training()), prices=prices)
    assert cost.saved_by_spot == 0
    assert "spot" not in estimate_text(cost)


STARTS = StartTimes(120, 180, 30, "2020-12-01", "a guess")
TWELVE = {"MaxNumberOfTrainingJobs": 12, "MaxParallelTrainingJobs": 5}


def test_starts_of_jobs_are_counted_along_the_steps_that_wait() -> None:
    prices = dataclasses.replace(PRICES, starts=STARTS)
    beside = processing() | {"Name": "Beside"}
    train, tune = training() | {"DependsOn": ["Tune"]}, tuning(TWELVE, trial())
    starts = estimate(pipeline(beside, tune, train), prices=prices).starts

    assert starts is not None
    counted = {one.step: (one.jobs, one.in_turn, one.seconds) for one in starts.steps}
    assert counted == {"Beside": (1, 1, 120), "Tune": (12, 3, 540), "Train": (1, 1, 180)}
    assert (starts.jobs, starts.seconds) == (14, 720)
    text = estimate_text(estimate(pipeline(beside, tune, train), prices=prices))
    assert re.search(r"^  Tune +12 jobs in 3 turns +9 min$", text, re.M)
    assert "a job taken to start in 2 min or 3 min (2020-12-01): a guess" in text


def test_steps_in_a_circle_start_nothing() -> None:
    prices = dataclasses.replace(PRICES, starts=STARTS)
    circle = [processing() | {"DependsOn": ["Train"]}, training() | {"DependsOn": ["Prepare"]}]
    starts = estimate(pipeline(*circle), prices=prices).starts
    assert starts is not None and starts.seconds == 0


def test_a_machine_that_is_kept_costs_as_long_and_starts_warm() -> None:
    kept = training()
    kept["Arguments"]["ResourceConfig"]["KeepAlivePeriodInSeconds"] = 1800
    prices = dataclasses.replace(PRICES, starts=STARTS)
    cost = estimate(pipeline(kept), prices=prices)

    assert cost.total == 1.5  # an hour at most, and half an hour
    assert cost.lines[1].what == "kept for the next run's: ml.m5.xlarge x 1, at most 30 min"
    assert cost.starts is not None and cost.starts.steps[0].warm_seconds == 30


def test_of_a_condition_the_dearer_outcome_counts() -> None:
    inner = {
        "Name": "Inner",
        "Type": "Condition",
        "Arguments": {"IfSteps": [processing()], "ElseSteps": [{**processing(), "Name": "Other"}]},
    }
    outer = {
        "Name": "Outer",
        "Type": "Condition",
        "Arguments": {"IfSteps": [inner, training()], "ElseSteps": []},
    }
    assert total(outer, {**training(), "Name": "Before"}) == pytest.approx(4.0 + 1.0 + 1.0)


def test_endpoints_cost_by_the_month() -> None:
    deploy = {
        "Name": "Deploy",
        "Type": "Lambda",
        "Arguments": {
            "endpoint_name": get("Name"),
            "instance_type": "ml.m5.large",
            "instance_count": 2,
        },
    }
    variants = [{"VariantName": "A", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]
    config = {
        "Name": "Config",
        "Type": "EndpointConfig",
        "Arguments": {"ProductionVariants": variants},
    }
    cost = estimate(pipeline(deploy, config, Name="dogs"), prices=PRICES)
    assert cost.total == 0
    assert cost.per_month == pytest.approx(3 * 0.1 * 730)
    assert cost.monthly[0].what == "endpoint dogs: ml.m5.large x 2"
    assert cost.complete
    variants[0]["InstanceType"] = "ml.huge"
    assert not estimate(pipeline(config), prices=PRICES).complete


@pytest.mark.parametrize(
    ("others", "ready", "amount", "said"),
    [
        ({"serverless_gb_second": 0.1}, {}, 0.0, "serverless, 2048 MB; 1,000 s of answers: 200.00"),
        ({}, {}, None, "serverless, 2048 MB: the price is not known"),
        (
            {"serverless_gb_second": 0.1, "serverless_ready_gb_second": 0.01},
            {"provisioned_concurrency": 2},
            0.01 * 2 * 2 * 730 * 3600,
            "2 kept ready",
        ),
        (
            {"serverless_gb_second": 0.1},
            {"provisioned_concurrency": 2},
            None,
            "2 kept ready, whose price is not known",
        ),
    ],
)
def test_a_serverless_endpoint_costs_nothing_while_nobody_asks(
    others: dict[str, float], ready: Definition, amount: float | None, said: str
) -> None:
    machines = {"memory_size_mb": 2048, "max_concurrency": 5, **ready}
    arguments = {"endpoint_name": "dogs", **machines}
    deploy = {"Name": "Deploy", "Type": "Lambda", "Arguments": arguments}
    cost = estimate(pipeline(deploy), prices=dataclasses.replace(PRICES, others=others))
    (line,) = cost.monthly
    assert line.amount == (None if amount is None else pytest.approx(amount))
    assert said in line.what
    assert cost.complete == (amount is not None)


def test_with_its_settings_production_and_the_serving_image_are_priced() -> None:
    prices = dataclasses.replace(PRICES, others={"build_minute": 0.5, "ecr_gb_month": 10.0})
    cost = estimate(pipeline(training()), prices=prices, settings=settings_of())
    assert [line.amount for line in cost.once] == [60 * 0.5]
    production, image, bucket = cost.monthly
    assert production.what == "endpoint dog-breeds-production: ml.m5.large x 2"
    assert (production.amount, image.amount) == (pytest.approx(2 * 0.1 * 730), 4.0)
    assert cost.when_busy == pytest.approx(2 * 0.1 * 730)  # from 2 instances to 4
    assert bucket.amount is None  # this price file has none
    assert not cost.complete
    text = estimate_text(cost)
    assert "Once besides:" in text
    assert "autoscaling is at its limit" in text


@pytest.mark.parametrize(
    ("schedule", "times"), [("rate(1 day)", 730 / 24), ("rate(12 hours)", 730 / 12)]
)
def test_scheduled_checks_are_priced_by_the_month(schedule: str, times: float) -> None:
    settings = settings_of(f"monitor={{enabled: true, schedule: {schedule}}}")
    usual = estimate(pipeline(training()), prices=PRICES, settings=settings)
    checked = pipeline(processing())
    once = estimate(checked, prices=PRICES).total
    cost = estimate(pipeline(training()), prices=PRICES, settings=settings, monitoring=checked)
    assert cost.total == usual.total
    assert cost.monthly[-1].amount == pytest.approx(once * times)
    assert cost.per_month == pytest.approx(usual.per_month + once * times)


def test_without_scaling_production_has_its_instances_and_its_image_is_somebodys_own() -> None:
    given = ("instance_type=ml.x9.large", "autoscaling.enabled=false")
    production = [f"deploy.production.{one}" for one in given]
    settings = settings_of(*production, "serving.image=1.dkr.ecr.r.amazonaws.com/mine:1")
    cost = estimate(pipeline(training()), prices=PRICES, settings=settings)
    assert (cost.once, cost.when_busy) == ((), None)
    assert cost.monthly[0].what.endswith(
        "ml.x9.large x 2: ml.x9.large is not in the hosting prices of us-east-1"
    )
    assert len(cost.monthly) == 2


def settings_of(*overrides: str) -> Settings:
    return load_settings(ROOT / "pipeline.yaml", None, overrides)


def test_another_region_is_said() -> None:
    step = training(RoleArn="arn:aws:iam::1:role/x")
    step["Arguments"]["HyperParameters"] = {"sagemaker_region": "eu-west-1"}
    notes = estimate(pipeline(step), prices=PRICES).notes
    assert any("eu-west-1" in note and "--refresh" in note for note in notes)


def test_retries_are_said() -> None:
    step = {**training(), "RetryPolicies": [{"MaxAttempts": 4}]}
    assert any("up to 4 times" in note for note in estimate(pipeline(step), prices=PRICES).notes)
    step["RetryPolicies"] = [{"MaxAttempts": 1}]
    assert not any("times" in note for note in estimate(pipeline(step), prices=PRICES).notes)


def test_json_holds_the_lines() -> None:
    content = document("run --cost", estimate_json(estimate(pipeline(training()), prices=PRICES)))
    assert content["total"] == 1.0
    assert content["lines"][0]["step"] == "Train"
    assert content["lines"][0]["what"] == "ml.m5.xlarge x 1, at most 1 h"
    assert content["date"] == "2020-12-01"


@pytest.mark.parametrize("broken", [{}, {"Steps": 5, "Parameters": 7}, {"Steps": [None, {}, 3]}])
def test_a_broken_definition_costs_nothing(broken: Definition) -> None:
    assert estimate(broken, prices=PRICES).total == 0


def test_the_price_file_knows_what_people_use() -> None:
    prices = load_prices()
    assert prices.date
    assert "check" in prices.source or "API" in prices.source
    for component in ("training", "processing", "hosting"):
        known = {name.split(".")[1] for name in prices.per_hour[component]}
        assert {"m5", "m6i", "c5", "c6i", "g4dn", "g5", "p3"} <= known
    assert {"t2", "t3"} & {name.split(".")[1] for name in prices.per_hour["hosting"]}


def test_every_price_is_of_a_machine_that_exists() -> None:
    from pipeline.check.shapes import load_shapes

    names = {
        "training": "TrainingInstanceType",
        "processing": "ProcessingInstanceType",
        "hosting": "ProductionVariantInstanceType",
    }
    for component, prices in load_prices().per_hour.items():
        assert set(prices) <= set(load_shapes()[names[component]]["enum"])
        assert all(price > 0 for price in prices.values())


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"date": 1}', json.dumps({"per_hour": {}, "date": ""})),
        json.dumps(dataclasses.asdict(PRICES)).replace("4.0", "-4.0"),
        json.dumps(dataclasses.asdict(PRICES) | {"spot": 0.5}),
        json.dumps(dataclasses.asdict(PRICES) | {"spot": dataclasses.asdict(TOO_CHEAP)}),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(content)
    with pytest.raises(UsageError, match="price"):
        load_prices(file)


def product(usage: str, price: str, unit: str = "Hrs") -> str:
    """An entry of the price list, as AWS writes it."""
    dimension = {"unit": unit, "pricePerUnit": {"USD": price}}
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage}},
            "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}},
        }
    )


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "pricing",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )


REQUEST: Definition = {
    "ServiceCode": "AmazonSageMaker",
    "Filters": [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"}],
    "FormatVersion": "aws_v1",
}


def test_prices_are_read_from_every_page_of_the_list(client: Any) -> None:
    first = [
        product("EU-Train:ml.m5.xlarge", "1.5"),
        product("EU-Processing:ml.m5.xlarge", "2.5"),
        product("EU-Notebk:ml.m5.xlarge", "9"),
        product("EU-Train:ml.m5.2xlarge", "0.0"),
        product("EU-Train:ml.m5.4xlarge", "9", unit="GB-Mo"),
    ]
    second = [product("EUW1-Host:ml.m5.large", "0.2"), product("EU-Host:VolumeUsage.gp2", "9")]
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": first, "NextToken": "more"}, REQUEST)
        stub.add_response("get_products", {"PriceList": second}, {**REQUEST, "NextToken": "more"})
        prices = fetch_prices(client, "eu-west-1", "2021-01-01", PRICES)
        stub.assert_no_pending_responses()
    assert prices.per_hour == {
        "training": {"ml.m5.xlarge": 1.5},
        "processing": {"ml.m5.xlarge": 2.5},
        "hosting": {"ml.m5.large": 0.2},
    }
    assert (prices.region, prices.date) == ("eu-west-1", "2021-01-01")
    assert prices.per_gb_month == PRICES.per_gb_month


def test_refreshing_writes_the_file_and_says_what_changed(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    save_prices(PRICES, file)
    page = [product("EU-Train:ml.m5.xlarge", "1.0"), product("EU-Train:ml.g5.xlarge", "5.0")]
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": page}, REQUEST)
        done = refresh_prices(client, "eu-west-1", "2021-01-01", file)
    assert (
        done.summary() == "prices.json: 2 prices of eu-west-1, 2021-01-01; 4 of the old ones differ"
    )
    assert load_prices(file).per_hour["training"] == {"ml.g5.xlarge": 5.0, "ml.m5.xlarge": 1.0}


def test_a_region_without_prices_leaves_the_file(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    save_prices(PRICES, file)
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": []}, REQUEST)
        with pytest.raises(UsageError, match="is it a region"):
            refresh_prices(client, "eu-west-1", "2021-01-01", file)
    assert load_prices(file) == PRICES


def test_a_refusal_of_aws_leaves_the_file(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    save_prices(PRICES, file)
    with Stubber(client) as stub:
        stub.add_client_error("get_products", "AccessDeniedException")
        with pytest.raises(ClientError):
            refresh_prices(client, "eu-west-1", "2021-01-01", file)
    assert load_prices(file) == PRICES


def test_the_command_prices_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, prices = tmp_path / "definition.json", tmp_path / "prices.json"
    file.write_text(json.dumps(pipeline(training())))
    prices.write_text(json.dumps(dataclasses.asdict(PRICES)))
    assert main([str(file), "--prices", str(prices)]) == 0
    assert "Train" in capsys.readouterr().out
    assert main([str(file), "--prices", str(prices), "--json"]) == 0
    assert document("cost", capsys.readouterr().out)["total"] == 1.0


def test_a_name_can_neither_steer_a_terminal_nor_begin_a_line() -> None:
    step = {"Name": "A\x1b[31m\ntotal", "Type": "Transform", "Arguments": {}}
    text = estimate_text(estimate({"Version": "2020-12-01", "Steps": [step]}, prices=PRICES))
    assert all(map(str.isprintable, text.split("\n")))
    assert r"A\u001b[31m\u000atotal" in text


def test_the_price_file_is_in_the_package() -> None:
    assert PRICE_FILE.parent.name == "cost"
