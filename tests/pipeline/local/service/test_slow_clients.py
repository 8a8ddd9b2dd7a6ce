"""The service goes on to answer while hundreds of clients drip, with few files to be open."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.command_line.running import ROOT
from pipeline.local.service.client import service_client
from pipeline.local.service.credentials import Address, own_secret
from tests.inference_code.server.slow_clients import HEADS, dripping, few_files
from tests.patience import PATIENCE

# Nothing is ended for its age: the service tells who waits from who is at work.
SERVE = """
import sys
from inference_code.server.model_server import http
from pipeline.endpoint.__main__ import main
http.HEAD_SECONDS = http.REQUEST_SECONDS = 3600
main(sys.argv[1:])
"""


@pytest.mark.parametrize("begin", ["a head", "a body"])
def test_three_hundred_that_drip_keep_no_good_request_waiting(
    tmp_path: Path, write_model: Callable[..., Path], begin: str
) -> None:
    model = write_model(tmp_path / "model.tar.gz")
    told = ["serve", "--port", "0", "--json", "--state", str(tmp_path), "--model", str(model)]
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, *told],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        preexec_fn=few_files,  # noqa: PLW1509 (no other thread runs yet)
    ) as served:
        try:
            assert served.stdout
            url = json.loads(served.stdout.readline())["url"]
            port = int(url.rpartition(":")[2])
            with dripping(port, HEADS[begin]) as drips:
                for _ in range(3):
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
                    connection.request(
                        "POST", "/invocations", b"abc", {"Content-Type": "image/jpeg"}
                    )
                    answer = connection.getresponse()
                    assert (answer.status, json.loads(answer.read())["predictions"][0]["size"]) == (
                        200,
                        3,
                    )
                    connection.close()
                    sagemaker = service_client("sagemaker", Address(url, own_secret(tmp_path)))
                    assert sagemaker.list_models()["Models"] == []
                    drips.go_on()
        finally:
            served.terminate()
            served.wait(PATIENCE)
