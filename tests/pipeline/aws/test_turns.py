"""Upserts at the same moment: one after the other, and never an older commit over a newer one."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pipeline.aws.errors import AwsAccessError, AwsError
from pipeline.aws.turns import LEFT_BEHIND_S, NewerUpsertedError, turn
from pipeline.git import Revision
from pipeline.settings.model import Settings
from tests.pipeline.aws.aws_support import BUCKET, Clock, Cloud, Recorded

KEY = "definitions/dog-breeds-turn.json"
OLD = Revision("a" * 40, datetime(2026, 11, 29, 12, 0, tzinfo=UTC))
NEW = Revision("b" * 40, datetime(2026, 11, 29, 13, 0, tzinfo=UTC))


class World:
    """A bucket, and upserts that take turns by it."""

    def __init__(self, moto: Recorded, settings: Settings, clock: Clock) -> None:
        self.moto, self.settings, self.clock = moto, settings, clock
        self.said: list[str] = []
        moto.aws.client("s3").create_bucket(Bucket=BUCKET)

    def turn(
        self, revision: Revision | None = None, meanwhile: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """`meanwhile`: what happens the first time that it waits."""
        waits = [meanwhile] if meanwhile else []

        def sleep(seconds: float) -> None:
            self.clock.slept.append(seconds)
            assert len(self.clock.slept) < 200, "this waits for ever"
            if waits:
                waits.pop()()

        timing = self.clock.timing()
        patient = type(timing)(sleep=sleep, now=timing.now, chance=timing.chance)
        return turn(self.moto.aws, self.settings, revision, self.said.append, patient)

    def record(self) -> dict[str, Any]:
        body = self.moto.aws.client("s3").get_object(Bucket=BUCKET, Key=KEY)["Body"]
        record: dict[str, Any] = json.loads(body.read())
        return record


@pytest.fixture
def world(
    moto: Recorded, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> World:
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "dog-breeds-upsert:1")
    return World(moto, settings, clock)


def test_one_alone_gets_its_turn_and_notes_its_commit(world: World) -> None:
    with world.turn(OLD):
        assert world.record()["holder"] == "dog-breeds-upsert:1"
    record = world.record()
    assert (record["holder"], record["commit"]) == ("", OLD.commit)
    assert record["committed_at"] == "2026-11-29T12:00:00+00:00"
    assert (world.said, world.clock.slept) == ([], [])


def test_a_second_waits_for_the_end_of_the_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    first = ExitStack()
    first.enter_context(world.turn(OLD))

    def ends() -> None:
        order.append("first ends")
        first.close()

    monkeypatch.setenv("CODEBUILD_BUILD_ID", "dog-breeds-upsert:2")
    with world.turn(NEW, meanwhile=ends):
        order.append("second begins")
        assert world.record()["holder"] == "dog-breeds-upsert:2"
    assert order == ["first ends", "second begins"]
    (said,) = world.said
    assert said.startswith("another upsert is at work (dog-breeds-upsert:1, since 2026-11-21 03:47")
    assert world.record()["commit"] == NEW.commit


def test_of_two_that_find_it_free_at_once_one_waits(world: World) -> None:
    with world.turn(OLD):
        pass
    other = ExitStack()
    world.moto.just_before("PutObject", lambda: other.enter_context(world.turn(OLD)))
    with world.turn(NEW, meanwhile=other.close):
        assert world.clock.slept
    assert world.record()["commit"] == NEW.commit


def test_an_older_commit_comes_too_late(world: World) -> None:
    with world.turn(NEW):
        pass
    late = world.turn(OLD)
    with pytest.raises(NewerUpsertedError, match=r"commit bbbbbbbb of .*git revert"), late:
        pytest.fail("it is not its turn")
    assert world.record()["commit"] == NEW.commit


def test_an_older_commit_that_waited_for_a_newer_one_comes_too_late(world: World) -> None:
    first = ExitStack()
    first.enter_context(world.turn(NEW))
    late = world.turn(OLD, meanwhile=first.close)
    with pytest.raises(NewerUpsertedError), late:
        pytest.fail("it is not its turn")
    assert world.record() == {
        "holder": "",
        "since": "",
        "ticket": "",
        "commit": NEW.commit,
        "committed_at": "2026-11-29T13:00:00+00:00",
    }


@pytest.mark.parametrize(
    "revision",
    [
        NEW,
        Revision("c" * 40, NEW.committed_at),  # another of the same second
        Revision("d" * 40, datetime(2026, 11, 29, 14, 30, tzinfo=UTC).astimezone()),
        Revision(f"{OLD.commit}-dirty", OLD.committed_at),  # somebody's wish
        Revision(OLD.commit, None),
        None,
    ],
)
def test_what_is_not_older_has_its_turn(world: World, revision: Revision | None) -> None:
    with world.turn(NEW):
        pass
    with world.turn(revision):
        pass
    assert world.record()["commit"] == (revision.commit if revision else "")


def test_a_commit_on_top_of_the_newest_is_not_older_whatever_the_clocks_said(world: World) -> None:
    """Two people push, and the clock of the first is ahead."""

    class OnTop(Revision):
        def comes_from(self, commit: str) -> bool:
            return commit == NEW.commit

    with world.turn(NEW):
        pass
    with world.turn(OnTop(OLD.commit, OLD.committed_at)):
        pass
    assert world.record()["commit"] == OLD.commit


def test_times_of_other_time_zones_are_compared_as_times(world: World) -> None:
    east = timezone(timedelta(hours=9))
    with world.turn(NEW):
        pass
    late_there = datetime(2026, 11, 29, 21, 59, tzinfo=east)  # 12:59 in UTC
    with pytest.raises(NewerUpsertedError), world.turn(Revision("e" * 40, late_there)):
        pass


def test_what_fails_gives_the_turn_back_and_notes_nothing(world: World) -> None:
    with world.turn(OLD):
        pass
    with pytest.raises(KeyboardInterrupt), world.turn(NEW):
        raise KeyboardInterrupt
    assert (world.record()["holder"], world.record()["commit"]) == ("", OLD.commit)


def test_a_turn_that_was_left_behind_is_taken_and_its_late_end_changes_nothing(
    world: World,
) -> None:
    left = ExitStack()
    left.enter_context(world.turn(OLD))
    with world.turn(NEW):
        assert LEFT_BEHIND_S < sum(world.clock.slept) < LEFT_BEHIND_S + 60
        before = world.record()
        left.close()
        assert world.record() == before
    assert world.record()["commit"] == NEW.commit


def test_one_that_changes_hands_is_not_left_behind(world: World) -> None:
    first, second = ExitStack(), ExitStack()
    first.enter_context(world.turn(OLD))

    def passes_on() -> None:
        first.close()
        second.enter_context(world.turn(OLD))
        world.clock.slept.append(LEFT_BEHIND_S)

    with world.turn(NEW, meanwhile=passes_on):
        assert sum(world.clock.slept) > 2 * LEFT_BEHIND_S
    assert len(world.said) == 2


def test_a_write_whose_answer_got_lost_is_known_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 sends it anew and S3 refuses that one: the first one had its effect."""
    s3 = world.moto.aws.client("s3")
    send = s3.put_object

    def twice(**members: Any) -> Any:
        send(**members)
        return send(**members)

    monkeypatch.setattr(s3, "put_object", twice)
    with world.turn(NEW):
        assert world.record()["holder"] == "dog-breeds-upsert:1"
    assert world.clock.slept == []
    assert (world.record()["holder"], world.record()["commit"]) == ("", NEW.commit)


def test_an_object_that_is_no_record_says_what_to_do(world: World) -> None:
    world.moto.aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=b"[]")
    with pytest.raises(AwsError, match=r"cannot be read .*: delete it"), world.turn(NEW):
        pass


def test_a_missing_permission_is_named(cloud: Cloud, settings: Settings, clock: Clock) -> None:
    cloud.refuse("s3", "get_object", "AccessDenied", status=403)
    with (
        pytest.raises(AwsAccessError, match=f"taking turns by s3://{BUCKET}/{KEY}: not allowed"),
        turn(cloud.aws, settings, NEW, print, clock.timing()),
    ):
        pass
