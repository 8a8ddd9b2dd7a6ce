"""Read the folders of a data set, the same way for a run, an upload and Prepare: plain Python."""
