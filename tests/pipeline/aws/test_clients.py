"""Whose credentials these are is asked first; everything wrong with them is one line."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    ParamValidationError,
    UnauthorizedSSOTokenError,
)

from pipeline.aws.clients import connect
from pipeline.aws.errors import AwsAccessError, AwsError, explained
from pipeline.errors import UsageError
from tests.pipeline.aws.aws_support import ACCOUNT, Recorded, settings_for


def refusal(code: str, message: str = "said AWS", status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "DescribePipeline")


def test_clients_are_of_the_settings_region_and_retry(moto: Recorded) -> None:
    aws = connect(settings_for("aws.region=eu-west-1"))
    config = aws.client("sagemaker").meta.config
    assert (aws.region, config.region_name) == ("eu-west-1", "eu-west-1")
    assert config.retries == {"mode": "standard", "total_max_attempts": 5}
    assert "image-classification-pipeline" in config.user_agent
    assert aws.client("s3") is aws.client("s3")


def test_a_region_of_the_environment_that_is_another_one_is_said(
    moto: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connect(settings_for())
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    connect(settings_for())
    assert "names the region eu-west-1; used is us-east-1" in capsys.readouterr().err


def test_a_function_that_works_for_minutes_is_not_asked_twice(moto: Recorded) -> None:
    config = connect(settings_for()).client("lambda").meta.config
    assert config.read_timeout > 600  # DeployFunction's Timeout in infra/template.yaml


def test_the_placeholder_account_is_refused_before_anything_is_asked() -> None:
    settings = settings_for('aws.account_id="111122223333"')
    with pytest.raises(UsageError, match=r"set it to your account's 12 digits"):
        connect(settings)


def test_credentials_of_another_account_are_refused_naming_both(moto: Recorded) -> None:
    with pytest.raises(AwsAccessError, match=f"of account {ACCOUNT}, but .* is 999988887777"):
        connect(settings_for('aws.account_id="999988887777"'))


def test_no_credentials_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsAccessError, match=r"^no AWS credentials: log in .*AWS_PROFILE$"):
        connect(settings_for())


def test_a_profile_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AwsAccessError, match="nobody"):
        connect(settings_for())


def test_what_is_meant_for_aws_does_not_go_to_the_local_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:8123")
    with pytest.raises(UsageError, match="unset it to use AWS"):
        connect(settings_for())


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (NoCredentialsError(), AwsAccessError, "no AWS credentials"),
        (UnauthorizedSSOTokenError(), AwsAccessError, "have expired: log in"),
        (refusal("ExpiredTokenException"), AwsAccessError, "have expired: log in"),
        (refusal("InvalidClientTokenId"), AwsAccessError, "does not know these credentials"),
        (refusal("AccessDeniedException", "may not"), AwsAccessError, "not allowed: may not"),
        (
            refusal("ResourceLimitExceeded", "too\nmany"),
            AwsError,
            "ResourceLimitExceeded: too many",
        ),
        (ConnectTimeoutError(endpoint_url="https://x"), AwsError, "cannot reach AWS"),
        (ParamValidationError(report="bad member"), AwsError, "bad member"),
    ],
)
def test_every_error_of_boto_becomes_one_line(
    error: Exception, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught, explained("looking at it"):
        raise error
    assert "\n" not in str(caught.value)


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError), explained("looking"):
        raise KeyError("ours")
