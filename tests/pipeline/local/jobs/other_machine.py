"""Become a process of another machine: its user, its own /opt/ml, what it forbids; then a command.

Run as a script: `other_machine.py USER OPT_ML FORBIDDEN COMMAND…`. The kernel is this machine's: a
user namespace that is allowed no further ones refuses them as a system does that forbids them.
"""

import os
import sys
from pathlib import Path

from pipeline.local.processes import own_opt_ml

_NEW_MOUNTS, _NEW_USER = 0x0002_0000, 0x1000_0000


def become(user: int, opt_ml: str, *, forbidden: bool) -> None:
    """Be `user` with a folder as the machine's /opt/ml; `forbidden`: no private mounts there."""
    us, group = os.geteuid(), os.getegid()
    own_opt_ml._call("unshare", _NEW_USER | _NEW_MOUNTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {us} 1")
    Path("/proc/self/gid_map").write_text(f"{user} {group} 1")
    own_opt_ml.enter(opt_ml)
    if forbidden:
        Path("/proc/sys/user/max_user_namespaces").write_text("0")


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2], forbidden=sys.argv[3] == "forbidden")
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - an ordinary user's powers end here
