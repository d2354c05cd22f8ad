"""A terminal to talk with: the reference client library with a store of its own."""
