"""Whole passes of reconcile: what they find, plan, limit and repair."""
