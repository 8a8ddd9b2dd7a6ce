"""Check SageMaker Debugger: who may use it, which rules exist, and that they have tensors."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.jobs import bundled_script, hyperparameters, plain_text
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, shown
from pipeline.definition.steps import WrittenStep
from pipeline.suggestions import suggest
from training_code.tensor_names import ASKED_BY_RULES, HEAD_TENSORS, matches

CLOSED = "2026-07-30"  # to new customers

# As in AWS's list of built-in rules, with their names for rule_to_invoke.
BUILT_IN_RULES = (
    "AllZero",
    "CheckInputImages",
    "ClassImbalance",
    "Confusion",
    "CreateXgboostReport",
    "DeadRelu",
    "ExplodingTensor",
    "FeatureImportanceOverweight",
    "LossNotDecreasing",
    "NLPSequenceRatio",
    "Overfit",
    "Overtraining",
    "PoorWeightInitialization",
    "SaturatedActivation",
    "SimilarAcrossRuns",
    "StalledTrainingRule",
    "TensorVariance",
    "TreeDepth",
    "UnchangedTensor",
    "VanishingGradient",
    "WeightUpdateRatio",
)
# What smdebug saves without being told which tensors belong to it.
BUILT_IN_COLLECTIONS = (
    "all",
    "average_shap",
    "biases",
    "default",
    "feature_importance",
    "full_shap",
    "gradients",
    "hyperparameters",
    "inputs",
    "labels",
    "layers",
    "losses",
    "metrics",
    "optimizer_variables",
    "outputs",
    "predictions",
    "sm_metrics",
    "trees",
    "weights",
)


@rule("debugger", accepted=True)
def debugger(document: CheckedDefinition) -> Iterator[Problem]:
    """Report rules that do not exist or have no tensors, and collections that save none."""
    for step in document.of_type("Training"):
        rules, hook = step.arguments["DebugRuleConfigurations"], step.arguments["DebugHookConfig"]
        if rules.items() and not hook.exists:
            what = "there are debugger rules, but no DebugHookConfig that saves tensors for them"
            yield Problem(rules.path, what, "add a DebugHookConfig")
        for item in rules.items():
            yield from _rule_problems(item)
        for collection in hook["CollectionConfigurations"].items():
            name, told = collection["CollectionName"], collection["CollectionParameters"]
            chosen = told["include_regex"].exists or told["tensor_names"].exists
            if name.text is not None and name.text not in BUILT_IN_COLLECTIONS and not chosen:
                what = f"the collection {name.text!r} does not say which tensors it saves"
                mend = suggest(name.text, BUILT_IN_COLLECTIONS, "add include_regex")
                yield Problem(name.path, what, mend)


@rule("debugger-closed", "warning")
def debugger_closed(document: CheckedDefinition) -> Iterator[Problem]:
    """Report trainings that SageMaker Debugger watches: it takes no new customers."""
    for step in document.of_type("Training"):
        rules = step.arguments["DebugRuleConfigurations"]
        if rules.items():
            what = f"Debugger is closed to accounts that did not use it before {CLOSED}"
            instead = "set debugger.mode to embedded" if document.ours else "remove them"
            yield Problem(rules.path, what, f"in such an account, {instead}")


@rule("debugger-collection", "warning")
def collections_save_something(document: CheckedDefinition) -> Iterator[Problem]:
    """Report collections that no tensor of our training of the head belongs to.

    What there is with fine-tuning depends on the backbone: Train itself warns then.
    """
    for step in document.of_type("Training"):
        if bundled_script(step) != "train.py":
            continue
        if plain_text(hyperparameters(step)["fine_tune_blocks"]) not in (None, "0"):
            continue
        for name, pattern, place in _patterns(step):
            if name not in ASKED_BY_RULES and not _may_match(pattern):
                what = f"the collection {shown(name)} saves nothing: no tensor matches"
                known = f"there are {', '.join(HEAD_TENSORS)}"
                yield Problem(place.path, f"{what} {shown(pattern)}", known)


def _patterns(step: WrittenStep) -> Iterator[tuple[str, str, Node]]:
    """Yield the collections that have a pattern, with it and where it stands."""
    place = hyperparameters(step)["debug_collections"]
    for part in (plain_text(place) or "").split(","):
        name, *pairs = part.split(":")
        told = dict(pair.partition("=")[::2] for pair in pairs)
        if "include_regex" in told:
            yield name, unquote(told["include_regex"]), place
    for one in step.arguments["DebugHookConfig"]["CollectionConfigurations"].items():
        given = one["CollectionParameters"]["include_regex"]
        if one["CollectionName"].text and given.text:
            yield one["CollectionName"].text, given.text, given


def _may_match(pattern: str) -> bool:
    try:
        return matches(pattern, HEAD_TENSORS)
    except re.error:
        return True


def _rule_problems(item: Node) -> Iterator[Problem]:
    name = item["RuleParameters"]["rule_to_invoke"]
    if "sagemaker-debugger-rules" not in (item["RuleEvaluatorImage"].text or ""):
        return
    if not name.exists:
        what = "a built-in rule needs the RuleParameters rule_to_invoke"
        yield Problem(item.path, what, "name the rule there")
    elif name.text is not None and name.text not in BUILT_IN_RULES:
        what = f"there is no built-in rule {name.text!r}"
        yield Problem(name.path, what, suggest(name.text, BUILT_IN_RULES, "use one that exists"))


RULES: tuple[Rule, ...] = (debugger, debugger_closed, collections_save_something)
