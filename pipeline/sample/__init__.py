"""Generate pictures to try the pipeline on."""
