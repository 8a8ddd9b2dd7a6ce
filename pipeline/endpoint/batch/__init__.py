"""Ask an endpoint about whole folders of pictures, into a CSV file that can be gone on with."""
