"""How two histories become one. Knows no case, no Flask: it learns its record types by registration."""
