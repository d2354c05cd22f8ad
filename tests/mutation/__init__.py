"""Mutation testing of the pure core: each small change of its code must make a unit test fail."""
