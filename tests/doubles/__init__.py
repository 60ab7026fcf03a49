"""Stand-ins for what is outside, each with rules as hard as the original's. What shows that: README.md beside this."""
