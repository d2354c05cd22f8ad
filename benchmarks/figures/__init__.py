"""The figures of the speed table, one file each."""
