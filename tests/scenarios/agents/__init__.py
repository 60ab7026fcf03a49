"""Which runs a push stops and keeps, and how each kind ends: owners, Jobs, pods, namespaces."""
