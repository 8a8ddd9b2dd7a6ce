"""Compare the pictures that an endpoint is asked about with those that its model was made for."""
