"""Other sync servers on the same machine and the same work, installed at run time, none of them ours."""
