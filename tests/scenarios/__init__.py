"""Whole pushes and whole reconcile passes on the doubles."""
