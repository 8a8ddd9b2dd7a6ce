"""Search several settings in one training job of a tuning: a part of all that are searched."""
