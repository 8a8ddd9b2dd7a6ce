"""Our own definition: what every check is tried on."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings

Definition = dict[str, Any]
DefinitionOf = Callable[[Settings], Definition]

# What the mutations rely on, whatever pipeline.yaml says today.
FIXED = (
    "project=dog-breeds",
    "aws.region=us-east-1",
    "aws.account_id='111122223333'",
    "backbone.weights=none",
    "tuning.strategy=Bayesian",
    "tuning.early_stopping=true",
    "tuning.objective=best:valid_accuracy",
    "tuning.ranges.lr={type: continuous, min: 1e-4, max: 0.01, scaling: Logarithmic}",
    "tuning.ranges.weight_decay={type: continuous, min: 1e-5, max: 0.1, scaling: Logarithmic}",
    "tuning.ranges.batch_size={type: categorical, values: [32, 64]}",
    "tuning.max_jobs=6",
    "tuning.max_parallel_jobs=2",
    "debugger.mode=embedded",
    "caching.enabled=true",
    "gate.accuracy_threshold=0.6",
    "gate.champion_tolerance=0.02",
    "card.enabled=true",
)
VARIANTS: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "base": (None, ()),
    "local": ("local", ()),
    "staging": ("staging", ()),
    "production": ("production", ()),
    "no debugger": ("local", ("debugger.mode=off",)),
    "fine tuning": ("local", ("training.fine_tune_blocks=1",)),
    "champion": ("local", ("gate.champion_tolerance=0.02",)),
    "no champion": ("local", ("gate.champion_tolerance=null",)),
    "no cache": ("local", ("caching.enabled=false",)),
    "lower loss": ("local", ("tuning.objective=best:valid_loss",)),
    "parts": (
        None,
        ("tuning.strategy=Random", "tuning.settings_per_trial=7", "tuning.max_jobs=20"),
    ),
    "another region": ("local", ("aws.region=eu-west-1",)),
}


@pytest.fixture
def variant(definition_of: DefinitionOf) -> Callable[[str], Definition]:
    """A variant of our definition by name."""

    def compile_variant(name: str) -> Definition:
        environment, overrides = VARIANTS[name]
        return definition_of(load_settings(ROOT / "pipeline.yaml", environment, overrides))

    return compile_variant


@pytest.fixture(scope="session")
def compiled(definition_of: DefinitionOf) -> Definition:
    """The definition that is mutated; do not change it."""
    return definition_of(load_settings(ROOT / "pipeline.yaml", "local", FIXED))


@pytest.fixture
def definition(compiled: Definition) -> Definition:
    """A copy of our definition, to be changed."""
    return copy.deepcopy(compiled)


@pytest.fixture
def mutable(definition: Definition, watched: Definition) -> Callable[[str], Definition]:
    """The copy that has what a path names: SageMaker Debugger is in one of its own."""
    return lambda path: watched if "/Debug" in path else definition


@pytest.fixture
def watched(definition_of: DefinitionOf) -> Definition:
    """A copy of our definition with SageMaker Debugger, to be changed."""
    overrides = (*FIXED, "debugger.mode=service")
    return copy.deepcopy(definition_of(load_settings(ROOT / "pipeline.yaml", "local", overrides)))
