"""Doubles that behave as the real servers do, and the tests of each tier (README.md)."""
