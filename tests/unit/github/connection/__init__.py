"""The connection to GitHub: an own CA and a proxy, for GitHub alone, and the errors if it fails."""
