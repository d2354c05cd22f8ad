"""A digital management centre to deliver to: counterpart of demo and tests."""
