"""The GitHub double against GitHub's published description."""
