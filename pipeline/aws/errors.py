"""Turn errors of AWS, or of the way to it, into one line that says how to mend it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as boto

from pipeline.errors import PipelineError, UsageError

_UNKNOWN_KEYS = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "AuthFailure",
)
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_DENIED = ("AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation")
_THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "SlowDown",
    "RequestTimeout",
    "RequestTimeoutException",
    "TransactionInProgressException",
)
_LOG_IN = "log in (aws sso login, or aws configure), or set AWS_PROFILE"


class AwsError(PipelineError):
    """AWS did not do what was asked, or cannot be reached."""


class AwsAccessError(UsageError):
    """Credentials that are missing, expired, of another account, or may not do this."""


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what boto raises inside the block into AwsAccessError or AwsError.

    `doing` begins the message: "creating the pipeline dog-breeds".
    """
    try:
        yield
    except (boto.ClientError, boto.BotoCoreError) as error:
        raise explain(error, doing) from error


def explain(error: Exception, doing: str) -> PipelineError:
    """Return the error to raise instead of one of boto's."""
    if problem := _credentials_problem(error):
        return AwsAccessError(problem)
    if is_connection_loss(error):
        return AwsError(f"{doing}: cannot reach AWS ({one_line(error)}): check the network")
    if error_code(error) in _DENIED:
        return AwsAccessError(f"{doing}: not allowed: {message_of(error)}")
    code = error_code(error)
    return AwsError(f"{doing}: {f'{code}: ' if code else ''}{message_of(error)}")


def error_code(error: Exception) -> str:
    """Return the service's error code, as in ResourceNotFound; empty for any other error."""
    return str(_answer(error).get("Code", ""))


def message_of(error: Exception) -> str:
    """Return the service's own words in one line, without boto's wrapping."""
    return one_line(_answer(error).get("Message") or error)


def has_expired(error: Exception) -> bool:
    """Check whether the credentials were good and are no longer."""
    return error_code(error) in _EXPIRED or isinstance(
        error, boto.UnauthorizedSSOTokenError | boto.TokenRetrievalError
    )


def is_denied(error: Exception) -> bool:
    """Check whether the credentials are good but may not do this."""
    return error_code(error) in _DENIED


def is_transient(error: Exception) -> bool:
    """Check whether the same call may succeed later: throttled, lost, or the service's fault."""
    if isinstance(error, boto.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error_code(error) in _THROTTLED or status == 429 or status >= 500
    lost = (boto.MetadataRetrievalError, boto.CredentialRetrievalError)
    return is_connection_loss(error) or isinstance(error, lost)


def is_connection_loss(error: Exception) -> bool:
    """Check whether the request or its answer got lost on the way."""
    return isinstance(error, boto.HTTPClientError | boto.ConnectionError | boto.IncompleteReadError)


def one_line(error: object) -> str:
    """Return an error's text without line breaks."""
    return " ".join(str(error).split())


def _credentials_problem(error: Exception) -> str | None:
    if isinstance(error, boto.ProfileNotFound):
        return f"{one_line(error)}: set AWS_PROFILE to one of ~/.aws/config, or unset it"
    if has_expired(error) or isinstance(error, boto.SSOTokenLoadError):
        return f"the AWS credentials have expired: {_LOG_IN}"
    if isinstance(error, boto.NoCredentialsError):
        return f"no AWS credentials: {_LOG_IN}"
    if isinstance(error, boto.PartialCredentialsError | boto.CredentialRetrievalError):
        return f"the AWS credentials cannot be used ({one_line(error)}): {_LOG_IN}"
    if error_code(error) in _UNKNOWN_KEYS:
        return f"AWS does not know these credentials ({message_of(error)}): {_LOG_IN}"
    return None


def _answer(error: Exception) -> dict[str, Any]:
    response = error.response if isinstance(error, boto.ClientError) else {}
    return dict(response.get("Error") or {})
