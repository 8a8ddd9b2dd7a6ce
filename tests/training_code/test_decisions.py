"""A file of decisions is read as people and their spreadsheets leave it, or refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions import (
    Decision,
    UnusableDecisions,
    as_cell,
    check_classes,
    from_cell,
    read_decisions,
)

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


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1.jpg", "'=1+1.jpg"),
        ("+dog", "'+dog"),
        ("-dog", "'-dog"),
        ("@dog", "'@dog"),
        ("\t=dog", "'\t=dog"),
        ("\uff1ddog", "'\uff1ddog"),
        ("'=dog", "''=dog"),
        ("dog=1.jpg", "dog=1.jpg"),
        ("'dog", "'dog"),
        ("-0.5", "-0.5"),
        ("-1e-05", "-1e-05"),
        ("-inf", "-inf"),
        ("", ""),
    ],
)
def test_what_a_spreadsheet_would_compute_is_text_in_a_cell(text: str, cell: str) -> None:
    assert as_cell(text) == cell
    assert from_cell(cell) == text


@given(st.text(st.sampled_from("'=+-@\uff1d \t1.e;\"\na"), max_size=8) | st.text(max_size=8))
def test_every_text_comes_back_from_its_cell(text: str) -> None:
    cell = as_cell(text)
    assert from_cell(cell) == text
    assert cell.lstrip()[:1] not in tuple("=+-@\uff1d\uff0b\uff0d\uff20") or is_number(cell)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_names_like_formulas_are_decided_about() -> None:
    content = table(f"relabel,'=beagle,'-1.jpg,{ONE}", f"relabel,=beagle,a.jpg,{OTHER}")
    one, other = read_decisions(content, "d.csv")
    assert (one.new_class, one.file, other.new_class) == ("=beagle", "-1.jpg", "=beagle")
