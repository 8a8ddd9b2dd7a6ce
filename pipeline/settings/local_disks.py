"""Tell which machines keep their data on disks of their own, which take no key."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.settings.model import Settings

# A "d" behind the generation (m5d, g4dn, p4de), and families that always have such disks. AWS:
# "You can't request a VolumeKmsKeyId when using an instance type with local storage."
_OWN_DISKS = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|(g5|g6|gr6|p5|p6|trn1|trn2|i\d)[a-z]*)\.")


def has_local_disk(instance_type: str) -> bool:
    """Check whether a type's disks are its own: the machine encrypts them, by a key of its own."""
    return _OWN_DISKS.match(instance_type) is not None


def volume_key(settings: "Settings", instance_type: str) -> str | None:
    """Return the KMS key of the disks of a machine; None for AWS's own, or the machine's."""
    return None if has_local_disk(instance_type) else settings.encryption.key_of("volumes")
