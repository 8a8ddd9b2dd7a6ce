"""An unknown name is answered with the one that was meant, or with those there are."""

import pytest

from pipeline.suggestions import suggest


@pytest.mark.parametrize(
    ("word", "known", "answer"),
    [
        ("ChanelName", ["ChannelName", "DataSource"], "did you mean ChannelName?"),
        ("adamw", ["Adam", "AdamW", "SGD"], "did you mean AdamW?"),
        ("m5.large", ["eu.ml.m5.large", "ml.r5.large", "ml.m5.large"], "did you mean ml.m5.large?"),
        ("valid_loss", ["best:valid_loss", "valid:loss"], "did you mean valid:loss?"),
        ("x", ["beta", "alpha", ""], "there are: beta, alpha"),
        ("x", list("abcdefghijkl"), "there are: a, b, c, d, e, f, g, h, i, j, k, l"),
        ("x", list("abcdefghijklm"), "remove it"),
        ("x", [], "remove it"),
    ],
)
def test_a_suggestion_is_the_nearest_name(word: str, known: list[str], answer: str) -> None:
    assert suggest(word, known, "remove it") == answer


def test_without_another_answer_even_a_long_list_is_given() -> None:
    assert suggest("x", list("abcdefghijklm")) == "there are: a, b, c, d, e, f, g, h, i, j, k, l, m"
    assert suggest("x", []) == "there are none"
