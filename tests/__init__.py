"""How we know: doubles that behave as the real servers do, and tests of each tier (README.md)."""
