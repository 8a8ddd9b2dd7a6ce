import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.page.dag import BOX_HEIGHT, BOX_WIDTH, Box, Drawing, draw_dag
from pipeline.report.sections.steps import ReportedStep
from tests.pipeline.report.report_samples import some_steps


@st.composite
def any_dag(draw: st.DrawFn) -> list[ReportedStep]:
    count = draw(st.integers(1, 9))
    steps = []
    for number in range(count):
        before = [f"s{n}" for n in range(number)]
        above = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        steps.append(ReportedStep(f"s{number}", "Training", "Succeeded", depends_on=tuple(above)))
    return draw(st.permutations(steps))


def at(drawing: Drawing) -> dict[str, Box]:
    return {box.step.name: box for box in drawing.boxes}


@settings(max_examples=60)
@given(any_dag(), st.booleans())
def test_boxes_never_overlap_and_stand_after_what_they_wait_for(steps, downwards):
    drawing = draw_dag(steps, downwards)
    boxes = at(drawing)
    assert set(boxes) == {step.name for step in steps}
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - BOX_WIDTH
        assert 0 <= box.y <= drawing.height - BOX_HEIGHT
        for other in drawing.boxes:
            apart = abs(box.x - other.x) >= BOX_WIDTH or abs(box.y - other.y) >= BOX_HEIGHT
            assert box is other or apart
        for parent in (boxes[name] for name in box.step.depends_on):
            assert (parent.y < box.y) if downwards else (parent.x < box.x)


def test_our_pipeline_is_drawn_without_lines_that_a_longer_way_says_already():
    drawing = draw_dag(some_steps(), downwards=False)
    boxes = at(drawing)
    # Prepare and ExtractFeatures also feed Train; Tune comes after both.
    assert len(drawing.lines) == 9
    assert boxes["FindChampion"].x == boxes["Train"].x  # just before Evaluate, which needs it
    assert [line.taken for line in drawing.lines].count(False) == 1  # to AccuracyTooLow


def test_a_line_over_several_layers_passes_beside_the_boxes_between():
    steps = [
        ReportedStep("a", "x", "Succeeded"),
        ReportedStep("b", "x", "Succeeded", depends_on=("a",)),
        ReportedStep("c", "x", "Succeeded", depends_on=("b",)),
        ReportedStep("d", "x", "Succeeded", depends_on=("c",)),
        ReportedStep("e", "x", "Succeeded", depends_on=("d",)),
        ReportedStep("side", "x", "Succeeded", depends_on=("a",)),
        ReportedStep("end", "x", "Succeeded", depends_on=("side", "e")),
    ]
    drawing = draw_dag(steps, downwards=False)
    long = max(drawing.lines, key=lambda line: line.path.count("C"))
    heights = [float(height) for height in re.findall(r"L[\d.]+ ([\d.]+)", long.path)]
    crossed = [box for box in drawing.boxes if box.step.name in "cde"]
    assert len(heights) == 3
    for box in crossed:
        assert not any(box.y < height < box.y + BOX_HEIGHT for height in heights)


def test_steps_of_a_cycle_or_with_unknown_parents_are_still_drawn():
    steps = [
        ReportedStep("a", "x", "Failed", depends_on=("b", "gone")),
        ReportedStep("b", "x", "Failed", depends_on=("a", "b")),
    ]
    assert set(at(draw_dag(steps, downwards=True))) == {"a", "b"}


def test_no_steps_are_an_empty_drawing():
    assert draw_dag([], downwards=True).boxes == ()
