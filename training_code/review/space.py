"""See features in one way: each in units of its spread, each picture's of length 1."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pictures.dataset import spread_rows

Values = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

_MEASURED = 4096  # pictures that mean and spread are of
_MOST_FEATURES = 2048  # of more, as many random mixtures are taken
_BLOCK = 4096


class Space:
    """Features (N, D) so seen, some rows at a time: all of them would take as much memory again."""

    def __init__(self, features: Values) -> None:
        some = features[spread_rows(len(features), _MEASURED)]
        self._features = features
        self._mean, self._scale = some.mean(axis=0), some.std(axis=0)
        self._scale[self._scale < 1e-6 * max(float(self._scale.max()), 1e-30)] = np.inf
        self._mix = None
        if features.shape[1] > _MOST_FEATURES:
            shape = (features.shape[1], _MOST_FEATURES)
            self._mix = np.random.default_rng(0).standard_normal(shape, np.float32)

    def __len__(self) -> int:
        return len(self._features)

    @property
    def width(self) -> int:
        """How many values a picture has."""
        return self._features.shape[1] if self._mix is None else _MOST_FEATURES

    def blocks(self) -> Iterator[tuple[slice, Values]]:
        """Yield all rows, with their values."""
        for start in range(0, len(self._features), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield rows, self.of(rows)

    def of(self, rows: slice | Rows) -> Values:
        """Return the values of some rows."""
        values: Values = self._features[rows] - self._mean
        values /= self._scale
        if self._mix is not None:
            values = values @ self._mix
        values /= np.maximum(np.sqrt(np.einsum("ij,ij->i", values, values)), 1e-12)[:, None]
        return values
