from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.page.class_order import neighbour_order


@st.composite
def confusions(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(0, 8))
    row = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    return draw(st.lists(row, min_size=count, max_size=count))


@given(confusions())
def test_every_class_comes_once_and_the_most_confused_pair_side_by_side(confusion):
    order = neighbour_order(confusion)
    assert sorted(order) == list(range(len(confusion)))
    counts = {(a, b): confusion[a][b] + confusion[b][a] for a in order for b in order if a < b}
    if counts and max(counts.values()):
        one, two = min(pair for pair in counts if counts[pair] == max(counts.values()))
        assert abs(order.index(one) - order.index(two)) == 1


def test_chains_of_confused_classes_come_first_and_the_rest_in_its_own_order():
    confusion = [[5, 0, 0, 0, 0, 0] for _ in range(6)]
    confusion[0][0] = 5
    for row in range(1, 6):
        confusion[row] = [0] * 6
        confusion[row][row] = 5
    confusion[5][1] = 3  # 5 and 1, and 1 and 4: a chain
    confusion[1][4] = 2
    confusion[2][3] = 1
    assert neighbour_order(confusion) == [5, 1, 4, 2, 3, 0]
