"""What pipeline.endpoint prints for people."""

import io

from rich.console import Console

from pipeline.endpoint.predictions import Prediction
from pipeline.endpoint.tables import prediction_table


def printed(*results: Prediction) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    console.print(prediction_table(results))
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()][1:]


def test_a_picture_of_no_class_has_the_nearest_classes_beside_the_probable_ones() -> None:
    probable = (("cat", 0.75), ("dog", 0.25))
    told = Prediction("x.jpg", probable, known=False, nearest=("fox", "dog"))
    assert printed(told) == [
        "x.jpg none of the classes; nearest to fox, dog",
        "cat 75.00%",
        "dog 25.00%",
    ]


def test_a_model_that_names_no_nearest_class_is_told_so_far() -> None:
    assert printed(Prediction("x.jpg", (("cat", 1.0),), known=False)) == [
        "x.jpg none of the classes",
        "cat 100.00%",
    ]


def test_a_known_picture_has_its_classes_and_a_refused_one_the_reason() -> None:
    known = Prediction("x.jpg", (("cat", 0.75), ("dog", 0.25)), known=True)
    refused = Prediction("y.jpg", error="no picture", status=422)
    assert printed(known, refused) == [
        "x.jpg cat 75.00%",
        "dog 25.00%",
        "y.jpg refused (422): no picture",
    ]
