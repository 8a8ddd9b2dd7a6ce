"""AWS for tests: calls played back in a fixed order, or moto with every request written down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import EndpointConnectionError, StubResponseError
from botocore.stub import Stubber

from pipeline.aws.clients import Aws
from pipeline.aws.timing import Timing
from pipeline.command_line.running import ROOT
from pipeline.settings.loading import load_settings
from pipeline.settings.model import Settings

ACCOUNT, REGION = "123456789012", "us-east-1"
BUCKET = f"dog-breeds-{ACCOUNT}-{REGION}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/dog-breeds-pipeline"
PIPELINE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:pipeline/dog-breeds"
EXECUTION = f"{PIPELINE}/execution/abcdefghijkl"
NOW = datetime(2026, 11, 21, 3, 47, tzinfo=UTC)
_SENDING = "provide-client-params.*.*"
LOST = EndpointConnectionError(endpoint_url="https://api.sagemaker.us-east-1.amazonaws.com")


class Playback(Stubber):  # type: ignore[misc]
    """A Stubber that can also lose a call on the way.

    An unexpected call is an AssertionError: a Stubber's own error is one of boto's, which the code
    under test may well handle.
    """

    def add_exception(self, operation: str, error: BaseException) -> None:
        name = self.client.meta.method_to_api_mapping[operation]
        self._queue.append({"operation_name": name, "response": error, "expected_params": None})

    def _get_response_handler(self, *arguments: Any, **options: Any) -> Any:
        try:
            answer = super()._get_response_handler(*arguments, **options)
        except StubResponseError as error:
            raise AssertionError(error) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _assert_expected_params(self, *arguments: Any, **options: Any) -> None:
        try:
            super()._assert_expected_params(*arguments, **options)
        except StubResponseError as error:
            raise AssertionError(error) from error


@cache
def session() -> boto3.Session:
    """One for all tests: each new one reads the services' models again."""
    return boto3.Session("key", "secret", region_name=REGION)


class Cloud:
    """Clients whose calls must come as they are expected: in order, with these very requests."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._playbacks: dict[str, Playback] = {}
        self.aws = Aws(REGION, ACCOUNT, self._client)

    def expect(
        self,
        service: str,
        operation: str,
        answer: Mapping[str, Any],
        request: Mapping[str, Any] | None = None,
    ) -> None:
        self._playback(service).add_response(operation, dict(answer), request)

    def refuse(
        self, service: str, operation: str, code: str, message: str = "no", status: int = 400
    ) -> None:
        self._playback(service).add_client_error(operation, code, message, status)

    def lose(self, service: str, operation: str, error: BaseException = LOST) -> None:
        self._playback(service).add_exception(operation, error)

    def left(self) -> int:
        """How many expected calls have not come."""
        return sum(len(playback._queue) for playback in self._playbacks.values())

    def verify(self) -> None:
        for playback in self._playbacks.values():
            playback.assert_no_pending_responses()

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = session().client(service)
            self._playbacks[service] = Playback(self._clients[service])
            self._playbacks[service].activate()
        return self._clients[service]

    def _playback(self, service: str) -> Playback:
        self._client(service)
        return self._playbacks[service]


@cache
def _moto_client(service: str) -> Any:
    """Made inside moto, and good for every later test that is: making one takes long."""
    return boto3.client(service, region_name=REGION)


@dataclass
class Recorded:
    """moto behind real clients; `requests` are (operation, members) as they were sent."""

    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws = Aws(REGION, ACCOUNT, self._client)
        self._used: list[Any] = []

    def sent(self, operation: str) -> list[dict[str, Any]]:
        return [members for name, members in self.requests if name == operation]

    def just_before(self, operation: str, what: Callable[[], None]) -> None:
        """Let somebody else be faster, once."""
        self.before[operation] = what

    def _client(self, service: str) -> Any:
        client = _moto_client(service)
        client.meta.events.register(_SENDING, self._record)
        self._used.append(client)
        return client

    def close(self) -> None:
        for client in self._used:
            client.meta.events.unregister(_SENDING, self._record)

    def _record(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.requests.append((model.name, dict(params)))
        if model.name in self.before:
            self.before.pop(model.name)()


@dataclass
class Clock:
    """Time that passes only while somebody sleeps."""

    slept: list[float] = field(default_factory=list)

    def timing(self) -> Timing:
        return Timing(sleep=self.slept.append, now=self._now, chance=lambda: 0.5)

    def _now(self) -> datetime:
        return NOW + timedelta(seconds=sum(self.slept))


def settings_for(*overrides: str) -> Settings:
    """The project's own settings, for an account that is not the placeholder."""
    mine = (f'aws.account_id="{ACCOUNT}"', "backbone.weights=none", *overrides)
    return load_settings(ROOT / "pipeline.yaml", None, mine)


def write_tree(root: Path) -> Path:
    """A repository of the least code that bundles and the Lambda are made of."""
    scripts = ("prepare", "features", "evaluate", "train", "run_script")
    start = 'if __name__ == "__main__":\n    pass\n'
    files = {f"training_code/{name}.py": f"# {name}\n{start}" for name in scripts}
    files |= {
        "training_code/requirements.txt": "smdebug==1.0.34\n",
        "inference_code/inference.py": "# inference\n",
        "inference_code/Dockerfile": "FROM scratch AS cpu\n",
        "inference_code/server/requirements.txt": "numpy==2.4.4\n",
        "lambda_code/deploy_endpoint.py": "def handler(event, context): ...\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
