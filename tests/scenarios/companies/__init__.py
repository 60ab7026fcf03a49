"""Other companies' settings, webhooks and branch names."""
