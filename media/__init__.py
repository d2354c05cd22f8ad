"""Photo evidence: pictures, blobs, uploads. Knows no case and no Flask."""
