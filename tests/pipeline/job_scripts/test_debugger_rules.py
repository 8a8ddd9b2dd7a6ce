"""What is read of a debugger rule from its text: a file and a row in a table are all it takes."""

from pathlib import Path

import pytest

from pipeline.job_scripts.debugger_rules import rule_collection, rule_names, rule_parameters

TABLE = """
from debugger.rules.base import Base
from debugger.rules.bare import Bare
from debugger.rules.told import Told

RULES: dict[str, type[Base]] = {"Told": Told, "Bare": Bare}
"""
TOLD = """
import a_package_that_is_not_installed

class Told(Base):
    needs = ("losses",)
    collection = ("biases_too", ".*bias")

    def __init__(self, base_trial, low=-1.5, tensor_regex=None, *, flag=False, action_json=""):
        self.low = low
"""
BARE = """
class Helper:
    def __init__(self, other=1): ...

class Bare(Base):
    def invoke_at_step(self, step): ...
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "debugger/rules"
    folder.mkdir(parents=True)
    for name, text in {"__init__": TABLE, "told": TOLD, "bare": BARE}.items():
        (folder / f"{name}.py").write_text(text)
    return tmp_path


def test_names_are_those_of_the_table_in_its_order(code: Path) -> None:
    assert rule_names(code) == ("Told", "Bare")


def test_parameters_are_the_classs_less_those_of_the_platform(code: Path) -> None:
    told = {"low": -1.5, "tensor_regex": None, "flag": False}
    assert list(rule_parameters("Told", code).items()) == list(told.items())
    assert rule_parameters("Bare", code) == {}


def test_a_rule_may_ask_for_a_collection(code: Path) -> None:
    assert rule_collection("Told", code) == ("biases_too", ".*bias")
    assert rule_collection("Bare", code) is None
