"""Commands in comments on a pull request."""
