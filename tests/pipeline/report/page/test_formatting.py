import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.report.page import formatting as f


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (f.percent(0.8333), "83.3%"),
        (f.percent(None), "-"),
        (f.percent(math.nan), "-"),
        (f.number(12345), "12,345"),
        (f.number(0.000123456), "0.0001235"),
        (f.number(math.inf), "inf"),
        (f.large(2_231_558), "2.23 M"),
        (f.large(7), "7"),
        (f.size(1.3e9), "1.21 GiB"),
        (f.duration(0.016), "16 ms"),
        (f.duration(0.0016), "1.6 ms"),
        (f.duration(0.36), "360 ms"),
        (f.duration(2.14), "2.1 s"),
        (f.duration(59.7), "1 min 00 s"),
        (f.duration(185), "3 min 05 s"),
        (f.duration(7620), "2 h 07 min"),
        (f.duration(None), "-"),
        (f.plural(1, "picture"), "1 picture"),
        (f.plural(0, "class", "classes"), "0 classes"),
        (f.when(datetime(2026, 11, 21, 6, 35, tzinfo=UTC)), "2026-11-21 06:35 UTC"),
        (
            f.when(datetime(2026, 11, 21, 6, 35, tzinfo=timezone(timedelta(hours=2)))),
            "2026-11-21 04:35 UTC",
        ),
    ],
)
def test_values_read_as_people_write_them(said, meant):
    assert said == meant
