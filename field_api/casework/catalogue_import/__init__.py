"""The violation catalogue from a table: columns, rows into items, what is wrong line by line, and the taking in."""
