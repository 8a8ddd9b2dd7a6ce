"""What a local run does before its first step."""

from pathlib import Path

import pytest

from pipeline.bundle import bundles_of
from pipeline.cli import ROOT
from pipeline.errors import UsageError
from pipeline.local import run
from pipeline.local.store import Store
from pipeline.settings.loading import load_settings


def test_code_that_is_saved_while_it_is_compiled_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])
    addresses = [bundle.uri for bundle in bundles_of(settings, ROOT).values()]
    texts = iter(['{"of": "an earlier state of the files"}', f'{{"of": "{" ".join(addresses)}"}}'])
    monkeypatch.setattr(run, "definition_text", lambda *_: next(texts))
    store = Store(tmp_path)
    definition = run.compile_and_stage(settings, ROOT, store)
    assert addresses[0] in definition["of"]
    assert all(store.path(uri).exists() for uri in addresses)


def test_code_that_goes_on_changing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(ROOT / "pipeline.yaml", "local", [])
    monkeypatch.setattr(run, "definition_text", lambda *_: "{}")
    with pytest.raises(UsageError, match="is being changed: run again"):
        run.compile_and_stage(settings, ROOT, Store(tmp_path))
