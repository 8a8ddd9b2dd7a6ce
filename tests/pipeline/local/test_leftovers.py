"""What killed processes leave in a state, and what is never swept."""

from pathlib import Path

from pipeline.local.leftovers import sweep_leftovers
from pipeline.local.store import Store
from pipeline.temporary import held

GONE = (
    "deployments/killed/event.json",
    "deployments/killed-after-the-answer/answer.json",
    "endpoints/model-4194399-ab/code",
    "s3/b/code/x/sourcedir.tar.gz.4194399.part",
    "definitions/x.4194399-aa.part",
    "sm-local-sample-x/sample",
)
STAY = (
    "deployments/held/event.json",
    "deployments/failed/failed.txt",
    "s3/b/data/train/1.jpg.part",
    "endpoints/endpoint-x.log",
)


def _make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_leftovers_go_and_the_rest_stays(store: Store) -> None:
    _make(store.root, *GONE, *STAY)
    with held(store.root / "deployments" / "held"):
        sweep_leftovers(store)
    assert [name for name in GONE if (store.root / name).exists()] == []
    assert [name for name in STAY if not (store.root / name).exists()] == []


def test_of_failed_calls_the_last_are_kept(store: Store) -> None:
    _make(store.root, *(f"deployments/{number}/failed.txt" for number in range(30)))
    sweep_leftovers(store)
    assert len(list((store.root / "deployments").iterdir())) == 20
