"""Stand-ins for what is outside, each with rules as hard as the original's; tests/contract shows that."""
