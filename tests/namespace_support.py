"""What this system lets a process have for itself: `unshare` is asked, not the product."""

import shutil
import subprocess

NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net")
# As root it may have mounts without a user namespace, as anybody else with one.
PRIVATE_MOUNTS = ("unshare", "--mount")
OTHER_USER = ("unshare", "--user", "--map-root-user", "--mount")


def may(command: tuple[str, ...]) -> bool:
    """Whether a program can be started so."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
