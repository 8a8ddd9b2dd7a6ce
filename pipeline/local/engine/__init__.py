"""Run the steps of a definition in their order, and remember them."""
