"""Compare what a project needs of AWS's quotas with what the account has, before it costs."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.aws.clients import Aws
from pipeline.aws.errors import explained
from pipeline.aws.quota_needs import Need, quota_needs
from pipeline.definition.parameters import Value
from pipeline.errors import PipelineError, UsageError
from pipeline.settings.model import Settings

_SERVICE = "sagemaker"


class QuotaError(UsageError):
    """A quota of the account allows no run at all."""


@dataclass(frozen=True)
class QuotaRow:
    """A quota: how much of it is `needed`, and what the account has; None when AWS lists none.

    `why` says what it is needed for, `request` is the command that asks AWS for more.
    """

    quota: str
    needed: int
    has: float | None
    verdict: Literal["enough", "too small", "unknown"]
    why: str
    request: str | None


@dataclass(frozen=True)
class QuotaReport:
    """The quotas that the settings need something of; `enough`: every one of them allows it."""

    account_id: str
    region: str
    enough: bool
    quotas: tuple[QuotaRow, ...]


@dataclass(frozen=True)
class _Quota:
    code: str
    value: float


def read_quotas(aws: Aws, needs: Iterable[Need]) -> QuotaReport:
    """Ask AWS for the quotas that are needed. Raises AwsAccessError when that is not allowed."""
    wanted = tuple(needs)
    found = _found(aws, {need.quota for need in wanted})
    rows = tuple(_row(need, found.get(need.quota), aws.region) for need in wanted)
    enough = all(row.verdict == "enough" for row in rows)
    return QuotaReport(aws.account_id, aws.region, enough, rows)


def quotas_text(report: QuotaReport) -> Iterator[str]:
    """Yield the lines that show quotas to people, and how to ask for more."""
    width = max(len(row.quota) for row in report.quotas)
    yield f"{'quota':<{width}}  needed    has"
    for row in report.quotas:
        has = "?" if row.has is None else f"{row.has:g}"
        mark = "" if row.verdict == "enough" else f"  {row.verdict}"
        yield f"{row.quota:<{width}}  {row.needed:>6}  {has:>5}{mark}  {row.why}"
    if requests := [row.request for row in report.quotas if row.request]:
        yield "ask AWS for more (granting it takes hours or days):"
        yield from (f"  {one}" for one in requests)
    yield from _unlisted(report)


def check_before_start(aws: Aws, settings: Settings, given: Mapping[str, Value]) -> Iterator[str]:
    """Yield what may stop a run that is about to be started; never that quotas are enough.

    Raises QuotaError for a quota with which it cannot end: it would fail hours later, at the step.
    What cannot be asked is said, as it may not be enough.
    """
    needs = quota_needs(settings, given)
    try:
        report = read_quotas(aws, needs)
    except PipelineError as error:
        yield f"quotas are not known: {error}"
        return
    least = {need.quota: need.least for need in needs}
    small = [row for row in report.quotas if row.verdict == "too small"]
    fatal = [row for row in small if (row.has or 0) < least[row.quota]]
    if fatal:
        raise QuotaError(_told(fatal))
    if small:
        yield _told(small)
    yield from _unlisted(report)


def _unlisted(report: QuotaReport) -> Iterator[str]:
    if unknown := [row.quota for row in report.quotas if row.verdict == "unknown"]:
        where = f"Service Quotas, Amazon SageMaker, in {report.region}"
        yield f"AWS lists no quota {', '.join(unknown)}: look under {where}"


def _told(rows: Iterable[QuotaRow]) -> str:
    each = (
        f"the quota {row.quota!r} is {row.has or 0:g}, {row.needed} needed ({row.why})"
        for row in rows
    )
    return f"{'; '.join(each)}: python -m pipeline.bootstrap --quotas says how to ask for more"


def _row(need: Need, quota: _Quota | None, region: str) -> QuotaRow:
    if quota is None:
        return QuotaRow(need.quota, need.count, None, "unknown", need.why, None)
    if quota.value >= need.count:
        return QuotaRow(need.quota, need.count, quota.value, "enough", need.why, None)
    request = _request(need, quota, region)
    return QuotaRow(need.quota, need.count, quota.value, "too small", need.why, request)


def _request(need: Need, quota: _Quota, region: str) -> str:
    words = ["aws", "service-quotas", "request-service-quota-increase", "--region", region]
    words += ["--service-code", _SERVICE, "--quota-code", quota.code]
    return shlex.join([*words, "--desired-value", str(need.count)])


def _found(aws: Aws, names: set[str]) -> dict[str, _Quota]:
    """Look quotas up by name, as nothing documents their codes; stops when it has them all."""
    found: dict[str, _Quota] = {}
    client = aws.client("service-quotas")
    given = client.get_paginator("list_service_quotas")
    defaults = client.get_paginator("list_aws_default_service_quotas")
    for listed in (given, defaults):  # what only has a default is not among those given
        with explained("asking for the quotas of SageMaker"):
            for page in listed.paginate(ServiceCode=_SERVICE):
                for one in page["Quotas"]:
                    if one.get("QuotaName") in names - found.keys() and "Value" in one:
                        found[one["QuotaName"]] = _Quota(one["QuotaCode"], one["Value"])
                if found.keys() >= names:
                    return found
    return found
