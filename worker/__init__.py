"""What leaves the building: jobs, the relay, the server's only outbound HTTP."""
