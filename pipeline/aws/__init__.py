"""The pipeline on AWS: put there, started and watched, one responsibility a file."""
