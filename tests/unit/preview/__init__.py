"""What would happen, without a cluster."""
