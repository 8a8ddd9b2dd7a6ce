"""What the command line reads of the scripts from their source is what they take."""

import dataclasses
import re
from types import ModuleType

import pytest

import evaluate
import features
import monitor
import prepare
import prepare_features
from hyperparameters import Hyperparameters
from learning.optimizers import OPTIMIZERS
from pipeline.job_scripts.hyperparameters import read_hyperparameters
from pipeline.job_scripts.interface import SCRIPTS


def test_hyperparameters_are_those_that_training_takes() -> None:
    read = read_hyperparameters()
    known = dataclasses.fields(Hyperparameters)
    assert [(one.name, one.kind, one.default) for one in read.values()] == [
        (field.name, getattr(field.type, "__name__", None), field.default) for field in known
    ]
    for field in known:
        facts = {**field.metadata}
        if "choices" in facts:
            facts["choices"] = tuple(facts["choices"])
        assert {name: getattr(read[field.name], name) for name in facts} == facts
    assert SCRIPTS["train.py"].options["optimizer"] == tuple(OPTIMIZERS)


@pytest.mark.parametrize("script", [prepare, features, prepare_features, evaluate, monitor])
def test_options_are_those_that_argparse_knows(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["script.py", "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        script.main()
    usage = capsys.readouterr().out.partition("\n\n")[0]
    known = SCRIPTS[f"{script.__name__}.py"]
    assert set(re.findall(r"--([a-z][a-z0-9-]*)", usage)) == set(known.options)
    needed = re.sub(r"\[[^]]*\]", "", usage)
    assert set(re.findall(r"--([a-z][a-z0-9-]*)", needed)) == set(known.required)
