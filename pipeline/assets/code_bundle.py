"""Bundle a job's code: as few files as it needs, addressed by a hash of their content.

A bundle holds the script that the job starts, every module of training_code/ and inference_code/
that it imports (directly or not), and the requirements. Nothing else changes its address, so a
step whose code did not change keeps its cache.
"""

import ast
import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Literal

from pipeline.errors import UsageError
from pipeline.job_scripts import processing
from pipeline.settings.model import Settings
from pipeline.syntax_trees import parse

SCRIPT_FOLDERS = ("training_code", "inference_code")
RUNNER, TRAIN = processing.RUNNER, processing.TRAIN
TRIALS = "trials"  # train.py too; a trial is not watched by the debugger
REQUIREMENTS, FOR_DEBUGGER = "requirements.txt", "requirements-debugger.txt"
_RULE_SCRIPT = "check_tensors.py"  # evaluates the debugger rules that the gate asks about
_APART, _BOTH = ("prepare.py", "features.py"), "prepare_features.py"
NO_CHAMPION = "no-champion"
_NO_CHAMPION_NOTE = b"Evaluate finds this where the approved model would be.\n"
# What of inference_code/ the serving image holds, and no model artifact.
IMAGE_ONLY = ("Dockerfile", "server")
_SKIPPED = {"__pycache__", ".DS_Store"}
EVALUATE, MONITOR = "evaluate.py", "monitor.py"
_ADDRESS = re.compile(
    r"s3://[^/]+/code/([\w-]+)-[0-9a-f]{16}/(files|sourcedir\.tar\.gz)"
)  # of a bundle


class BundleError(UsageError):
    """The code of a job cannot be put together."""


@dataclass(frozen=True)
class CodeBundle:
    """The files of one job, by name, and where they belong on S3.

    `kind` is `files` for processing jobs (one object a file) and `archive` for training jobs
    (one sourcedir.tar.gz).
    """

    entry: str
    kind: Literal["files", "archive"]
    files: Mapping[str, bytes]
    bucket: str

    @property
    def digest(self) -> str:
        """The first 16 hex digits of a sha256 over names and contents."""
        return content_digest(self.files)

    @property
    def uri(self) -> str:
        """The S3 address that the definition refers to."""
        name = "files" if self.kind == "files" else "sourcedir.tar.gz"
        return f"s3://{self.bucket}/code/{Path(self.entry).stem}-{self.digest}/{name}"

    def objects(self) -> Iterator[tuple[str, bytes]]:
        """Yield (S3 address, content) of each object to upload."""
        if self.kind == "archive":
            yield self.uri, archive(self.files)
        else:
            for name in sorted(self.files):
                yield f"{self.uri}/{name}", self.files[name]


class Bundles(dict[str, CodeBundle]):
    """The code of every job, by the name of its script. Raises BundleError for another name."""

    def __missing__(self, name: str) -> CodeBundle:
        what = f"no script {name} in training_code/: a step needs it"
        known = ", ".join(script for script in self if script.endswith(".py"))
        raise BundleError(f"{what} (a script ends with `if __name__ == ...`; there are {known})")


def bundles_of(settings: Settings, root: Path) -> Bundles:
    """Bundle the code of each step's script, and of TRIALS, by name. Raises BundleError.

    MONITOR is no step: it looks at what was deployed. `root` is the repository. Where models are
    compared with the approved one there is also a folder that stands for "no champion": a job's
    input must hold something.
    """
    watched, bucket = settings.debugger.mode != "off", settings.bucket
    together = settings.features.with_prepare
    asked = {
        MONITOR: False,
        _RULE_SCRIPT: bool(settings.gate.no_issues_from),
        _BOTH: together,
        **dict.fromkeys(_APART, not together),
    }
    bundles = Bundles()
    for name in processing.processing_scripts(root / "training_code"):
        rules = name == _RULE_SCRIPT
        if asked.get(name, True):
            bundles[name] = processing_bundle(root, name, bucket, debugger=rules)
    bundles[EVALUATE] = _where_it_serves(settings, root, EVALUATE)
    bundles[TRAIN] = training_bundle(root, TRAIN, bucket, debugger=watched)
    bundles[TRIALS] = training_bundle(root, TRAIN, bucket)
    if settings.gate.champion_tolerance is not None:
        bundles[NO_CHAMPION] = _no_champion(bucket)
    return bundles


def monitoring_bundles_of(settings: Settings, root: Path) -> Bundles:
    """Bundle the code of the monitoring pipeline, likewise; nothing where it is off."""
    if not settings.monitor.enabled:
        return Bundles()
    code = _where_it_serves(settings, root, MONITOR)
    return Bundles({MONITOR: code, NO_CHAMPION: _no_champion(settings.bucket)})


def _no_champion(bucket: str) -> CodeBundle:
    return CodeBundle(NO_CHAMPION, "files", {"no-champion.txt": _NO_CHAMPION_NOTE}, bucket)


def _where_it_serves(settings: Settings, root: Path, entry: str) -> CodeBundle:
    installs = settings.serving.image is not None
    return serving_bundle(root, entry, settings.bucket, installs=installs)


