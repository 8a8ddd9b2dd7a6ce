"""What a check found becomes metrics by one line of the log, as CloudWatch's format wants it."""

import json

from monitoring.cloudwatch import metrics_line


def test_the_line_is_in_the_embedded_metric_format() -> None:
    found = {"changed": 1, "pictures": 500, "smallest_p": 0.0002, "unknown_share": 0.06}
    line = metrics_line("dogs-production", found, 1_764_000_000.25)
    assert "\n" not in line
    assert json.loads(line) == {
        "_aws": {
            "Timestamp": 1_764_000_000_250,
            "CloudWatchMetrics": [
                {
                    "Namespace": "ImageClassification",
                    "Dimensions": [["Endpoint"]],
                    "Metrics": [
                        {"Name": "PicturesChanged"},
                        {"Name": "PicturesCompared"},
                        {"Name": "SmallestPValue"},
                        {"Name": "UnknownShare"},
                    ],
                }
            ],
        },
        "Endpoint": "dogs-production",
        "PicturesChanged": 1,
        "PicturesCompared": 500,
        "SmallestPValue": 0.0002,
        "UnknownShare": 0.06,
    }


def test_what_is_not_known_is_no_metric() -> None:
    line = json.loads(metrics_line("dogs", {"changed": None, "pictures": 3}, 0))
    assert "PicturesChanged" not in line
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert told["Metrics"] == [{"Name": "PicturesCompared"}]
