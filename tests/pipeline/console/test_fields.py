"""The form of a run has every setting that it looks at, with its type, bounds and meaning."""

from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT
from pipeline.console.fields import COMMON, Field, check_overrides, field_groups, overrides_of
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings

SETTINGS = ROOT / "pipeline.yaml"


def fields(**given: str) -> dict[str, Field]:
    named = {name.replace("__", "."): value for name, value in given.items()}
    common, rest = field_groups(SETTINGS, named)
    return {field.key: field for group in (common, *rest) for field in group.fields}


def overrides(**given: str) -> list[str]:
    named = {name.replace("__", "."): value for name, value in given.items()}
    return overrides_of(*field_groups(SETTINGS, named))


def test_the_common_settings_come_first_and_none_twice() -> None:
    common, rest = field_groups(SETTINGS, {})
    assert [field.key for field in common.fields] == list(COMMON)
    assert not set(COMMON) & {field.key for group in rest for field in group.fields}


def test_a_field_has_its_type_bounds_and_meaning() -> None:
    epochs = fields()["training.epochs"]
    assert (epochs.kind, epochs.step, epochs.value) == ("number", "1", "15")  # of local
    assert epochs.least is not None and epochs.meaning
    strategy = fields()["tuning.strategy"]
    assert strategy.choices == ("Bayesian", "Random", "Grid", "Hyperband")
    assert fields()["caching.enabled"].choices == ("true", "false")
    assert fields()["gate.champion_tolerance"].kind == "number"


def test_an_untouched_form_changes_nothing() -> None:
    untouched = {key: field.value for key, field in fields().items()}
    assert overrides_of(*field_groups(SETTINGS, untouched)) == []


@pytest.mark.parametrize(
    ("key", "given", "value"),
    [
        ("training.epochs", "3", 3),
        ("tuning.strategy", "Random", "Random"),
        ("caching.enabled", "false", False),
        ("project", "yes", "yes"),  # a word that YAML takes for true
        ("backbone.name", "resnet50", "resnet50"),
        ("gate.champion_tolerance", "", None),
        ("debugger.rules", "[]", ()),
    ],
)
def test_what_is_changed_reaches_the_settings(key: str, given: str, value: object) -> None:
    (override,) = overrides(**{key.replace(".", "__"): given})
    found: object = load_settings(SETTINGS, "local", [override])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_a_wrong_value_is_said_with_its_place(tmp_path: Path) -> None:
    wrong = overrides(training__epochs="-1", tuning__max_jobs="many")
    with pytest.raises(UsageError) as error:
        check_overrides(SETTINGS, wrong)
    assert "training.epochs" in str(error.value) and "tuning.max_jobs" in str(error.value)
