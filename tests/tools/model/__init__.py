"""A model of bursts of pushes beyond what one machine can show: a discrete-event simulation.

Guarantees that equal parameters and an equal seed give equal numbers, and that nothing sleeps or reads a clock. Each
parameter names its source. Not guaranteed: that a real cluster behaves so. `measured.toml` has the measured points that
the model is compared with, and docs/scale.md says how far it is off.
"""
