"""Define what the bootstrap reports to programs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.bootstrap.plan import Planned
from pipeline.bootstrap.stack import Change


@dataclass(frozen=True)
class StackPlan:
    """What would be made in an account that has nothing of it, as nobody could be asked.

    The first upsert adds the pipeline and its serving image, runs and approvals the endpoints.
    """

    account_id: str
    region: str
    resources: tuple[Planned, ...]
    pipeline: str
    serving_image: str
    endpoints: tuple[str, ...]


@dataclass(frozen=True)
class StackChanges:
    """The changes of a stack, whether they were executed, and then its outputs."""

    stack: str
    changes: tuple[Change, ...] = ()
    executed: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
