"""How we know: doubles with the rules of the real thing, and tests of each tier."""
