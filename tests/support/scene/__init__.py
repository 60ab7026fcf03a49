"""The parts of a scene: its world, what runs in it, and what reads the result."""
