"""Measurements: what a step costs to start, what it calls, how long a cancellation takes. See `__main__`.

Guarantees: nothing here asserts a time, so that a slow machine fails nothing; a program that does not end as it should
ends the run, because what it took would mean nothing. Not guaranteed: that numbers of two runs can be compared; the
ratios within one run can.
"""
