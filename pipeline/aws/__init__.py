"""Put the pipeline on AWS, start it and watch it, one responsibility a file."""
