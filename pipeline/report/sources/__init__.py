"""Read runs and their files from this machine or from AWS, in the same way."""
