"""Say what was done to a picture that its owner may not expect."""

from enum import Enum


class Note(Enum):
    """Something done while a picture was decoded; the value says it to people."""

    FIRST_PICTURE = "an animation, or several pages: the first picture is used"
    ON_WHITE = "transparent: shown on white"
    DECLARED_BITS = "fewer than 16 bits a colour, as the file declares: scaled to 8"
    GUESSED_BITS = "16 bits a colour, few of them used: brightened by the picture's own range"


Notes = tuple[Note, ...]
