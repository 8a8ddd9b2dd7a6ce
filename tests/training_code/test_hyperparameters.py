"""Hyperparameters: read as SageMaker gives them, refused by name when they cannot work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperparameters import Hyperparameters, parse_hyperparameters
from job.errors import JobError


def test_all_are_read_as_sagemaker_gives_them() -> None:
    arguments = (
        "--batch_size 32 --epochs 7 --export False --fine_tune_blocks 2 --fine_tune_epochs 3"
        " --fine_tune_lr 1e-05 --label_smoothing 0.1 --lr 0.003 --optimizer SGD"
        " --sagemaker_program train.py --sagemaker_submit_directory s3://bucket/code.tar.gz"
        " --seed 9 --weight_decay 0"
    )
    assert parse_hyperparameters(arguments.split()) == Hyperparameters(
        lr=0.003,
        batch_size=32,
        weight_decay=0.0,
        optimizer="SGD",
        epochs=7,
        label_smoothing=0.1,
        fine_tune_blocks=2,
        fine_tune_lr=1e-5,
        fine_tune_epochs=3,
        seed=9,
        export=False,
    )


def test_none_need_to_be_given() -> None:
    assert parse_hyperparameters([]) == Hyperparameters()


@pytest.mark.parametrize("value", ["32", "32.0", '"32"'])
def test_whole_numbers_may_be_quoted_or_have_a_point(value: str) -> None:
    assert parse_hyperparameters(["--batch_size", value]).batch_size == 32


@pytest.mark.parametrize("value", ["AdamW", "adamw", '"AdamW"'])
def test_optimizers_are_read_in_any_case(value: str) -> None:
    assert parse_hyperparameters(["--optimizer", value]).optimizer == "AdamW"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", "0"),
        ("lr", "-0.1"),
        ("lr", "nan"),
        ("lr", "inf"),
        ("lr", "fast"),
        ("batch_size", "0"),
        ("batch_size", "1.5"),
        ("batch_size", "inf"),
        ("weight_decay", "-1"),
        ("optimizer", "lamb"),
        ("epochs", "0"),
        ("label_smoothing", "1"),
        ("class_weights", "cubic"),
        ("fine_tune_blocks", "-1"),
        ("fine_tune_lr", "0"),
        ("fine_tune_epochs", "0"),
        ("seed", "-1"),
        ("export", "maybe"),
        ("momentum", "0.9"),
    ],
)
def test_what_cannot_work_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(JobError, match=f"hyperparameter {name}"):
        parse_hyperparameters([f"--{name}", value])


def test_there_is_no_int8_without_a_graph() -> None:
    with pytest.raises(JobError, match="hyperparameter int8 is True; it must be false when"):
        parse_hyperparameters(["--graph", "none", "--int8", "true"])


def test_an_optimizer_of_the_head_alone_fine_tunes_nothing() -> None:
    with pytest.raises(JobError, match="fine_tune_blocks is 2; it must be 0 with the optimizer L"):
        parse_hyperparameters(["--optimizer", "LBFGS", "--fine_tune_blocks", "2"])


def test_a_short_form_is_no_hyperparameter() -> None:
    with pytest.raises(JobError, match="hyperparameter batch is unknown; known are lr"):
        parse_hyperparameters(["--batch", "3"])


@given(
    lr=st.floats(min_value=1e-9, max_value=10),
    batch_size=st.integers(1, 10_000),
    label_smoothing=st.floats(0, 0.99),
    export=st.booleans(),
)
def test_every_valid_value_arrives_unchanged(
    lr: float, batch_size: int, label_smoothing: float, export: bool
) -> None:
    given_ = {
        "lr": lr,
        "batch_size": batch_size,
        "label_smoothing": label_smoothing,
        "export": export,
    }
    parsed = parse_hyperparameters([f"--{name}={value}" for name, value in given_.items()])
    assert {name: getattr(parsed, name) for name in given_} == given_


@given(st.lists(st.text(max_size=8) | st.sampled_from(["--lr", "--epochs", "0.1"]), max_size=6))
def test_any_other_words_are_read_or_refused(words: list[str]) -> None:
    try:
        parse_hyperparameters(words)
    except JobError as error:
        assert "hyperparameter" in str(error)
