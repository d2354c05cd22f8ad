"""Look-up sets that terminals hold: watched plates, permits, past violations; compact, signed, fetched by difference."""
