"""The split: deterministic, stratified, by content."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import JobError
from pictures.stratified_split import parse_fractions, shares_of, split_sizes, stratified_split

SHARES = {"train": 0.8, "valid": 0.1, "test": 0.1}
sizes = st.dictionaries(st.text("abc", min_size=1), st.integers(3, 40), min_size=2, max_size=5)


def contents_of(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(label, f"{label}-{number}") for label, n in counts.items() for number in range(n)]


@given(sizes, st.randoms(), st.integers(0, 10))
def test_the_order_of_files_changes_nothing(counts: dict[str, int], random, seed: int) -> None:
    contents = contents_of(counts) + [(label, "in every class") for label in counts]
    shuffled = random.sample(contents, len(contents))
    first = stratified_split(contents, SHARES, seed)
    assert stratified_split(shuffled, SHARES, seed) == first


@given(sizes, st.integers(1, 8), st.integers(1, 8), st.integers(1, 8))
def test_every_class_is_in_every_split_by_its_share(
    counts: dict[str, int], train: int, valid: int, test: int
) -> None:
    total = train + valid + test
    shares = {"train": train / total, "valid": valid / total, "test": test / total}
    assigned = stratified_split(contents_of(counts), shares, 0)
    for label, count in counts.items():
        got = Counter(assigned[content] for name, content in contents_of(counts) if name == label)
        assert min(got[split] for split in ("train", "valid", "test")) >= 1
        if count >= 20:
            assert abs(got["test"] - count * shares["test"]) <= 1
            assert abs(got["valid"] - count * shares["valid"]) <= 1


@given(sizes, st.integers(0, 5))
def test_copies_change_nothing(counts: dict[str, int], seed: int) -> None:
    contents = contents_of(counts)
    first = stratified_split(contents, SHARES, seed)
    assert stratified_split(contents + contents[:5], SHARES, seed) == first


def test_the_seed_changes_the_split() -> None:
    contents = contents_of({"a": 50, "b": 50})
    splits = [stratified_split(contents, SHARES, seed) for seed in (0, 1)]
    assert splits[0] != splits[1]


def test_a_content_in_two_classes_has_one_split() -> None:
    shared = [("a", f"both-{n}") for n in range(10)] + [("b", f"both-{n}") for n in range(10)]
    assigned = stratified_split(shared + contents_of({"a": 10, "b": 10}), SHARES, 0)
    assert len(assigned) == 30
    for label in "ab":
        names = [f"{kind}-{n}" for kind in (label, "both") for n in range(10)]
        assert Counter(assigned[name] for name in names) == split_sizes(20, SHARES)


@pytest.mark.parametrize(("full", "own"), [("test", "valid"), ("valid", "test")])
def test_a_split_that_another_class_has_filled_gets_no_more(full: str, own: str) -> None:
    large = contents_of({"a": 100})
    alone = stratified_split(large, SHARES, 0)
    shared = [("b", content) for content, split in alone.items() if split == full][:5]
    assigned = stratified_split([*large, *shared, *contents_of({"b": 5})], SHARES, 0)
    assert {content: assigned[content] for content in alone} == alone
    assert Counter(assigned[f"b-{n}"] for n in range(5)) == {own: 1, "train": 4}


@pytest.mark.parametrize(("full", "lacking"), [("train", "test"), ("test", "train")])
def test_a_class_that_copies_leave_no_split_is_named(full: str, lacking: str) -> None:
    large = contents_of({"a": 50})
    alone = stratified_split(large, SHARES, 0)
    shared = [("b", content) for content, split in alone.items() if split == full][:3]
    message = f"'b' shares pictures with other .* none for {lacking}; "
    with pytest.raises(JobError, match=message):
        stratified_split(large + shared, SHARES, 0)


@pytest.mark.parametrize("count", [1, 2])
def test_a_class_that_is_too_small_is_named(count: int) -> None:
    with pytest.raises(JobError, match=rf"'poodle' has {count} usable.*at least 3"):
        stratified_split(contents_of({"beagle": 9, "poodle": count}), SHARES, 0)


def test_copies_do_not_count() -> None:
    with pytest.raises(JobError, match="'b' has 1 usable, distinct picture;"):
        stratified_split([*contents_of({"a": 9}), *[("b", "same")] * 9], SHARES, 0)


def test_sizes_of_splits() -> None:
    assert split_sizes(60, SHARES) == {"train": 48, "valid": 6, "test": 6}
    assert split_sizes(24, SHARES) == {"train": 20, "valid": 2, "test": 2}
    assert split_sizes(25, SHARES) == {"train": 19, "valid": 3, "test": 3}  # halves go up
    assert split_sizes(3, SHARES) == {"train": 1, "valid": 1, "test": 1}
    assert split_sizes(3, {"train": 0.1, "valid": 0.1, "test": 0.8}) == {
        "train": 1,
        "valid": 1,
        "test": 1,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.8,0.1", "give train,valid,test"),
        ("0.8;0.1;0.1", "give train,valid,test"),
        ("0.8,0.1,0.2", r"sum to 1\.1; they must sum to 1"),
        ("0.333,0.333,0.333", r"sum to 0\.999; they must sum to 1"),
        ("nan,0.1,0.2", "must sum to 1"),
        ("0.9,0.1,0", "above 0"),
        ("1.1,0.1,-0.2", "above 0"),
    ],
)
def test_impossible_fractions_are_refused(text: str, message: str) -> None:
    with pytest.raises(JobError, match=message):
        parse_fractions(text)


def test_fractions_are_read() -> None:
    assert parse_fractions("0.7, 0.2, 0.1") == (0.7, 0.2, 0.1)


def test_splits_that_are_drawn_share_what_they_get_together() -> None:
    assert shares_of((0.8, 0.1, 0.1), ("train", "valid", "test")) == SHARES
    assert shares_of((0.6, 0.2, 0.2), ("train", "test")) == pytest.approx(
        {"train": 0.75, "test": 0.25}
    )
