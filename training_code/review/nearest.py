"""Find the picture that each is most like, by features."""

import numpy as np
import numpy.typing as npt

from pictures.dataset import spread_rows

Values = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

_SCALED_BY = 4096  # pictures whose mean and spread all features are measured in
_BLOCK = 2048  # rows of a product: what is held is 16 MB


class Units:
    """Measures each feature in units of its spread over some pictures: then all count the same."""

    def __init__(self, values: Values) -> None:
        some = values[spread_rows(len(values), _SCALED_BY)]
        self._mean, self._scale = some.mean(axis=0), some.std(axis=0)
        self._scale[self._scale < 1e-6 * max(float(self._scale.max()), 1e-30)] = np.inf

    def nearest(self, queries: Values, others: Values, *, same: bool) -> tuple[Values, Rows]:
        """Return each query's largest cosine similarity to one of the others, and its row.

        `same`: both are the same pictures, each of which is left out of its own answer.
        """
        similarity = np.full(len(queries), -1, np.float32)
        nearest = np.zeros(len(queries), np.int64)
        for start in range(0, len(queries), _BLOCK):
            rows = slice(start, start + _BLOCK)
            units = self._units(queries[rows])
            for first in range(0, len(others), _BLOCK):
                found = units @ self._units(others[first : first + _BLOCK]).T
                if same:
                    _leave_out(found, start - first)
                best = found.argmax(axis=1)
                values = np.take_along_axis(found, best[:, None], axis=1)[:, 0]
                better = values > similarity[rows]
                similarity[rows] = np.where(better, values, similarity[rows])
                nearest[rows] = np.where(better, best + first, nearest[rows])
        return similarity, nearest

    def _units(self, values: Values) -> Values:
        """Return features in those units, each row of length 1."""
        scaled = (values - self._mean) / self._scale
        lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
        units: Values = scaled / np.maximum(lengths, 1e-12)
        return units


def _leave_out(similarities: Values, offset: int) -> None:
    """Set to the least what a block has of pictures compared with themselves."""
    rows = np.arange(len(similarities))
    columns = rows + offset
    inside = (columns >= 0) & (columns < similarities.shape[1])
    similarities[rows[inside], columns[inside]] = -1
