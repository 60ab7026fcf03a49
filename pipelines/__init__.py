"""The generator: manifests, settings, and the command line of a laptop."""
