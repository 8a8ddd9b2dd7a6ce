"""Tell CloudWatch what a check found, by a line in the job's log.

CloudWatch makes metrics of a line in its embedded metric format wherever it is logged by itself: so
the job needs no more rights than to write its log.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Mapping
from typing import Any

from metrics_log import NAMESPACE

DIMENSION = "Endpoint"
# Metric by the name that monitoring.json has for it.
METRICS = {
    "changed": "PicturesChanged",
    "pictures": "PicturesCompared",
    "smallest_p": "SmallestPValue",
    "unknown_share": "UnknownShare",
}


def metrics_line(endpoint: str, found: Mapping[str, float | None], seconds: float) -> str:
    """Return the line for what was found of an endpoint, at a time in seconds since 1970.

    What is None is no metric: an alarm then stays as it is.
    """
    values = {METRICS[name]: value for name, value in found.items() if value is not None}
    told: dict[str, Any] = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name} for name in values],
    }
    stamp = {"Timestamp": int(seconds * 1000), "CloudWatchMetrics": [told]}
    return json.dumps({"_aws": stamp, DIMENSION: endpoint, **values})
