"""The rules as pipeline.yaml sets them: silent in a healthy training, not in one that overfits."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("smdebug")

from debugger.rule_evaluation import evaluate_rules
from debugger.session import open_debugger
from extraction.feature_files import Features
from hyperparameters import Hyperparameters
from learning.head_training import head_phase, make_head
from learning.training_loop import ClassificationLoss, fit
from pipeline.settings.loading import load_settings
from train import debug_plan

REPOSITORY = Path(__file__).resolve().parents[3]
SAVED = "gradients:save_interval=25,losses:save_interval=5:eval.save_interval=1"


def pictures(count: int, seed: int, *, learnable: bool) -> Features:
    """Features of three classes; labels that say nothing of them can only be learned by heart."""
    random = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(3, (count,), generator=random)
    values = torch.randn(1, count, 64, generator=random)
    return Features(values + centres[labels] * learnable, labels)


@pytest.mark.parametrize("optimizer", ["AdamW", "LBFGS"])
@pytest.mark.parametrize("learnable", [True, False])
def test_only_a_training_that_learns_by_heart_is_told(
    tmp_path: Path, learnable: bool, optimizer: str
) -> None:
    settings = Hyperparameters(
        optimizer=optimizer,
        epochs=15,
        batch_size=12,
        lr=0.003 if learnable else 0.03,
        debug_collections=SAVED,
    )
    train, valid = (pictures(n, seed, learnable=learnable) for n, seed in ((108, 1), (36, 2)))
    head, loss = make_head(train, 3, 0), ClassificationLoss()
    environment = {"SM_OUTPUT_DATA_DIR": str(tmp_path), "SMDEBUG_CONFIG_FILE_PATH": "/nowhere"}
    debugger = open_debugger(environment, debug_plan(settings))
    debugger.watch(head, loss)
    fit(head_phase(head, loss, train, valid, settings), range(1, 16), None, debugger)
    debugger.close()
    rules = load_settings(REPOSITORY / "pipeline.yaml", None, ()).debugger.rules
    outcomes = evaluate_rules(tmp_path / "debug", {rule.name: rule.parameters for rule in rules})
    assert {one.name for one in outcomes if one.status == "Error"} == set()
    fired = {one.name for one in outcomes if one.status == "IssuesFound"}
    assert fired == set() if learnable else "Overfit" in fired
