"""A list is a table where that fits, and has a line below each row where it does not."""

import io

from rich.console import Console
from rich.text import Text

from pipeline.comparing.listing import Listing

ROWS = [
    ("2", "Approved", "86.1%", "resnet18 random", "features.views=2", "-"),
    ("1", "Rejected", "-", "mobilenet_v2 imagenet", "nothing", "the [gate] said no"),
]


def shown(width: int, terminal: bool = True) -> list[str]:
    rows = [[Text(cell) for cell in row] for row in ROWS]
    listing = Listing(("Version", "Status", "Accuracy"), ("Backbone", "Differs in", "Why"), rows)
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    console.print(listing)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_where_it_fits_it_is_one_table() -> None:
    heading, second, first = shown(120)
    assert heading.split()[:3] == ["Version", "Status", "Accuracy"]
    assert second.split()[-1] == "-"
    assert first.endswith("the [gate] said no")


def test_where_it_does_not_each_row_has_a_line_below() -> None:
    assert shown(70) == [
        "Version  Status    Accuracy",
        "2        Approved  86.1%",
        "    backbone resnet18 random, differs in features.views=2",
        "1        Rejected  -",
        "    backbone mobilenet_v2 imagenet, differs in nothing, why the [gate]",
        "    said no",
    ]


def test_what_is_piped_stays_a_table() -> None:
    assert shown(70, terminal=False)[0].split()[-1] == "Why"
