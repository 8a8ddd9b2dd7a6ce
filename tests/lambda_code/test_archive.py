"""What is published is complete: the archive alone, with boto3, answers an event."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.aws.lambda_function import lambda_archive
from pipeline.command_line.running import ROOT


@pytest.mark.parametrize("handler", ["deploy_endpoint", "find_champion"])
def test_handlers_import_from_the_archive_alone(tmp_path: Path, handler: str) -> None:
    with zipfile.ZipFile(io.BytesIO(lambda_archive(ROOT))) as archive:
        assert not [name for name in archive.namelist() if "/" in name]
        archive.extractall(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {handler} as module\n"
        "assert callable(module.handler)\n"
        f"assert module.__file__.startswith({str(tmp_path)!r})\n"
        "assert not [name for name in sys.modules if name.startswith('pipeline')]\n"
    )
    subprocess.run([sys.executable, "-I", "-c", program], cwd=tmp_path, check=True)


def test_modules_have_names_of_their_own() -> None:
    """Flat folders are on one path in tests and tools."""
    folders = ("lambda_code", "training_code", "inference_code")
    names = [path.name for folder in folders for path in (ROOT / folder).glob("*.py")]
    assert len(names) == len(set(names))
