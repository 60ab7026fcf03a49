"""Builds and runs a cluster on this machine, in namespaces of its own."""
