"""Tests that a double keeps the same contract as the real thing."""
