"""Tests of mutation runs."""
