"""Starts and keeps the processes of one installation."""
