"""Forms are read as browsers send them: fields, files of any name, bare bytes."""

import pytest

from pipeline.console.forms import Form, form_of, takes
from pipeline.console.rendering import redirect
from tests.pipeline.console.console_support import Visitor


class Seen:
    """A view that keeps the form it got."""

    form = Form()

    @takes(10_000)
    def view(self, request):
        self.form = form_of(request)
        return redirect("/runs")


@pytest.fixture
def seen(visitor: Visitor) -> Seen:
    from starlette.routing import Route

    from pipeline.console.app import guarded

    seen = Seen()
    visitor.app.router.routes.insert(0, guarded(Route("/seen", seen.view, methods=["POST"])))
    return seen


def test_fields_may_come_more_than_once_and_be_empty(visitor: Visitor, seen: Seen) -> None:
    body = f"csrf={visitor.csrf}&a=1&a=%C3%A9&b=&c=x+y"
    kind = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    assert visitor.client.post("/seen", content=body, headers=kind).status_code == 303
    assert seen.form.values["a"] == ("1", "é")
    assert (seen.form.get("b", "-"), seen.form.get("c"), seen.form.get("d", "-")) == (
        "",
        "x y",
        "-",
    )


def test_files_keep_their_bytes_and_their_names(visitor: Visitor, seen: Seen) -> None:
    files = {"picture": ("../<b>é.png", bytes(range(256)))}
    visitor.client.post("/seen", data={"csrf": visitor.csrf, "name": "é"}, files=files)
    (file,) = seen.form.files["picture"]
    assert (file.name, file.content) == ("../<b>é.png", bytes(range(256)))
    assert seen.form.get("name") == "é"


def test_a_file_field_that_was_left_empty_is_no_file(visitor: Visitor, seen: Seen) -> None:
    visitor.client.post("/seen", data={"csrf": visitor.csrf}, files={"picture": ("", b"")})
    assert not seen.form.files


def test_what_is_no_form_comes_as_it_is(visitor: Visitor, seen: Seen) -> None:
    headers = {"x-csrf-token": visitor.csrf, "content-type": "image/png"}
    visitor.client.post("/seen", content=b"\x89PNG", headers=headers)
    assert seen.form.body == b"\x89PNG"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"no boundary", 400),
        ("multipart/form-data; boundary=9f", b"no part", 400),
        ("application/x-www-form-urlencoded", b"\xff=1", 400),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 2100), 400),
        ("application/x-www-form-urlencoded", b"a" * 10_001, 413),
    ],
)
def test_what_cannot_be_read_is_refused(
    visitor: Visitor, seen: Seen, kind: str, body: bytes, status: int
) -> None:
    answer = visitor.client.post("/seen", content=body, headers={"content-type": kind})
    assert answer.status_code == status
