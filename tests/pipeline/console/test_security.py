"""A foreign page, program or user can neither look nor act; whoever started the console can."""

import pytest

from pipeline.console.security import CSRF_HEADER, POLICY
from pipeline.local.store import Store
from tests.pipeline.console.console_support import HOST, Visitor, add_run

OTHERS = [
    {"host": "console.example:8765"},  # a name of another's that leads to loopback (rebinding)
    {"host": "127.0.0.1:9999"},
    {"host": "127.0.0.1"},
    {"host": ""},
    {"origin": "https://example.com"},
    {"origin": "http://127.0.0.1:9999"},  # another server of this machine, which gets our cookie
    {"origin": "http://localhost:8765"},
    {"origin": "null"},
]


@pytest.mark.parametrize("headers", OTHERS, ids=str)
def test_another_host_or_origin_is_refused_with_the_cookie_and_the_word(
    visitor: Visitor, headers: dict[str, str]
) -> None:
    fields = {"csrf": visitor.csrf}
    assert visitor.client.get("/runs", headers=headers).status_code == 403
    assert visitor.client.post("/start", data=fields, headers=headers).status_code == 403


def test_localhost_is_a_name_of_the_console_as_well(visitor: Visitor) -> None:
    own = {"host": "localhost:8765", "origin": "http://localhost:8765"}
    assert visitor.client.get("/runs", headers=own).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_a_deed_comes_from_the_consoles_own_page(visitor: Visitor, site: str) -> None:
    answer = visitor.client.post(
        "/start", data={"csrf": visitor.csrf}, headers={"sec-fetch-site": site}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "address", ["/", "/runs", "/start", "/events", "/static/live.js", "/nothing"]
)
def test_nothing_is_answered_without_the_cookie(visitor: Visitor, address: str) -> None:
    answer = visitor.stranger().get(address)
    assert answer.status_code == 403
    assert "python -m pipeline.console" in answer.text


def test_the_token_works_once_and_the_next_one_is_said(visitor: Visitor) -> None:
    (second,) = visitor.said
    stranger = visitor.stranger()
    for wrong in ("x", "é", second[:-1]):
        assert stranger.get("/", params={"token": wrong}).status_code == 403
    assert stranger.get("/", params={"token": second}).status_code == 200
    assert stranger.get("/runs").status_code == 200
    assert visitor.stranger().get("/", params={"token": second}).status_code == 403
    assert len(visitor.said) == 2


def test_the_cookie_is_kept_from_scripts_and_other_sites(visitor: Visitor) -> None:
    answer = visitor.stranger().get("/", params={"token": visitor.keys.token})
    words = answer.headers["set-cookie"].split("; ")
    assert words[0].startswith("console-8765=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(words)


def test_the_cookie_of_another_console_opens_nothing(visitor: Visitor, store: Store) -> None:
    stranger = Visitor(store.root).stranger()
    stranger.cookies.update(visitor.client.cookies)
    assert stranger.get("/runs").status_code == 403


@pytest.mark.parametrize("word", ["", "x" * 64, "é"])
def test_a_form_without_the_word_changes_nothing(visitor: Visitor, word: str) -> None:
    answer = visitor.client.post("/start", data={"csrf": word, "data": "/pictures"})
    assert answer.status_code == 403
    assert "load the page again" in answer.text
    assert not (visitor.console.state / "started").exists()


def test_the_word_of_another_session_is_none_of_this_one(visitor: Visitor) -> None:
    word = visitor.csrf
    stranger = visitor.stranger()
    stranger.get("/", params={"token": visitor.keys.token})
    assert stranger.post("/start", data={"csrf": word}).status_code == 403


def test_a_call_of_fetch_carries_the_word_in_a_header(visitor: Visitor, store: Store) -> None:
    add_run(store, "abc")
    with_word = {CSRF_HEADER: visitor.csrf, "origin": HOST}
    assert visitor.client.post("/runs/abc/stop", headers=with_word).status_code == 400
    assert visitor.client.post("/runs/abc/stop").status_code == 403


def test_no_deed_is_done_by_following_a_link(visitor: Visitor, store: Store) -> None:
    add_run(store, "abc")
    deeds = [r.path for r in visitor.app.routes if "POST" in (getattr(r, "methods", None) or ())]
    assert "/runs/{run}/stop" in deeds
    before = sorted(store.root.rglob("*"))
    for address in deeds:
        visitor.client.get(address.replace("{run}", "abc"))
    assert sorted(store.root.rglob("*")) == before


@pytest.mark.parametrize("address", ["/runs", "/nothing", "/static/live.js"])
def test_every_answer_has_a_strict_policy(visitor: Visitor, address: str) -> None:
    headers = visitor.client.get(address).headers
    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_a_form_that_is_too_large_is_refused(visitor: Visitor) -> None:
    answer = visitor.post("/start", {"data": "x" * 300_000})
    assert answer.status_code == 413
