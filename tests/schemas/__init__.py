"""Published descriptions of the APIs that we meet, and strict validation against them, without a cluster."""
