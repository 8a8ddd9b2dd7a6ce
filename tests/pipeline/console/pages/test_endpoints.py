"""The pages of the endpoints, over models that really serve."""

import base64
import html
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_endpoint import deploy
from pipeline.local.service.client import sagemaker_client
from pipeline.local.service.server import Service, find_service
from pipeline.local.store import Store
from production_endpoint import Clients
from tests.conftest import ECHO
from tests.pipeline.console.console_support import HOSTILE, Visitor
from tests.pipeline.console.pages.pages_support import send, words

ROLE = "arn:aws:iam::111122223333:role/execution"
JPEG = b"\xff\xd8\xff and so on"
PNG = b"\x89PNG\r\n\x1a\n"

COUNTS = """
def metrics_text(model):
    return 'model_predictions_total{class="beagle"} 2\\nmodel_unknown_total 1\\n'
"""

Deploy = Callable[..., str]


@pytest.fixture
def deployed(
    store: Store, write_model: Callable[..., Path], register_package: Callable[..., str]
) -> Deploy:
    """Asks for an endpoint of a model with that label, as a run's last step does."""

    def ask_for(name: str = "staging", label: str = "beagle", code: str = ECHO) -> str:
        write_model(store.path(f"s3://b/{name}.tar.gz"), label, code)
        client = sagemaker_client(store)
        event = {
            "model_package_arn": register_package(client, f"s3://b/{name}.tar.gz"),
            "endpoint_name": name,
            "instance_type": "ml.m5.large",
            "instance_count": 1,
            "role_arn": ROLE,
        }
        deploy(event, Clients(client, lambda: None), production="", staging=name)
        return name

    return ask_for


@pytest.fixture
def live(store: Store, service: Service) -> Service:
    """The live service, as other programs find it."""
    note = {"pid": os.getpid(), "port": service.port, "url": service.url}
    (store.root / "service.json").write_text(json.dumps(note))
    return service


def served(service: Service) -> None:
    """Wait until what was asked for is in service."""
    service.hosting.wake()
    assert service.hosting.settle(60)


def test_without_any_state_the_page_says_so_and_makes_none(tmp_path: Path) -> None:
    state = tmp_path / "nothing"
    assert "There are no endpoints yet" in words(Visitor(state).get("/endpoints"))
    assert not state.exists()


def test_an_idle_endpoint_is_listed_and_answers_when_it_is_asked(
    visitor: Visitor, deployed: Deploy
) -> None:
    deployed("staging")
    assert "staging" in words(visitor.get("/endpoints"))
    page = words(send(visitor, "/endpoints/staging/ask", files=[("dog.jpg", JPEG)]))
    assert "dog.jpg" in page and "beagle 75.0%" in page and "other 25.0%" in page
    assert "InService" in page and "dogs/1" in page


def test_a_picture_of_none_of_the_classes_is_said_to_be_one(
    visitor: Visitor, deployed: Deploy
) -> None:
    told = '"known": False, "score": 5.25, "threshold": 3.5, "nearest": [model, "<b>"], "size":'
    deployed(code=ECHO.replace('"size":', told))
    page = send(visitor, "/endpoints/staging/ask", files=[("sofa.jpg", JPEG)])
    assert (
        "It shows none of the classes: its score 5.25 is above 3.50. Nearest to beagle, <b>."
        in words(page)
    )
    assert "<b>" not in page


def test_numbers_are_those_of_the_server_and_looking_is_no_request(
    visitor: Visitor, deployed: Deploy, live: Service
) -> None:
    deployed(code=ECHO + COUNTS)
    served(live)
    files = [("a.jpg", JPEG), ("b.png", PNG), ("c.jpg", JPEG)]
    page = words(send(visitor, "/endpoints/staging/ask", files=files))
    assert page.count("beagle 75.0%") == 2
    assert "Refused (415): no PNG here" in page  # the server's own words
    for _ in range(3):
        page = words(visitor.get("/endpoints/staging"))
    assert "3 answered" in page and "1 refused" in page and "HTTP 415 1" in page
    assert "1 picture of 2 showed none of the classes" in page
    assert "AllTraffic 100% of the traffic, 1 instance" in page
    row = words(visitor.get("/endpoints"))
    assert "AllTraffic 100% 3 1" in row and live.url in row


def test_names_of_files_and_words_of_models_stay_text(
    visitor: Visitor, deployed: Deploy, live: Service
) -> None:
    deployed(label=HOSTILE, code=ECHO.replace("no PNG here", "<img src=x onerror=alert(2)>"))
    served(live)
    files = [('x"><b>.jpg', JPEG), ("../../\u202eetc/passwd\n.png", PNG)]
    page = send(visitor, "/endpoints/staging/ask", files=files)
    assert "<img src=x" not in page and "<b>" not in page
    assert html.escape(HOSTILE, quote=False)[:20] in page and "onerror=alert(2)" in words(page)
    assert "\u202e" not in page and "etc/passwd" not in page


