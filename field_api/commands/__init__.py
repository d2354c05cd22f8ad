"""The administrator's commands beyond identity and the database, one module per matter; `cli` holds those."""
