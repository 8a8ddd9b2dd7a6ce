"""Check what no type can say about the settings under `notify`."""

from collections.abc import Callable, Iterator

from pipeline.settings.errors import Problem
from pipeline.settings.model import Settings


def topic_is_in_the_region(settings: Settings) -> Iterator[Problem]:
    """Check that alarms and rules can reach the topic: they write to their own region only."""
    topic = settings.notify.topic_arn
    if topic is not None and (region := topic.split(":")[3]) != settings.aws.region:
        what = f"the topic is in {region}, alarms write to topics in {settings.aws.region} only"
        yield Problem(("notify", "topic_arn"), what)


def addresses_differ(settings: Settings) -> Iterator[Problem]:
    """Check that nobody would get the same mail twice."""
    emails = [one.casefold() for one in settings.notify.emails]
    if twice := sorted({one for one in emails if emails.count(one) > 1}):
        yield Problem(("notify", "emails"), f"{twice[0]} is there twice")


NOTIFY_CHECKS: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    topic_is_in_the_region,
    addresses_differ,
)
