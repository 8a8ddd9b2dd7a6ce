"""Lay out the drawing of a run's DAG: a box for each step, and the lines between them.

Steps are layered by longest path (one without parents stands just before the first that needs it).
Lines that a longer path implies are left out. A line over several layers has a place of its own in
each, so that it crosses no box (Sugiyama's layered drawing, in its simplest form).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.report.sections.steps import ReportedStep

BOX_WIDTH, BOX_HEIGHT = 124, 60
_LINE = 14  # space that a passing line takes in a layer
_ACROSS, _ALONG = 18, 22  # gaps between boxes of a layer, and between layers
_MARGIN = 2


@dataclass(frozen=True)
class Box:
    """A step's box in the drawing: its top left corner, in CSS pixels."""

    step: ReportedStep
    x: float
    y: float


@dataclass(frozen=True)
class Line:
    """A line between two steps as an SVG path; `taken` when the run went that way."""

    path: str
    taken: bool


@dataclass(frozen=True)
class Drawing:
    """The drawing of a whole DAG; sizes in CSS pixels."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


Node = str | tuple[str, str, int]  # a step, or a line's place in a layer: (from, to, layer)
Point = tuple[float, float]


def draw_dag(steps: Sequence[ReportedStep], downwards: bool) -> Drawing:
    """Lay out any acyclic set of steps, from left to right or downwards."""
    by_name = {step.name: step for step in steps}
    parents = _transitive_reduction(_parents(by_name))
    layer = _layers(parents)
    rows = _rows(parents, layer)
    positions, width, height = _positions(rows, downwards)
    lines = []
    for child, above in parents.items():
        taken = by_name[child].status not in ("Skipped", "NotStarted")
        for parent in above:
            points = [positions[waypoint] for waypoint in _waypoints(parent, child, layer)]
            lines.append(Line(_path(points, downwards), taken))
    boxes = [Box(step, *_corner(positions[step.name])) for step in steps]
    return Drawing(width, height, tuple(boxes), tuple(lines))


def _parents(by_name: Mapping[str, ReportedStep]) -> dict[str, list[str]]:
    parents = {}
    for name, step in by_name.items():
        above = [*step.depends_on, *([step.branch[0]] if step.branch else [])]
        parents[name] = [one for one in dict.fromkeys(above) if one in by_name and one != name]
    return parents


def _ancestors(parents: Mapping[str, list[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}

    def visit(name: str, path: frozenset[str]) -> set[str]:
        if name not in found:
            above = [one for one in parents[name] if one not in path]
            found[name] = set(above).union(*(visit(one, path | {one}) for one in above))
        return found[name]

    for name in parents:
        visit(name, frozenset({name}))
    return found


def _transitive_reduction(parents: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return each step's parents without those that are ancestors of another parent."""
    ancestors = _ancestors(parents)
    return {
        name: [one for one in above if not any(one in ancestors[other] for other in above)]
        for name, above in parents.items()
    }


def _layers(parents: Mapping[str, list[str]]) -> dict[str, int]:
    layer = dict.fromkeys(parents, 0)
    for _ in parents:  # no path is longer
        for name, above in parents.items():
            layer[name] = max([layer[one] + 1 for one in above if layer[one] < len(parents)] or [0])
    for name, above in parents.items():
        below = [layer[child] for child, over in parents.items() if name in over]
        if not above and below:
            layer[name] = min(below) - 1
    return layer


def _waypoints(parent: str, child: str, layer: Mapping[str, int]) -> list[Node]:
    between = range(layer[parent] + 1, layer[child])
    return [parent, *((parent, child, number) for number in between), child]


def _rows(parents: Mapping[str, list[str]], layer: Mapping[str, int]) -> list[list[Node]]:
    """Return the nodes of each layer, ordered by the mean place of their parents."""
    rows: list[list[Node]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    above: dict[Node, list[Node]] = {}
    for name in parents:
        rows[layer[name]].append(name)
    for child, over in parents.items():
        for parent in over:
            waypoints = _waypoints(parent, child, layer)
            for before, after in pairwise(waypoints):
                above.setdefault(after, []).append(before)
                if isinstance(after, tuple):
                    rows[after[2]].append(after)
    for upper, lower in pairwise(rows):
        place = {node: number for number, node in enumerate(upper)}
        lower.sort(
            key=lambda node: _mean([place[one] for one in above.get(node, []) if one in place])
        )
    return rows


def _mean(numbers: Sequence[int]) -> float:
    return sum(numbers) / len(numbers) if numbers else float("inf")


def _positions(
    rows: Sequence[Sequence[Node]], downwards: bool
) -> tuple[dict[Node, Point], float, float]:
    """Return the middle of every node, and the drawing's width and height."""
    box, depth = (BOX_WIDTH, BOX_HEIGHT) if downwards else (BOX_HEIGHT, BOX_WIDTH)
    sizes = [[box if isinstance(node, str) else _LINE for node in row] for row in rows]
    spans = [sum(row) + _ACROSS * (len(row) - 1) for row in sizes]
    widest = max(spans, default=0)
    positions: dict[Node, Point] = {}
    for number, (row, size, span) in enumerate(zip(rows, sizes, spans, strict=True)):
        across = _MARGIN + (widest - span) / 2
        along = _MARGIN + number * (depth + _ALONG) + depth / 2
        for node, one in zip(row, size, strict=True):
            middle = across + one / 2
            positions[node] = (middle, along) if downwards else (along, middle)
            across += one + _ACROSS
    long = len(rows) * (depth + _ALONG) - _ALONG + 2 * _MARGIN
    wide = widest + 2 * _MARGIN
    return positions, *((wide, long) if downwards else (long, wide))


def _corner(middle: Point) -> Point:
    return middle[0] - BOX_WIDTH / 2, middle[1] - BOX_HEIGHT / 2


def _path(points: Sequence[Point], downwards: bool) -> str:
    """Return the SVG path from the edge of the first point's box to the edge of the last one's."""
    half = (BOX_HEIGHT if downwards else BOX_WIDTH) / 2
    start, end = _shifted(points[0], half, downwards), _shifted(points[-1], -half, downwards)
    return _curve([start, *points[1:-1], end], half, downwards)


def _shifted(point: Point, by: float, downwards: bool) -> Point:
    return (point[0], point[1] + by) if downwards else (point[0] + by, point[1])


def _curve(points: Sequence[Point], half: float, downwards: bool) -> str:
    """Return an SVG path that is straight through the layers it passes and curved between them."""
    x, y = points[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for number, goal in enumerate(points[1:], start=1):
        passing = number < len(points) - 1
        entry = _shifted(goal, -half, downwards) if passing else goal
        parts.append(_bend((x, y), entry, downwards))
        x, y = _shifted(goal, half, downwards) if passing else goal
        if passing:
            parts.append(f"L{x:.1f} {y:.1f}")
    return "".join(parts)


def _bend(start: Point, end: Point, downwards: bool) -> str:
    (a, b), (c, d) = start, end
    if downwards:
        middle = (b + d) / 2
        return f"C{a:.1f} {middle:.1f} {c:.1f} {middle:.1f} {c:.1f} {d:.1f}"
    middle = (a + c) / 2
    return f"C{middle:.1f} {b:.1f} {middle:.1f} {d:.1f} {c:.1f} {d:.1f}"
