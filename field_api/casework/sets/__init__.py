"""Look-up sets that terminals hold: watched plates, permits, past violations; signed, fetched by difference."""
