"""What is advised about a finding is a command that works."""

import shlex

import pytest

from pipeline.command_line.running import ROOT
from pipeline.job_scripts.debugger_rules import rule_names, rule_remedy, rule_settings
from pipeline.report.advice import ADVICE, Adviser
from pipeline.run.__main__ import parsers
from pipeline.settings.loading import load_settings

LOCAL = "python -m pipeline.run --local --data '/my pictures' --set backbone.weights=imagenet"
TRIES = sorted({" ".join(one) for advice in ADVICE.values() for one in advice.tries})


def settings_in(command: str) -> list[str]:
    """The --set of a command, which the command itself can read."""
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "pipeline.run"]
    given: list[str] = parsers()[""].parse_args(words[3:]).set
    return given


@pytest.mark.parametrize("environment", [None, "local"])
@pytest.mark.parametrize("finding", sorted(ADVICE))
def test_every_advice_is_a_command_with_settings_that_there_are(
    finding: str, environment: str | None
) -> None:
    attempt = Adviser(LOCAL).about(finding, "zebra")
    load_settings(ROOT / "pipeline.yaml", environment, settings_in(attempt.command))
    for settings in ADVICE[finding].tries:
        load_settings(ROOT / "pipeline.yaml", environment, list(settings))


@pytest.mark.parametrize("rule", rule_names())
def test_every_rule_knows_what_to_try(rule: str) -> None:
    settings = rule_settings(rule)
    assert bool(settings) != bool(rule_remedy(rule))
    load_settings(ROOT / "pipeline.yaml", "local", list(settings))


def test_of_a_rule_of_ones_own_nothing_is_known() -> None:
    assert (rule_settings("MyRule"), rule_remedy("MyRule")) == ((), "")


def test_the_advised_settings_join_those_of_the_run() -> None:
    attempt = Adviser(LOCAL).about("learned by heart")
    assert str(attempt) == f"try: {LOCAL} --set features.views=4"


@pytest.mark.parametrize("given", ["--set features.views=2", "--set=features.views=2"])
def test_a_setting_that_is_changed_is_there_once(given: str) -> None:
    command = f"python -m pipeline.run --local {given} --set a.b=c"
    attempt = Adviser(command).advise([["features.views=4"]])
    assert settings_in(attempt.command) == ["a.b=c", "features.views=4"]


@pytest.mark.parametrize("views", ["4", "8"])
def test_what_a_run_has_already_is_not_advised(views: str) -> None:
    adviser = Adviser(LOCAL, {"features.views": views})
    assert "label_smoothing" in adviser.about("learned by heart").command


@pytest.mark.parametrize("finding", [name for name in ADVICE if ADVICE[name].tries])
def test_who_follows_every_advice_is_never_told_the_same_again(finding: str) -> None:
    command = LOCAL
    for _ in ADVICE[finding].tries:
        command = Adviser(command).about(finding).command
    last = Adviser(command).about(finding)
    assert last.command == command
    assert "then" in last.words


@pytest.mark.parametrize(
    "given",
    [
        "tuning.ranges.lr.max=0.0005",  # lower already
        "tuning.ranges.lr.min=0.001",  # nothing would be left between them
        "tuning.ranges.lr=[0.001, 0.01]",  # without a largest value
        "tuning.ranges.lr=null",  # not tuned
    ],
)
def test_what_the_settings_of_a_run_would_refuse_is_not_advised(given: str) -> None:
    attempt = Adviser(f"{LOCAL} --set '{given}'").about("trials failed")
    assert "lr.max=0.001" not in attempt.command


@pytest.mark.parametrize(
    ("name", "weights", "advised"),
    [
        ("squeezenet1_1", "imagenet", True),
        ("resnet18", "none", True),
        ("resnet50", "none", True),
        ("resnet50", "imagenet", False),
        ("resnet18", "imagenet", False),
    ],
)
def test_a_pretrained_backbone_is_not_exchanged_for_a_weaker_one(
    name: str, weights: str, advised: bool
) -> None:
    adviser = Adviser(LOCAL, {"backbone.name": name, "backbone.weights": weights})
    command = adviser.about("accuracy too low").command
    assert ("backbone.name=mobilenet_v2" in settings_in(command)) is advised


def test_of_a_command_that_cannot_be_read_here_nothing_is_known() -> None:
    command = "python -m pipeline.run --local --settings gone.yaml"
    assert "features.views=4" in Adviser(command).about("learned by heart").command


def test_when_all_was_tried_more_pictures_are_left() -> None:
    has = {"features.views": "4", "training.label_smoothing": "0.1"}
    attempt = Adviser(LOCAL, has).about("learned by heart", "zebra, okapi")
    assert str(attempt) == f"more pictures of zebra, okapi, then: {LOCAL}"


def test_names_with_braces_do_no_harm() -> None:
    assert "{x} and {0!r}" in Adviser(LOCAL).about("classes confused", "{x} and {0!r}").words


def test_machines_are_a_matter_of_aws() -> None:
    attempt = Adviser(f"{LOCAL} --set=a.b=c").advise([["instances.training.type=ml.g5.xlarge"]])
    assert attempt.command == (
        "python -m pipeline.run --upsert --start --wait --set backbone.weights=imagenet"
        " --set=a.b=c --set instances.training.type=ml.g5.xlarge"
    )
