"""Price a run of a definition, offline, from a list of prices."""
