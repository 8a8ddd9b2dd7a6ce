"""Count the classes in an endpoint's answers, by what its model server logs for CloudWatch."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import error_code
from pipeline.aws.logs import ENDPOINTS, excuse

_LINES = 1000
_PAGES = 3
_COUNTED = "{ $.Requests > 0 }"  # the lines that inference_code/metrics_log.py writes, each minute


def read_classes(
    aws: Aws, endpoint: str, start: datetime, end: datetime
) -> tuple[Mapping[str, int], str]:
    """Return the answers by class in a period, and why not all are counted. Never raises."""
    counts = Counter[str]()
    request = {
        "logGroupName": f"{ENDPOINTS}/{endpoint}",
        "filterPattern": _COUNTED,
        "startTime": int(start.timestamp() * 1000),
        "endTime": int(end.timestamp() * 1000),
    }
    try:
        paginator = aws.client("logs").get_paginator("filter_log_events")
        pages = paginator.paginate(**request, PaginationConfig={"PageSize": _LINES})
        more = ""
        for page in islice(pages, _PAGES):
            for event in page.get("events", ()):
                counts.update(dict(_classes(event["message"])))
            more = str(page.get("nextToken", ""))
    except (ClientError, BotoCoreError) as error:
        # The group comes into being with the first line.
        if error_code(error) == "ResourceNotFoundException":
            return {}, ""
        return {}, f"Of the classes in its answers, {excuse(error)}."
    cut = "Classes are counted in the first of its answers only: they are many." if more else ""
    return counts, cut


def _classes(line: str) -> Iterator[tuple[str, int]]:
    """Yield what one line counted; another model's own lines may be anything."""
    try:
        found: Any = json.loads(line)
        classes = found["Classes"].items()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return
    for name, count in classes:
        if type(count) is int and count > 0:
            yield name, count
