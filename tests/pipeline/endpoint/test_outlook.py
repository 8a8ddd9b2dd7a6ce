"""What a decision will do to production, said before it is made."""

from datetime import UTC, datetime

import pytest

from pipeline.endpoint.outlook import on_approval, on_rejection, on_rollback, rollback_choices
from pipeline.endpoint.production import Names, Production, Running

PREFIX = "arn:aws:sagemaker:us-east-1:111122223333:model-package/dogs"
NAMES = Names("dogs", "dogs-production", "dogs-staging")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def arn(number: int | None) -> str | None:
    return f"{PREFIX}/{number}" if number else None


def running(
    package: int | None, status: str = "InService", pending: int | None = None, before: int = 0
) -> Production:
    endpoint = Running(NAMES.production, status, arn(package), arn(pending), arn(before), None, NOW)
    return Production(NAMES, endpoint, None)


NOTHING = Production(NAMES, None, None)


@pytest.mark.parametrize(
    ("found", "then", "said"),
    [
        (None, None, "Nothing deploys this group here"),
        (NOTHING, 3, "dogs-production does not exist yet: it is created with version 3."),
        (running(2, "Failed"), 3, "dogs-production has failed: it is made anew with version 3."),
        (running(3), 3, "dogs-production has version 3 already: nothing is deployed."),
        (running(2, "Updating", 3), 3, "dogs-production is on its way to version 3 already"),
        (running(1, "Updating", 2), 3, "is Updating to version 2 now: version 3 follows when"),
        (running(2), 3, "dogs-production is updated from version 2 to version 3."),
        (running(None), 3, "is updated from a model of somebody else to version 3."),
    ],
)
def test_an_approval(found: Production | None, then: int | None, said: str) -> None:
    outlook = on_approval(found, str(arn(3)))
    assert said in " ".join(outlook.words)
    assert outlook.then == arn(then)


@pytest.mark.parametrize(
    ("found", "approved", "then", "said"),
    [
        (None, (), None, "only the registry changes"),
        (NOTHING, (), None, "dogs-production has nothing: rejecting version 3 changes nothing."),
        (running(2), (2,), 2, "has version 2: rejecting version 3 changes nothing."),
        (running(3), (3,), 3, "It goes on with version 3 until one is approved"),
        (running(3, before=1), (3, 2, 1), 1, "still stands, version 1 as it looks now."),
        (running(3, before=1), (3, 2), 2, "still stands, version 2 as it looks now."),
        (running(2, "Updating", 3), (3, 2), 2, "still stands, version 2 as it looks now."),
    ],
)
def test_a_rejection(
    found: Production | None, approved: tuple[int, ...], then: int | None, said: str
) -> None:
    outlook = on_rejection(found, str(arn(3)), [str(arn(one)) for one in approved])
    assert said in " ".join(outlook.words)
    assert outlook.then == arn(then)


def test_a_rollback() -> None:
    outlook = on_rollback(running(3), str(arn(1)))
    assert outlook.words[0] == "dogs-production goes from version 3 back to version 1."
    assert (outlook.now, outlook.then, outlook.changes) == (arn(3), arn(1), True)
    assert not on_rollback(running(3), str(arn(3))).changes
    assert "there is no endpoint" in on_rollback(NOTHING, str(arn(3))).words[0]


@pytest.mark.parametrize(
    ("found", "choices"),
    [
        (None, ()),
        (NOTHING, ()),
        (running(3, before=1), (1, 2, 4)),  # what it ran before
        (running(3), (2, 1, 4)),  # else the version below
        (running(3, "Updating", 4), (3, 2, 1)),
    ],
)
def test_the_likeliest_version_to_go_back_to_comes_first(
    found: Production | None, choices: tuple[int, ...]
) -> None:
    approved = [str(arn(one)) for one in (4, 3, 2, 1)]
    assert rollback_choices(found, approved) == tuple(arn(one) for one in choices)


def test_staging_is_said_not_to_be_touched() -> None:
    said = " ".join(on_approval(NOTHING, str(arn(3))).words)
    assert "dogs-staging, the staging endpoint, is not touched: it does not exist." in said
