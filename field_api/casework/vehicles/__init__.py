"""Vehicles, their companies and permits: one file of each (一车一档)."""