def test_an_endpoint_that_fails_is_not_asked_about_the_rest(
    visitor: Visitor, deployed: Deploy, live: Service, store: Store
) -> None:
    deployed()
    served(live)
    live.hosting.forget("staging")
    store.path("s3://b/staging.tar.gz").unlink()
    page = words(send(visitor, "/endpoints/staging/ask", files=[("a.jpg", JPEG), ("b.jpg", JPEG)]))
    assert page.count("there is no model at") == 2 and "not asked:" in page


# An endpoint that says why: everything is seen, and one training picture is alike.
HEAT = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
WHY = f"""
import json

class RequestError(Exception):
    pass

def model_fn(model_dir):
    return open(model_dir + "/label.txt").read()

def transform_fn(model, body, content_type, accept, context):
    one = {{"probabilities": {{model: 0.75, "other": 0.25}}}}
    if content_type == "application/json" and json.loads(body).get("explain"):
        alike = {{"file": "train/<b>.jpg", "sha256": "ab" * 32, "label": model, "similarity": 0.93}}
        one["explanation"] = {{"heat": "{HEAT}", "looks_like": [alike]}}
    return json.dumps({{"predictions": [one]}}), "application/json"
"""


def test_a_picture_can_be_asked_about_with_where_it_looks(
    visitor: Visitor, deployed: Deploy, live: Service
) -> None:
    deployed(code=WHY)
    served(live)
    files = [("dog.jpg", JPEG)]
    page = send(visitor, "/endpoints/staging/ask", files, fields={"explain": "yes"})
    assert f'src="data:image/png;base64,{HEAT}"' in page
    assert 'alt="Where dog.jpg looks like beagle: the brighter' in page
    assert "train/<b>.jpg beagle, 0.93" in words(page) and "<b>" not in page
    plain = send(visitor, "/endpoints/staging/ask", files=files)
    assert "looked" not in plain and "beagle 75.0%" in words(plain)


def test_an_endpoint_that_does_not_say_why_is_told(
    visitor: Visitor, deployed: Deploy, live: Service
) -> None:
    deployed()
    served(live)
    fields = {"explain": "yes"}
    page = words(send(visitor, "/endpoints/staging/ask", [("dog.jpg", JPEG)], fields=fields))
    assert "it answered without saying why: its model was made by an older version" in page


@pytest.mark.parametrize(
    ("files", "says"),
    [([], "Choose a picture first"), ([("a.jpg", JPEG)] * 33, "33 pictures are too many at once")],
)
def test_too_few_and_too_many_pictures_are_told(
    visitor: Visitor, deployed: Deploy, files: list[tuple[str, bytes]], says: str
) -> None:
    deployed()
    assert says in words(send(visitor, "/endpoints/staging/ask", files=files, status=400))


def test_a_picture_too_large_for_an_endpoint_is_refused_in_its_own_words(
    visitor: Visitor, deployed: Deploy, live: Service
) -> None:
    deployed()
    served(live)
    files = [("large.jpg", JPEG + bytes(6_291_457)), ("small.jpg", JPEG)]
    page = words(send(visitor, "/endpoints/staging/ask", files=files))
    assert "Refused (413)" in page and "beagle 75.0%" in page


def test_a_measurement_is_shown(
    visitor: Visitor, deployed: Deploy, live: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.console.asking.BENCH_SECONDS", 0.2)
    deployed()
    served(live)
    page = words(send(visitor, "/endpoints/staging/bench", files=[("a.jpg", JPEG)]))
    assert "Measured with 1 picture" in page
    page = words(send(visitor, "/endpoints/staging/bench"))
    assert "Measured with a grey picture" in page


def test_deleting_takes_a_form_and_a_live_service_hears_of_it(
    visitor: Visitor, deployed: Deploy, live: Service
) -> None:
    deployed()
    served(live)
    assert visitor.client.get("/endpoints/staging/delete").status_code == 405
    assert visitor.client.post("/endpoints/staging/delete").status_code == 403
    assert "staging" in words(visitor.get("/endpoints"))
    assert "There are no endpoints yet" in words(send(visitor, "/endpoints/staging/delete"))


@pytest.mark.parametrize("name", ["gone", "%3Cb%3E", "a%2Fb", "..%2f..", "x" * 300])
def test_an_endpoint_that_is_not_there_is_not_found(
    visitor: Visitor, deployed: Deploy, name: str
) -> None:
    deployed()
    answer = visitor.client.get(f"/endpoints/{name}")
    assert answer.status_code == 404 and "<b>" not in answer.text


def test_serving_goes_on_without_the_console_and_ends_when_asked(
    visitor: Visitor, deployed: Deploy, store: Store
) -> None:
    deployed()
    try:
        assert "It runs at http://127.0.0.1:" in words(send(visitor, "/service/start"))
        assert find_service(store.root)
        other = Visitor(store.root)
        assert "beagle" in words(send(other, "/endpoints/staging/ask", files=[("a.jpg", JPEG)]))
        assert "1 answered" in words(visitor.get("/endpoints/staging"))
    finally:
        page = words(send(visitor, "/service/stop"))
    assert "It does not run" in page
    assert find_service(store.root) is None


def test_a_service_that_ends_at_once_says_why(visitor: Visitor, store: Store) -> None:
    page = words(send(visitor, "/service/start", status=500))
    assert "the local service ended" in page and str(store.root) in page
