"""Copy torchvision's default weights: python -m pipeline.assets.fetch_weights BACKBONE FILE.

Prints how far it is. Ends with 3 when torchvision is missing, 4 when it has no such weights, 5 when
offline.
"""

import shutil
import sys
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

_USUAL = 224  # pixels; models of a fixed size are built for it


def main(backbone: str, target: Path) -> int:
    """Copy the weights from torch's cache, or download them and check the hash in their name."""
    try:
        from torch import hub
        from torchvision.models import get_model_weights
    except ImportError as error:
        print(error, file=sys.stderr)
        return 3
    try:
        url = best_weights(get_model_weights(backbone)).url
    except (ValueError, AttributeError) as error:
        print(error, file=sys.stderr)
        return 4
    name = Path(urlparse(url).path).name
    cached = Path(hub.get_dir()) / "checkpoints" / name
    if cached.is_file():
        shutil.copyfile(cached, target)
        return 0
    try:
        print(f"downloading {url}", flush=True)
        with redirect_stderr(sys.stdout):  # of which torch makes a bar with the time left
            start = name.rpartition("-")[2][:8]
            hub.download_url_to_file(url, str(target), start, progress=sys.stdout.isatty())
    except (OSError, RuntimeError) as error:  # no network; or not the content its name promises
        print(error, file=sys.stderr)
        return 5
    return 0


def best_weights(known: Any) -> Any:
    """Return a model's best weights that suit it as it is built: vit_h_14's very best do not."""
    fitting = (one for one in known if min(one.meta["min_size"]) <= _USUAL)
    best = known.DEFAULT
    return best if min(best.meta["min_size"]) <= _USUAL else next(fitting, best)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
