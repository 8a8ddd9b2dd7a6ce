"""The words of a test for the model card: they stand in JSON's quotes as they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from debugger.rules_file import keep_outcomes, write_rules
from evaluation.card import card_section, plain, rules_text

INFO = {
    "classes": ["a", "b"],
    "counts": {"train": {"a": 3, "b": 4}, "valid": {"a": 1, "b": 1}, "test": {"a": 2, "b": 0}},
}


def evaluation(**classes: Any) -> dict[str, Any]:
    return {
        "coverage": {"summary": "answers all"},
        "multiclass_classification_metrics": {"per_class": classes},
    }


def test_it_names_counts_and_the_weakest_classes() -> None:
    classes = {
        "a": {"recall": 0.75, "count": 4},
        "b": {"recall": None, "count": 0},
        **{f"c{n:02}": {"recall": n / 20, "count": 20} for n in range(12)},
    }
    card = card_section(INFO, evaluation(**classes), "Overfit: NoIssuesFound")
    assert card["data"] == "2 classes; train 7, valid 2, test 2 pictures"
    assert card["weak_classes"].startswith("c00 0.0%, c01 5.0%, ")
    assert card["weak_classes"].count(",") == 9
    assert card["observation"] == "answers all"


def test_a_class_that_is_always_recognised_is_not_weak() -> None:
    good, bad = {"recall": 1.0, "count": 4}, {"recall": 0.999, "count": 1000}
    card = card_section(INFO, evaluation(a=good, b=bad), "")
    assert card["weak_classes"] == "b 99.9%"
    assert card_section(INFO, evaluation(a=good), "")["weak_classes"].startswith("none: ")


@pytest.mark.parametrize(
    "text", ['the "best"', "C:\\dogs", "a\tb\nc", "\x00\x1b[31m", "x" * 5000, "Bär 熊"]
)
def test_words_stand_in_quotes_as_they_are(text: str) -> None:
    kept = plain(text)
    assert json.loads(f'"{kept}"') == kept
    assert len(kept) <= 1024


def test_how_rules_ended_goes_with_the_model(tmp_path: Path) -> None:
    debug, model = tmp_path / "debug", tmp_path / "model"
    model.mkdir()
    assert rules_text(model).startswith("no rules ran")
    keep_outcomes(debug, model)
    assert list(model.iterdir()) == []
    rule = {"name": "Overfit", "status": "IssuesFound", "message": "at step 9", "step": 9}
    write_rules(debug, [rule, rule | {"name": "Other", "status": "Error"}], None, None)
    keep_outcomes(debug, model)
    assert rules_text(model) == "Overfit: IssuesFound, Other: Error"
