"""A console without a browser: its pages through Starlette's client, and what it is filled with."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from pipeline.command_line.running import ROOT
from pipeline.console.app import create_app
from pipeline.console.context import Console
from pipeline.console.place import Place
from pipeline.console.security import Keys
from pipeline.local.store import Store

HOST = "http://127.0.0.1:8765"
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
_ARN = "arn:aws:sagemaker:us-east-1:111122223333"
_BEGAN = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Visitor:
    """Somebody who opened the printed address."""

    def __init__(
        self,
        state: Path,
        settings: Path = ROOT / "pipeline.yaml",
        account: Place | None = None,
    ) -> None:
        self.console = Console(state, settings, account)
        self.said: list[str] = []
        self.keys = Keys(self.said.append)
        self.app = create_app(self.console, self.keys)
        self.client = self.stranger()
        entered = self.client.get(f"/?token={self.keys.token}")
        assert entered.status_code == 200

    def stranger(self) -> TestClient:
        """A browser without the cookie."""
        return TestClient(self.app, base_url=HOST, follow_redirects=False)

    def get(self, address: str, status: int = 200) -> str:
        """A page's text."""
        answer = self.client.get(address)
        assert answer.status_code == status, answer.text[:2000]
        return answer.text

    def post(self, address: str, fields: Mapping[str, str] | None = None) -> Any:
        """What a form of ours gets for an answer."""
        return self.client.post(address, data={**(fields or {}), "csrf": self.csrf})

    @property
    def csrf(self) -> str:
        """The word that its forms carry."""
        found = re.search(r'name="csrf" content="(\w+)"', self.get("/runs"))
        assert found
        return found[1]


def add_run(store: Store, run: str, status: str = "Succeeded", **parameters: str) -> None:
    """Put a run without steps into the state."""
    number = store.count("PipelineExecution")
    began = _BEGAN + timedelta(minutes=number)
    arn = f"{_ARN}:pipeline/dogs/execution/{run}"
    store.put(
        "PipelineExecution",
        run,
        {
            "PipelineArn": f"{_ARN}:pipeline/dogs",
            "PipelineExecutionArn": arn,
            "PipelineExecutionStatus": status,
            "PipelineDefinition": '{"Version": "2020-12-01", "Steps": []}',
            "PipelineParameters": [{"Name": n, "Value": v} for n, v in parameters.items()],
            "CreationTime": began,
            "LastModifiedTime": began + timedelta(seconds=65),
        },
        arn=arn,
    )
