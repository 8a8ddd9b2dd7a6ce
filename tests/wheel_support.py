"""Wheels that tests make themselves."""

from pathlib import Path
from zipfile import ZipFile


def write_wheel(folder: Path, name: str) -> Path:
    """Write version 1.0 of a package with one empty module into `folder`; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel, about = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with ZipFile(wheel, "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return wheel
