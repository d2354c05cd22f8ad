"""Whole days of a bureau in one process, from a seed: the real server, the real client library, and every fault."""
