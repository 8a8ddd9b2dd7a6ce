"""SageMaker Debugger: rules without tensors to look at."""

from collections.abc import Iterator

from pipeline.check.document import Document
from pipeline.check.findings import Problem
from pipeline.check.rules.rule import Rule, rule


@rule("debugger")
def debugger(document: Document) -> Iterator[Problem]:
    """Rules, but no hook that saves tensors for them; or a hook that saves nowhere."""
    for step in document.of_type("Training"):
        rules, hook = step.arguments["DebugRuleConfigurations"], step.arguments["DebugHookConfig"]
        if rules.items() and not hook.exists:
            what = "there are debugger rules, but no DebugHookConfig that saves tensors for them"
            yield Problem(rules.path, what, "add a DebugHookConfig")
        for item in rules.items():
            image = item["RuleEvaluatorImage"].text or ""
            parameters = item["RuleParameters"]
            if "sagemaker-debugger-rules" in image and not parameters["rule_to_invoke"].exists:
                what = "a built-in rule needs the RuleParameters rule_to_invoke"
                yield Problem(item.path, what, "name the rule there")


RULES: tuple[Rule, ...] = (debugger,)
