"""The bureau's papers: dated templates, what is filled in, the press, and the shelf that never changes a paper."""
