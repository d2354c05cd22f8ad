"""The two counterparts of the server. They share nothing with it but the words on the wire."""
