"""Order classes so that those mistaken for each other stand side by side."""

from collections.abc import Sequence

FEW_CLASSES = 30
"""Up to here plots show each class with its name and counts; above, the picture as a whole."""


def neighbour_order(confusion: Sequence[Sequence[int]]) -> list[int]:
    """Return every class's index once: chains of confused classes first, the longest first.

    Pairs are joined by falling count of mistakes, as Kruskal's algorithm joins edges, but only at
    the ends of chains. Classes without a mistake follow in their own order.
    """
    count = len(confusion)
    pairs = [
        (-(confusion[one][two] + confusion[two][one]), one, two)
        for one in range(count)
        for two in range(one + 1, count)
        if confusion[one][two] + confusion[two][one]
    ]
    chains = {index: [index] for index in range(count)}  # a class -> the chain it lies in
    for _, one, two in sorted(pairs):
        _join(chains, one, two)
    unique = {id(chain): chain for chain in chains.values()}.values()
    ordered = sorted(unique, key=lambda chain: (-len(chain), min(chain)))
    return [index for chain in ordered for index in chain]


def _join(chains: dict[int, list[int]], one: int, two: int) -> None:
    first, second = chains[one], chains[two]
    if first is second or one not in (first[0], first[-1]) or two not in (second[0], second[-1]):
        return
    if first[-1] != one:
        first.reverse()
    if second[0] != two:
        second.reverse()
    first.extend(second)
    for index in second:
        chains[index] = first
