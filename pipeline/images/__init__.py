"""Knows AWS's images: where they lie, what they hold, until when they are patched."""
