"""The parts of a scene: its world, what plays in it, and what looks at the result."""
