"""Source is parsed by one thread at a time: Python 3.11 ends with a SystemError otherwise."""

import ast
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.syntax_trees import parse


def test_threads_parse_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    original, inside, at_once = ast.parse, [], []

    def slow(source: str) -> ast.Module:
        inside.append(source)
        at_once.append(len(inside))
        threading.Event().wait(0.02)  # for another thread to begin, if it may
        inside.pop()
        return original(source)

    monkeypatch.setattr(ast, "parse", slow)
    with ThreadPoolExecutor(4) as pool:
        trees = list(pool.map(parse, ["a = 1"] * 4))
    assert [ast.unparse(tree) for tree in trees] == ["a = 1"] * 4
    assert at_once == [1, 1, 1, 1]


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        parse("a =")
