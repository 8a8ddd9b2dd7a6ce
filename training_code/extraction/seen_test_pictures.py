"""Say which test pictures training sees as well: the same file, or nearly the same picture."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from extraction.near_duplicates import find_copies
from job.errors import JobError
from job.log import log
from pictures.dataset import Split

FILE = "test_in_train.json"


@dataclass(frozen=True)
class Seen:
    """A test picture and the picture of train or valid that it is, or nearly is.

    `likeness` of their pixels: 1.0 where the files are the same.
    """

    file: str
    split: str
    like: str
    same_file: bool
    likeness: float


@dataclass(frozen=True)
class Compared:
    """How many test pictures were compared, and those that training sees as well."""

    test_pictures: int
    seen: tuple[Seen, ...]

    def words(self) -> str:
        """Say how many they are, with an example."""
        same = sum(one.same_file for one in self.seen)
        kinds = [f"{same:,} the very file"] if same else []
        if near := len(self.seen) - same:
            kinds.append(f"{near:,} nearly the same picture")
        first = self.seen[0]
        sign = "=" if first.same_file else "~"
        return (
            f"{len(self.seen):,} of {self.test_pictures:,} test pictures are in train or valid as"
            f" well ({', '.join(kinds)}), for example {first.file} {sign} {first.like}"
        )


def compare(test: Split, seen: Mapping[str, Split], info: Mapping[str, Any]) -> Compared:
    """Compare test pictures with those of the splits that training sees, by name.

    `info` is the data set's, which knows the files that are there twice.
    """
    names = list(seen)
    found = {}
    for copy in find_copies(test, list(seen.values())):
        file, name = test.files[copy.row], names[copy.part]
        found[file] = Seen(file, name, seen[name].files[copy.other], False, copy.likeness)
    found |= {one.file: one for one in _same(test, seen, info)}  # rather the very file
    ordered = sorted(found.values(), key=lambda one: (not one.same_file, one.file))
    return Compared(len(test.files), tuple(ordered))


def _same(test: Split, seen: Mapping[str, Split], info: Mapping[str, Any]) -> list[Seen]:
    """Return the test pictures whose very file is in another split, as Prepare found them."""
    tested = set(test.files)
    split_of = {file: name for name, split in seen.items() for file in split.files}
    found = []
    for group in info.get("duplicates", []):
        others = [file for file in group["files"] if file in split_of]
        here = [file for file in group["files"] if file in tested]
        if others:
            found += [Seen(file, split_of[others[0]], others[0], True, 1.0) for file in here]
    return found


def tell(compared: Compared, folder: Path, *, fail: bool) -> None:
    """Write what was found, and log it; raise JobError instead when such pictures end the run."""
    text = json.dumps(asdict(compared), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
    if not compared.seen:
        log(f"none of {compared.test_pictures:,} test pictures is in train or valid as well")
    elif fail:
        raise JobError(
            f"{compared.words()}: remove them from one side, or set data.test_in_train to warn"
        )
    else:
        log(f"warning: {compared.words()}: accuracies look better than they are")
