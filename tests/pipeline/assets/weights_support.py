"""A weights file of a real backbone, made without torch."""

import json
import math

_FIRES = {3: (64, 16), 4: (128, 16), 6: (128, 32), 7: (256, 32)}
_FIRES |= {9: (256, 48), 10: (384, 48), 11: (384, 64), 12: (512, 64)}


def squeezenet_weights(prefix: str = "") -> bytes:
    """Return squeezenet1_1's tensors, all zeros, as a .safetensors file of 3 MB."""
    shapes: dict[str, tuple[int, ...]] = {"features.0": (64, 3, 3, 3)}
    for number, (inputs, squeezed) in _FIRES.items():
        fire, expanded = f"features.{number}", 4 * squeezed
        shapes[f"{fire}.squeeze"] = (squeezed, inputs, 1, 1)
        shapes[f"{fire}.expand1x1"] = (expanded, squeezed, 1, 1)
        shapes[f"{fire}.expand3x3"] = (expanded, squeezed, 3, 3)
    header: dict[str, object] = {}
    end = 0
    for layer, shape in shapes.items():
        for name, sides in (("weight", shape), ("bias", shape[:1])):
            start, end = end, end + 4 * math.prod(sides)
            told = {"dtype": "F32", "shape": sides, "data_offsets": [start, end]}
            header[f"{prefix}{layer}.{name}"] = told
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)
