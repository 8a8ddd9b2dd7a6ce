"""Tell runs and versions apart: what they were made with, and what was measured of them."""
