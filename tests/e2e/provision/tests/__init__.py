"""Tests of what needs no cluster to be shown."""
