"""The register of parties: whom cases are about, found by number, merged where they are one, unmasked with a reason."""
