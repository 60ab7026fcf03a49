"""What is installed and used from a laptop: the manifests, and the command line."""
