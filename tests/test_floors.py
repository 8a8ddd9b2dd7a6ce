"""No import runs upwards: a module uses its own room and the floors below, and no other room."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.command_line.running import ROOT

# The floors, top first; the rooms of one floor know nothing of each other.
FLOORS = (
    ("pipeline.__main__", "pipeline.completion", "pipeline.console", "pipeline.schema"),
    ("pipeline.run", "benchmarks", "pipeline.monitor", "pipeline.teardown"),
    # the command of data sets, which shows what reviews found; its other modules stand lower
    ("pipeline.endpoint", "pipeline.data.__main__"),
    ("pipeline.review",),
    ("pipeline.report", "pipeline.registry"),
    (
        *("pipeline.bootstrap", "pipeline.data", "pipeline.target", "pipeline.diff"),
        *("pipeline.cost", "pipeline.comparing"),
    ),
    ("pipeline.aws", "pipeline.local", "pipeline.check"),
    ("pipeline.definition",),
    ("steps",),
    ("pipeline.assets",),
    ("pipeline.settings", "pipeline.sample"),
    ("pipeline.command_line", "pipeline.addresses", "pipeline.archives", "pipeline.images"),
    ("pipeline.given",),
    (
        "pipeline.git",
        "pipeline.errors",
        "pipeline.durable",
        "pipeline.explanations",
        "pipeline.version",
        "pipeline.suggestions",
        "pipeline.temporary",
        "pipeline.service_patterns",
        "pipeline.job_scripts",
    ),
    ("pipeline.syntax_trees",),
)
ROOMS = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What runs elsewhere: on SageMaker, or in Lambda.
FAR = ("training_code", "inference_code", "lambda_code")
# What the machinery shares with the jobs: plain Python, for every command to start at once.
SHARED = (
    "inference_code.picture_formats",
    # the local service and the model server read bodies, name programs and serve in one way
    "inference_code.server.model_server.bodies",
    "inference_code.server.model_server.health",
    "inference_code.server.model_server.http",
    "inference_code.server.model_server.loopback",
    "inference_code.server.model_server.programs",
    "inference_code.server.model_server.sockets",
    # who reads decisions has them in the order in which the functions do
    "lambda_code.decision_order",
    "training_code.folders",
    "training_code.backbones",
    "training_code.decisions",
    "training_code.learning.class_weights",
    "training_code.searching.settings_table",
    "training_code.tensor_names",
)

STANDARD = sys.stdlib_module_names
SERVING = {"h11", "starlette", "uvicorn"}
# The jobs import this package from their own folder, the machinery from the repository's root: its
# modules can name each other only relatively.
TWO_NAMES = ROOT / "training_code" / "folders"


def test_no_import_runs_upwards() -> None:
    wrong = []
    for file in _files("pipeline", "steps", "benchmarks"):
        own = _room(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for line, name in _imported(file):
            other = _room(name)
            if other not in (None, own) and (own is None or ROOMS[other] <= ROOMS[own]):
                wrong.append(f"{file.relative_to(ROOT)}:{line} imports {name}, not below it")
    assert not wrong, "\n".join(wrong)


def test_every_module_stands_on_a_floor() -> None:
    for file in _files("pipeline", "steps", "benchmarks"):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        assert _room(name) or name == "pipeline.__init__", f"{name}: add its room to FLOORS"


def test_code_of_jobs_and_lambdas_imports_nothing_of_the_machinery() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in _files(*FAR)
        for line, name in _imported(file)
        if name.partition(".")[0] in ("pipeline", "steps", "benchmarks", "tests")
    ]
    assert not wrong, "\n".join(wrong)


def test_the_machinery_shares_only_plain_modules_with_the_jobs() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in _files("pipeline", "steps")
        for line, name in _imported(file)
        if name.partition(".")[0] in FAR
        if not any(f"{name}.".startswith(f"{module}.") for module in SHARED)
    ]
    for file in (file for module in SHARED for file in _files_of(module)):
        names = {name for _, name in _imported(file) if not name.startswith(SHARED)}
        # who reads a body, or serves, has these, and imports them then
        foreign = {name.partition(".")[0] for name in names} - STANDARD - SERVING
        wrong += [f"{file} imports {name}" for name in foreign]
    assert not wrong, "\n".join(wrong)


def _files_of(module: str) -> list[Path]:
    path = ROOT / module.replace(".", "/")
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _room(name: str) -> str | None:
    return next((room for room in ROOMS if f"{name}.".startswith(f"{room}.")), None)


@cache
def _imported(file: Path) -> list[tuple[int, str]]:
    """(Line, dotted name) of every import in a file, wherever it stands."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module
            if node.level:
                what = f"{file}:{node.lineno}: a relative import hides where it leads"
                assert file.parent == TWO_NAMES and node.level == 1, what
                module = ".".join((*file.parent.relative_to(ROOT).parts, str(module)))
            found += ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
    return found
