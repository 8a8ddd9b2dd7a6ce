"""Train the head and the last blocks, and write what a training leaves."""