def content_digest(files: Mapping[str, bytes]) -> str:
    """Return the first 16 hex digits of a sha256 over names and contents."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()[:16]


def entry_of(uri: str) -> str | None:
    """Return the script that the bundle of that address starts; None for any other address."""
    match = _ADDRESS.fullmatch(uri)
    return f"{match[1]}.py" if match else None


def stage(bundle: CodeBundle, put: Callable[[str, bytes], None]) -> None:
    """Hand every object of a bundle to `put(s3 address, content)`."""
    for uri, content in bundle.objects():
        put(uri, content)


def processing_bundle(root: Path, entry: str, bucket: str, *, debugger: bool = False) -> CodeBundle:
    """Bundle a script, the runner that starts it, and what they import. Raises BundleError.

    `debugger`: the job may install what the debugger needs.
    """
    files = _closure(root, (entry, RUNNER)) | _requirements(root, debugger)
    return CodeBundle(entry, "files", dict(sorted(files.items())), bucket)


def serving_bundle(root: Path, entry: str, bucket: str, *, installs: bool) -> CodeBundle:
    """Bundle a script with what it imports, and nothing to install: our serving image has all.

    `installs`: another image serves, which installs inference_code/requirements.txt as it starts;
    so does the job, by the runner. Raises BundleError.
    """
    files = _closure(root, (entry, RUNNER) if installs else (entry,))
    if installs:
        files[REQUIREMENTS] = (root / "inference_code" / REQUIREMENTS).read_bytes()
    return CodeBundle(entry, "files", dict(sorted(files.items())), bucket)


def training_bundle(root: Path, entry: str, bucket: str, *, debugger: bool = False) -> CodeBundle:
    """Bundle a training script, what it imports, and the inference code that the model carries.

    `debugger`: the job may install what the debugger needs. Raises BundleError.
    """
    files = _closure(root, (entry,)) | _serving_code(root)
    files |= _requirements(root, debugger)
    return CodeBundle(entry, "archive", dict(sorted(files.items())), bucket)


def archive(files: Mapping[str, bytes]) -> bytes:
    """Pack files into a tar.gz, the same bytes for the same files: no times, owners or modes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = len(files[name])
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(files[name]))
    return gzip.compress(plain.getvalue(), mtime=0)


def _closure(root: Path, entries: tuple[str, ...]) -> dict[str, bytes]:
    """Collect the entries and all modules they import, through any number of others.

    Modules keep their packages' folders; a package is its __init__.py, if it has one.
    """
    modules = _modules(root)
    files: dict[str, bytes] = {}
    waiting = [Path(entry).stem for entry in entries]
    while waiting:
        name = waiting.pop()
        if name not in modules:
            folders = " or ".join(SCRIPT_FOLDERS)
            raise BundleError(f"no {name}.py in {folders} of {root}: a step needs it")
        folder, path = modules[name]
        inside = path.relative_to(folder).as_posix()
        if inside not in files:
            files[inside] = path.read_bytes()
            imported = _imported(path, files[inside], PurePosixPath(inside).parent.parts)
            waiting.extend(module for module in imported if module in modules)
    return files


def _modules(root: Path) -> dict[str, tuple[Path, Path]]:
    """(Script folder, file) of each module, by its dotted name, which must be unique."""
    modules: dict[str, tuple[Path, Path]] = {}
    for folder in (root / name for name in SCRIPT_FOLDERS):
        for path in sorted(folder.rglob("*.py")):
            name = ".".join(path.relative_to(folder).with_suffix("").parts)
            name = name.removesuffix(".__init__")
            if name in modules:
                raise BundleError(f"{path} and {modules[name][1]}: one must have another name")
            modules[name] = folder, path
    return modules


@cache
def _imported(path: Path, source: bytes, package: tuple[str, ...]) -> tuple[str, ...]:
    """Name what a file of this package may import, wherever it does, and the packages around."""
    try:
        tree = parse(source)
    except SyntaxError as error:
        raise BundleError(f"{path}:{error.lineno}: {error.msg}") from None
    return tuple(name for node in ast.walk(tree) for name in _names_in(node, package))


def _names_in(node: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_packages(alias.name.split("."))
    elif isinstance(node, ast.ImportFrom):
        start = package[: len(package) - node.level + 1] if node.level else ()
        parts = [*start, *(node.module.split(".") if node.module else ())]
        for alias in node.names:  # a name or a module
            yield from _with_packages([*parts, alias.name])


def _with_packages(parts: Sequence[str]) -> Iterator[str]:
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _requirements(root: Path, debugger: bool) -> dict[str, bytes]:
    names = (REQUIREMENTS, FOR_DEBUGGER) if debugger else (REQUIREMENTS,)
    paths = [root / "training_code" / name for name in names]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def _serving_code(root: Path) -> dict[str, bytes]:
    carried = {}
    for name, content in files_below(root, "inference_code"):
        if PurePosixPath(name).parts[1] not in IMAGE_ONLY:
            carried[name] = content
    return carried


def files_below(root: Path, part: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name relative to `root`, content) of the file `part`, or of all below that folder."""
    start = root / part
    for path in [start] if start.is_file() else sorted(start.rglob("*")):
        if path.is_file() and not _SKIPPED & set(path.relative_to(root).parts):
            yield path.relative_to(root).as_posix(), path.read_bytes()
