"""Give a process, and all that it starts, a folder of its own as /opt/ml, by a private mount.

Run as a script it only tries: `own_opt_ml.py FOLDER PATH…` ends with what it cannot do, or with the
PATH that is not to be seen any more. Plain Python, because it runs in processes of jobs; without
pathlib, which takes longer to load than the rest.
"""

import ctypes
import os
import sys

OPT_ML = "/opt/ml"
_OPT = "/opt"
_NEW_MOUNTS, _NEW_USER = 0x0002_0000, 0x1000_0000  # CLONE_NEWNS, CLONE_NEWUSER
_BIND, _WHOLE_TREE, _PRIVATE = 0x1000, 0x4000, 0x4_0000  # MS_BIND, MS_REC, MS_PRIVATE
_CAPABILITIES_VERSION = 0x2008_0522


def enter(folder: str) -> None:
    """Make /opt/ml mean `folder` here. The process must have one thread. Raises OSError.

    An ordinary user becomes the owner of a user namespace for it, with nothing else changed: the
    same user, the same groups, no capability.
    """
    is_root = _unshare_mounts()
    _mount(None, "/", _WHOLE_TREE | _PRIVATE)
    if not os.path.isdir(OPT_ML):
        _make_room()
    _mount(folder, OPT_ML, _BIND | _WHOLE_TREE)
    if not is_root:
        _drop_capabilities()


def _unshare_mounts() -> bool:
    """Leave the mounts that others see; True when nothing of the user's rights has changed."""
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", _NEW_MOUNTS)
        return True
    except PermissionError:
        _call("unshare", _NEW_USER | _NEW_MOUNTS)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    return user == 0


def _make_room() -> None:
    """Put a folder in memory over /opt that shows all of it, and an empty `ml`."""
    below = os.open(_OPT, os.O_PATH | os.O_DIRECTORY)
    try:
        names = [name for name in os.listdir(_OPT) if name != "ml"]
        _mount("tmpfs", _OPT, 0, "tmpfs", "mode=755")
        for name in names:
            _show(f"/proc/self/fd/{below}/{name}", f"{_OPT}/{name}")
        os.mkdir(OPT_ML)
    finally:
        os.close(below)


def _show(source: str, place: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), place)
        return
    if os.path.isdir(source):
        os.mkdir(place)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
    _mount(source, place, _BIND | _WHOLE_TREE)


def _mount(source: str | None, target: str, flags: int, kind: str = "", data: str = "") -> None:
    words = [None if not word else os.fsencode(word) for word in (source, target, kind)]
    _call("mount", *words, ctypes.c_ulong(flags), data.encode() or None, at=target)


def _drop_capabilities() -> None:
    """Give up the power over the user's own files that a user namespace's owner has."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def _call(name: str, *arguments: object, at: str | None = None) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}", at)


def _main(folder: str, paths: list[str]) -> str | None:
    try:
        enter(folder)
    except OSError as error:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    hidden = [path for path in paths if not os.path.exists(path)]
    return f"{hidden[0]} would not be seen any more" if hidden else None


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2:]))
