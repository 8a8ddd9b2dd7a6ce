"""Pages as people read them, and forms with pictures as browsers send them."""

import html
import re
from collections.abc import Mapping, Sequence

from tests.pipeline.console.console_support import Visitor


def send(
    visitor: Visitor,
    path: str,
    files: Sequence[tuple[str, bytes]] = (),
    status: int = 200,
    fields: Mapping[str, str] | None = None,
) -> str:
    """The page that a form leads to, with pictures or without."""
    given = [("pictures", file) for file in files]
    answer = visitor.client.post(
        path, data={"csrf": visitor.csrf, **(fields or {})}, files=given or None
    )
    if answer.status_code == 303:
        return visitor.get(answer.headers["location"], status)
    assert answer.status_code == status, answer.text[:2000]
    return answer.text


def words(page: str) -> str:
    """What a page's main part says, in one line."""
    main = page.partition("<main")[2].partition("</main>")[0]
    text = re.sub("<[^>]*>", " ", f"<main{main}".replace("<wbr>", ""))
    return " ".join(html.unescape(text).split())
