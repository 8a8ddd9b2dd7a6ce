"""The report's CSV files hold what their rows say, and nothing that a spreadsheet would compute."""

from pathlib import Path

from pipeline.report.page.csv_files import FOLDER, MetricFolder


def test_a_name_like_a_formula_is_text_and_numbers_stay_numbers(tmp_path: Path) -> None:
    metrics = MetricFolder(tmp_path)
    metrics.write("Prepare", "classes", [{"class": "=1+1", "change": -0.5}, {"class": "-0.25"}])
    lines = (tmp_path / FOLDER / "Prepare.csv").read_text().splitlines()
    assert lines == ["class,change", "'=1+1,-0.5", "-0.25,"]
