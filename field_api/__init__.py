"""The Fieldpost application: the only package that knows Flask."""
