"""Tell people, through SNS topics: the mail of a topic has this subject and this text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_SUBJECT_LENGTH = 99  # SNS takes fewer than 100 characters, of ASCII, in one line


@dataclass(frozen=True)
class News:
    """What people are told."""

    subject: str
    text: str


Tell = Callable[[News], None]


def teller(topics: str, client: Callable[[], Any]) -> Tell | None:
    """Return what tells the topics, ARNs with a comma between them; None when there are none.

    `client` makes SNS's. When one topic fails the call is repeated, and the others hear it twice.
    """
    arns = [one for one in topics.split(",") if one]
    return (lambda news: _publish(client(), arns, news)) if arns else None


def _publish(client: Any, topics: Sequence[str], news: News) -> None:
    line = " ".join(news.subject.split()).encode("ascii", "replace").decode()
    for topic in topics:
        client.publish(TopicArn=topic, Subject=line[:_SUBJECT_LENGTH], Message=news.text)
