"""The generator of the manifests, and the command line `agent-cancellation`."""
