"""Tests of `steps.domain`, one file for each module."""
