"""Thin SQL under the engine: load, lock, save, read since. Flushes, never commits."""
