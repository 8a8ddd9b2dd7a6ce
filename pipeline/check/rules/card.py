"""Check the model card of a version: SageMaker refuses one that has not its form."""

from collections.abc import Iterator

from pipeline.check.document import CheckedDefinition
from pipeline.check.findings import Problem
from pipeline.check.functions import function_name, known_value
from pipeline.check.rules.rule import Rule, rule
from pipeline.definition.node import Node, is_number

# In quotes a text, elsewhere a number: it fits wherever a run puts a value.
_UNKNOWN = "0"


@rule("model-card")
def model_cards(document: CheckedDefinition) -> Iterator[Problem]:
    """Report a model card that SageMaker would refuse, with any values that a run puts into it."""
    for step in document.of_type("RegisterModel"):
        content = step.arguments.at("ModelCard", "ModelCardContent")
        text = _text(document, content)
        for problem in _problems(text) if text is not None else ():
            what = f"SageMaker would refuse the model card: {problem}"
            yield Problem(content.path, what, "see the model package model card schema of AWS")


def _problems(text: str) -> list[str]:
    from pipeline.definition.model_card import card_problems

    return card_problems(text)


def _text(document: CheckedDefinition, content: Node) -> str | None:
    """Return a card's text, as far as it is known; None when only a run can tell its form."""
    if content.text is not None:
        return content.text
    if function_name(content.value) != "Std:Join":
        return None
    join = content["Std:Join"]
    parts = [known_value(document, part) for part in join["Values"].items()]
    said = (str(one) if isinstance(one, str) or is_number(one) else _UNKNOWN for one in parts)
    return (join["On"].text or "").join(said)


RULES: tuple[Rule, ...] = (model_cards,)
