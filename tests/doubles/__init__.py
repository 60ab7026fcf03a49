"""Doubles of the servers outside, each as strict as the original. README.md beside this says how that is tested."""
