"""One pod that processes the pushes of other tasks."""
