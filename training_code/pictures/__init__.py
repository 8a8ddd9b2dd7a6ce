"""Read pictures, split and store them, and make random views of them."""
