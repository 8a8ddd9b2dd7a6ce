"""Lay out how far the confidence of two versions is earned, as lines of one chart."""

from collections.abc import Iterable, Mapping

from pipeline.console.charts import Chart, Curve, Point, Tick
from pipeline.registry.confusions import Calibration
from pipeline.report.page.formatting import percent

_WIDTH, _HEIGHT = 380, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 366, 14, 290
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def calibration_chart(calibrations: Mapping[str, Calibration]) -> Chart:
    """Lay out how often each was right, up, against how sure it was, across; with the ideal."""
    errors = (f"{name} is off by {percent(one.error)}" for name, one in calibrations.items())
    lines = {
        name: [(one.confidence, one.accuracy) for one in calibration.bins]
        for name, calibration in calibrations.items()
    }
    curves = [_curve(name, line) for name, line in lines.items()]
    return Chart(
        title="How often right, against how sure",
        words=f"How often right, against how sure: on average {', '.join(errors)}",
        curves=(*curves, Curve("as it should be", _points([(0, 0), (1, 1)]))),
        down=tuple(Tick(_place((0, share))[1], percent(share, 0)) for share in _TICKS),
        across=tuple(Tick(_place((share, 0))[0], percent(share, 0)) for share in _TICKS),
        width=_WIDTH,
        height=_HEIGHT,
    )


def _curve(name: str, line: list[Point]) -> Curve:
    return Curve(name, _points(line), tuple(map(_place, line)))


def _points(line: Iterable[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in map(_place, line))


def _place(point: Point) -> Point:
    sure, right = point
    return round(_LEFT + sure * (_RIGHT - _LEFT), 1), round(_BOTTOM - right * (_BOTTOM - _TOP), 1)
