"""Compiling is pure: the same tree and settings give the same bytes, and nothing is reached."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.definition.compile import compile_definition, definition_json
from pipeline.errors import UsageError
from pipeline.settings.loading import load_settings

pytestmark = pytest.mark.xdist_group("sdk")

ROOT = Path(__file__).parents[3]
COMPILE = """
import socket, sys
from pathlib import Path

def refuse(*args, **kwargs):
    raise AssertionError(f"network: {args}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
root = Path(sys.argv[1])
sys.path.insert(0, str(root))
from pipeline.definition.compile import definition_json
from pipeline.settings.loading import load_settings
settings = load_settings(root / "pipeline.yaml", None, ["backbone.weights=imagenet"])
sys.stdout.write(definition_json(settings, root))
"""


@pytest.fixture
def copy(tmp_path):
    """The tree in another place."""
    for name in ("pipeline", "steps", "training_code", "inference_code"):
        shutil.copytree(
            ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pipeline.yaml", tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def strange_home(tmp_path):
    """A home whose AWS and SDK configuration would change or break what reads it."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/config").write_text("[default\nregion = nowhere")
    (home / ".config/sagemaker").mkdir(parents=True)
    (home / ".config/sagemaker/config.yaml").write_text("SchemaVersion: '9'\nNonsense: 1\n")
    return home


def files_below(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_the_bytes_depend_on_nothing_but_the_tree_and_settings(copy, strange_home, tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(strange_home),
        "TZ": "Asia/Kathmandu",
        "PYTHONHASHSEED": "4711",
        "AWS_PROFILE": "of-nobody",
        "AWS_DEFAULT_REGION": "eu-north-1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    before = files_below(strange_home)

    done = subprocess.run(
        [sys.executable, "-c", COMPILE, str(copy)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    settings = load_settings(ROOT / "pipeline.yaml", None, ["backbone.weights=imagenet"])
    assert done.stdout == definition_json(settings, ROOT)
    assert not done.stderr
    assert files_below(strange_home) == before


def test_compiling_leaves_this_process_as_it_was(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "of-nobody")
    before = dict(os.environ)

    compile_definition(load_settings(ROOT / "pipeline.yaml", "local", []), ROOT)

    assert dict(os.environ) == before


def test_the_sdk_reports_nothing_to_aws(monkeypatch):
    sent = []
    send = "sagemaker.telemetry.telemetry_logging._send_telemetry_request"
    monkeypatch.setattr(send, lambda *facts: sent.append(facts))

    compile_definition(load_settings(ROOT / "pipeline.yaml", "local", []), ROOT)

    assert not sent


def test_settings_change_only_what_they_are_about():
    def lines(*overrides: str) -> list[str]:
        settings = load_settings(ROOT / "pipeline.yaml", "local", overrides)
        return definition_json(settings, ROOT).splitlines()

    changed = [
        (old, new)
        for old, new in zip(
            lines("gate.accuracy_threshold=0.5"), lines("gate.accuracy_threshold=0.7"), strict=True
        )
        if old != new
    ]

    assert [(old.strip(), new.strip()) for old, new in changed] == [
        ('"DefaultValue": 0.5', '"DefaultValue": 0.7')
    ]


def test_nothing_in_it_is_null():
    settings = load_settings(ROOT / "pipeline.yaml", None, ["backbone.weights=none"])

    assert ": null" not in definition_json(settings, ROOT)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("aws.region=xx-east-9", "there is no PyTorch image for .* in xx-east-9"),
        ("instances.training.type=ml.inf1.xlarge", "image for ml.inf1.xlarge in"),
        ("backbone.weights=/missing.pth", "no file /missing.pth"),
    ],
)
def test_what_cannot_be_compiled_is_one_clear_error(override, message):
    settings = load_settings(ROOT / "pipeline.yaml", "local", [override])

    with pytest.raises(UsageError, match=message) as caught:
        compile_definition(settings, ROOT)

    assert "\n" not in str(caught.value)
