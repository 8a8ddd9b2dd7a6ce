"""Show runs, models, endpoints and data in the browser, and act on them."""
