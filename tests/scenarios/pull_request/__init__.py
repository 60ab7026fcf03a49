"""Labels, head and forks of the pull request, also later than the push."""
