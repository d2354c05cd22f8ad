"""Starts and keeps the processes of one installation; must not know what they do."""
