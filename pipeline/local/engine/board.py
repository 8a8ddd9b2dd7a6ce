"""Keep the newest state of every step, for whoever shows it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pipeline.command_line.step_table import StepProgress
from pipeline.definition.graph import Graph, Step

Listener = Callable[[StepProgress], None]


class Board:
    """The newest StepProgress of every step, handed to the listener one at a time."""

    def __init__(self, listener: Listener, graph: Graph) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._states: dict[str, StepProgress] = {}
        for step in graph.steps.values():
            self.show(step, status="Waiting")

    def show(self, step: Step, **changes: Any) -> None:
        """Change members of a step's progress; a message or metric that is None stays as it is."""
        known = {name: value for name, value in changes.items() if value is not None}
        with self._lock:
            state = self._states.get(step.name) or StepProgress(step.name, step.type, "Waiting")
            self._states[step.name] = replace(state, **known)
            self._listener(self._states[step.name])
