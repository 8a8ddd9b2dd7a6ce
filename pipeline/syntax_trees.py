"""Parse Python source, one at a time in a process: Python 3.11 cannot do it in two threads at once.

It ends with "AST constructor recursion depth mismatch" there, as it counts the depth for a whole
interpreter. Whatever else parses, as some packages do while they load, holds `PARSING` too.
"""

import ast
import threading

PARSING = threading.Lock()


def parse(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a module's source. Raises SyntaxError, ValueError."""
    with PARSING:
        return ast.parse(source)
