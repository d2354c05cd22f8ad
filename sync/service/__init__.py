"""Push, pull, resolve: load, merge, save. Flushes, never commits."""
