from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from pipeline.report.contents import RunReport
from pipeline.report.page.html import render
from pipeline.report.page.plots import draw_series
from pipeline.report.sections.tensors import Series
from tests.pipeline.report.report_samples import (
    HOSTILE,
    a_run,
    an_evaluation,
    diverged_report,
    empty_report,
    failed_report,
    full_report,
    many_classes,
)


class Page(HTMLParser):
    """What a browser would see: tags, addresses, identifiers and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.words.append("" if tag == "wbr" else " ")
        values = dict(attrs)
        self.addresses += [values[n] or "" for n in ("src", "href", "xlink:href") if n in values]
        self.ids += [values["id"] or ""] if "id" in values else []
        assert not any(name.startswith("on") for name in values)

    def handle_endtag(self, tag: str) -> None:
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report")
    render(full_report(), place)
    return place


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page(folder / "report.html")


def test_the_page_shows_every_part(page):
    for words in (
        "81.0% of 42 pictures right",
        "version 7 waits for approval",
        "the weights of epoch 9 were kept",
        "Bayesian search, 8 trials",
        "CrossEntropyLoss_output_0",
        "9 tensors at 20 steps",
        "keep the features in memory",
        "393 pictures of 6 classes",
        "69 megapixels",
        "2.23 M, 7.69 k of them trained",
        "python -m pipeline.run --local --data ~/pictures",
        "PED-ANOVA over 7 trials",
        "cpu percent mean 91.5, max 100",
        "Better than version 6 by 2.1 points (-0.8 to 5.0), same pictures.",
        "from the cache, run aa11bb22cc33",
        "Against run aa11bb22cc33 of 2026-11-20 06:00 UTC: test accuracy +2.4 points (-13.7 to",
        "only this run is right on 6 and only that one on 5",
        "tuning.ranges.weight_decay 0.0001 to 0.1 Logarithmic -",
        "No trial had the defaults (learning-rate 0.0003, batch-size 64)",
        "with the last blocks trained as well it was 90.4% (epoch 12): +3.4 points of 42 pictures",
    ):
        assert words in page.text, words


def test_names_of_users_are_text_and_nothing_else(page):
    assert page.tags["script"] == 1  # our own
    assert HOSTILE in page.text
    assert "tiger --> $x_$ {{ 7 * 7 }}" in page.text


def test_nothing_is_fetched_and_every_link_leads_somewhere(page, folder):
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.ids
        elif not address.startswith("data:"):
            assert address.startswith("metrics/") or (folder / address).is_file(), address
    assert len(page.ids) == len(set(page.ids))


def test_every_plot_is_a_picture(folder):
    plots = sorted(path.name for path in (folder / "plots").iterdir())
    assert "confusion.png" in plots and "tuning_trials.png" in plots and len(plots) == 14
    for name in plots:
        with Image.open(folder / "plots" / name) as picture:
            assert picture.format == "PNG" and picture.width >= 700


def test_the_same_run_is_the_same_page_and_old_plots_go(tmp_path):
    first = render(diverged_report(), tmp_path).read_bytes()
    assert list((tmp_path / "plots").iterdir())
    assert render(diverged_report(), tmp_path).read_bytes() == first
    render(empty_report(), tmp_path)
    assert list((tmp_path / "plots").iterdir()) == []


def test_a_failed_run_says_why_and_what_is_not_there(tmp_path):
    page = Page(render(failed_report(), tmp_path))
    assert "Prepare failed: ClientError: 3 files of 12" in page.text
    assert "Test results, Data set, Model Prepare failed before it" in page.text
    assert "Tuning" not in page.ids and "test" not in page.ids


def test_a_diverged_training_is_drawn_with_what_it_has(tmp_path):
    page = Page(render(diverged_report(), tmp_path))
    assert "The loss became infinite or not a number" in page.text
    assert page.text.count("not a finite number from epoch 2") == 1
    assert (tmp_path / "plots/tensors_gradients.png").stat().st_size > 0


def test_above_200_classes_there_is_a_plot_and_no_table_of_cells(tmp_path):
    classes = many_classes(201)
    evaluation = an_evaluation(classes, Random(0))  # noqa: S311
    report = RunReport(a_run("Succeeded"), {"evaluation": evaluation})
    page = Page(render(report, tmp_path))
    assert page.tags["td"] < 5_000  # 40,401 cells otherwise
    assert (tmp_path / "plots/confusion.png").is_file()


@pytest.mark.parametrize("values", [(0.0, 0.0), (1e-9, 1e9), (-1.0, 2.0), (float("nan"),) * 2])
def test_any_tensor_can_be_plotted(tmp_path, values):
    series = [Series("layer$_{x", (0, 5), values)]
    path = draw_series(series, "a \x00 title", "norm", tmp_path / "tensor.png")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
