"""Tests against real servers that run as processes."""
