"""A file of decisions is read as people and their spreadsheets leave it, or refused in words."""

import pytest

from decisions import Decision, UnusableDecisions, check_classes, read_decisions

ONE, OTHER = "1a" * 32, "2b" * 32
HEAD = "decision,new_class,file,content"


def table(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join([head, *rows, ""]).encode()


ROWS = (f"relabel,beagle,a/1.jpg,{ONE}", f"keep,,a/2.jpg,{OTHER}")
READ = (
    Decision(ONE, "relabel", "beagle", "a/1.jpg", 2),
    Decision(OTHER, "keep", "", "a/2.jpg", 3),
)


@pytest.mark.parametrize(
    "saved",
    [
        table(*ROWS),
        b"\xef\xbb\xbf" + table(*ROWS),
        table(*ROWS).replace(b"\n", b"\r\n"),
        table(*ROWS).replace(b",", b";"),
        table(*ROWS).replace(b",", b"\t"),
        table(*(row.replace("1a", "1A") for row in ROWS), head=HEAD.upper()),
        table(ROWS[0], ROWS[1].replace("keep", "KEEP")),
        table(*ROWS, ",,,", "", f",,a/3.jpg,{'3c' * 32}"),
        table(*(f"{row}," for row in ROWS), head=f"{HEAD},"),
        table(f" relabel , beagle ,a/1.jpg,{ONE}", f'"keep",beagle,a/2.jpg,"{OTHER}"', ROWS[1]),
    ],
)  # fmt: skip
def test_whatever_saved_it_the_same_is_read(saved: bytes) -> None:
    assert read_decisions(saved, "d.csv") == READ


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        (b"", "d.csv is empty"),
        ("é".encode("utf-16"), "not UTF-8 text: save it as CSV UTF-8"),
        (table(head="decision,file"), "no column new_class, content in its first line"),
        (table(head=f"{HEAD},file"), "the column file is there twice"),
        (table(f"relable,beagle,,{ONE}"), "'relable' is no decision; did you mean relabel"),
        (table(f"relabel,,,{ONE}"), "d.csv:2: relabel needs a class in new_class"),
        (table("keep,,,1.2E+63"), "d.csv:2: '1.2E\\+63' is not the content of a picture"),
        (table(f"keep,,x,{ONE}", f"remove,,x,{ONE}"), "csv:3: x: 'remove', but line 2 says 'keep'"),
        (table(f"relabel,a,x,{ONE}", f"relabel,b,x,{ONE}"), "'relabel b', but line 2"),
        (table(f"keep,,a,b,{ONE}"), "d.csv:2: 5 cells under 4 columns"),
        (table(f'"keep"x,,,{ONE}'), "d.csv:2: is no CSV"),
    ],
)  # fmt: skip
def test_what_may_not_be_meant_is_refused_with_its_line(saved: bytes, words: str) -> None:
    with pytest.raises(UnusableDecisions, match=words):
        read_decisions(saved, "d.csv")


def test_a_class_that_is_not_there_is_refused_with_the_nearest() -> None:
    decisions = read_decisions(table(f"relabel,Beagel,,{ONE}"), "d.csv")
    check_classes(decisions, ["Beagel"], "d.csv")
    with pytest.raises(UnusableDecisions, match=r"no class 'Beagel'; did you mean beagle"):
        check_classes(decisions, ["pug", "beagle"], "d.csv")
