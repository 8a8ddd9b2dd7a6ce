"""Define the settings under `monitor`: scheduled checks of what production is asked about."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.settings.forms import Form, InstanceType, Section

MONTH_HOURS = 730
_RATE = r"rate\((1 (hour|day)|([2-9]|[1-9]\d{1,2}) (hours|days))\)"
Schedule = Annotated[str, Form(_RATE, "how often, as in rate(1 day) or rate(12 hours)")]


class Monitor(Section):
    """A second pipeline that compares production's pictures with those its model was tried on."""

    enabled: bool = False
    schedule: Schedule = "rate(1 day)"
    instance_type: InstanceType = "ml.m5.large"
    volume_gb: Annotated[int, Field(ge=1, le=16384)] = 30
    max_run_minutes: Annotated[int, Field(ge=1, le=40320)] = 60
    max_pictures: Annotated[int, Field(ge=50, le=10000)] = 500
    false_alarms: Annotated[float, Field(ge=1e-5, le=0.1)] = 0.001
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 14
    retrain: bool = False

    @property
    def runs_a_month(self) -> float:
        """How often the schedule starts it in a month."""
        number, unit = re.findall(r"\d+|hour|day", self.schedule)
        return MONTH_HOURS / (int(number) * {"hour": 1, "day": 24}[unit])


def _off(value: Any) -> Any:
    """Take null for a monitor that is off."""
    return {} if value is None else value


MonitorSetting = Annotated[Monitor, BeforeValidator(_off)]
