"""Reads pictures, splits and stores them, and makes random views of them."""
