"""Quotas are looked up by name and compared with what is needed; a refusal is not enough."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.aws.errors import AwsAccessError
from pipeline.aws.quota_needs import Need
from pipeline.aws.quotas import QuotaError, check_before_start, quotas_text, read_quotas
from tests.pipeline.aws.aws_support import ACCOUNT, Cloud, settings_for

PROCESSING = "ml.m5.2xlarge for processing job usage"
TRAINING = "ml.m5.2xlarge for training job usage"
TRIALS = "ml.m5.xlarge for training job usage"
ENDPOINTS = "ml.m5.large for endpoint usage"
ENOUGH: dict[str, float] = {PROCESSING: 1, TRAINING: 1, TRIALS: 3, ENDPOINTS: 6}
NEEDS = (Need(PROCESSING, 1, 1, "Prepare"), Need(TRIALS, 3, 1, "Tune"))
SAGEMAKER = {"ServiceCode": "sagemaker"}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.verify()


def page(quotas: dict[str, float], more: str = "") -> dict[str, Any]:
    found = [
        {"QuotaName": name, "QuotaCode": f"L-{number}", "Value": float(value)}
        for number, (name, value) in enumerate(quotas.items())
    ]
    return {"Quotas": found, **({"NextToken": more} if more else {})}


def test_they_are_read_until_all_are_found(cloud: Cloud) -> None:
    others = {"ml.p5.48xlarge for endpoint usage": 0}
    cloud.expect(
        "service-quotas", "list_service_quotas", page({**others, PROCESSING: 1}, "2"), SAGEMAKER
    )
    second = {**SAGEMAKER, "NextToken": "2"}
    cloud.expect("service-quotas", "list_service_quotas", page({TRIALS: 4}, "3"), second)
    report = read_quotas(cloud.aws, NEEDS)
    assert report.enough
    assert [(row.needed, row.has, row.verdict) for row in report.quotas] == [
        (1, 1, "enough"),
        (3, 4, "enough"),
    ]


def test_what_an_account_was_not_given_has_its_default(cloud: Cloud) -> None:
    cloud.expect("service-quotas", "list_service_quotas", page({TRIALS: 3}), SAGEMAKER)
    cloud.expect(
        "service-quotas",
        "list_aws_default_service_quotas",
        page({TRIALS: 0, PROCESSING: 2}),
        SAGEMAKER,
    )
    assert [row.has for row in read_quotas(cloud.aws, NEEDS).quotas] == [2, 3]


def test_people_see_what_is_too_small_and_how_to_ask_for_more(cloud: Cloud) -> None:
    cloud.expect("service-quotas", "list_service_quotas", page({TRIALS: 0}), SAGEMAKER)
    cloud.expect("service-quotas", "list_aws_default_service_quotas", page({}), SAGEMAKER)
    report = read_quotas(cloud.aws, NEEDS)
    assert not report.enough
    assert list(quotas_text(report)) == [
        "quota                                   needed    has",
        "ml.m5.2xlarge for processing job usage       1      ?  unknown  Prepare",
        "ml.m5.xlarge for training job usage          3      0  too small  Tune",
        "ask AWS for more (granting it takes hours or days):",
        "  aws service-quotas request-service-quota-increase --region us-east-1 "
        "--service-code sagemaker --quota-code L-0 --desired-value 3",
        f"AWS lists no quota {PROCESSING}: "
        "look under Service Quotas, Amazon SageMaker, in us-east-1",
    ]


def test_who_may_not_ask_is_told(cloud: Cloud) -> None:
    message = f"User x is not authorized to perform: servicequotas:ListServiceQuotas in {ACCOUNT}"
    cloud.refuse("service-quotas", "list_service_quotas", "AccessDeniedException", message)
    with pytest.raises(AwsAccessError, match="servicequotas:ListServiceQuotas"):
        read_quotas(cloud.aws, NEEDS)


class TestBeforeARunStarts:
    def asked(self, cloud: Cloud, quotas: dict[str, float]) -> list[str]:
        cloud.expect("service-quotas", "list_service_quotas", page(quotas), SAGEMAKER)
        return list(check_before_start(cloud.aws, settings_for("deploy.staging.type=realtime"), {}))

    def test_enough_is_not_worth_a_line(self, cloud: Cloud) -> None:
        assert self.asked(cloud, ENOUGH) == []

    @pytest.mark.parametrize("quota", ENOUGH)
    def test_a_quota_of_zero_stops_it_before_it_costs(self, cloud: Cloud, quota: str) -> None:
        with pytest.raises(QuotaError, match=f"'{quota}' is 0, .* needed .*bootstrap --quotas"):
            self.asked(cloud, {**ENOUGH, quota: 0})

    def test_fewer_trials_at_a_time_are_said(self, cloud: Cloud) -> None:
        (line,) = self.asked(cloud, {**ENOUGH, TRIALS: 2})
        assert f"the quota '{TRIALS}' is 2, 3 needed (Tune, 3 trials at a time)" in line

    def test_one_that_aws_does_not_list_is_said(self, cloud: Cloud) -> None:
        listed = {name: value for name, value in ENOUGH.items() if name != TRIALS}
        cloud.expect("service-quotas", "list_service_quotas", page(listed))
        cloud.expect("service-quotas", "list_aws_default_service_quotas", page({}))
        (line,) = check_before_start(cloud.aws, settings_for("deploy.staging.type=realtime"), {})
        assert line.startswith(f"AWS lists no quota {TRIALS}: look under Service Quotas")

    def test_a_refusal_is_said_and_not_taken_for_enough(self, cloud: Cloud) -> None:
        cloud.refuse("service-quotas", "list_service_quotas", "AccessDeniedException", "not you")
        (line,) = check_before_start(cloud.aws, settings_for("deploy.staging.type=realtime"), {})
        assert line.startswith(
            "quotas are not known: asking for the quotas of SageMaker: not allowed"
        )
