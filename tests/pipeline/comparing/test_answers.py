"""What two models answered on the same pictures."""

from pipeline.comparing.answers import Answer, PairedAnswers


def answer(prediction: str, probability: float | None = None) -> Answer:
    return Answer("pug", prediction, probability)


def test_of_the_pictures_that_one_recognised_the_surest_mistakes_of_the_other_come_first() -> None:
    right = answer("pug", 0.9)
    answers = PairedAnswers(
        {"a": right, "b": right, "c": right, "d": right, "e": answer("cat", 0.5), "f": right},
        {
            "a": answer("cat", 0.2),
            "b": answer("cat", 0.8),
            "c": answer("cat"),
            "d": answer("cat", 0.2),
            "e": right,
            "f": right,
        },
    )
    assert [one.file for one in answers.only_first] == ["b", "a", "d", "c"]
    assert [one.file for one in answers.only_second] == ["e"]
    assert answers.pictures == 6
