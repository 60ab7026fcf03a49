"""Crashes at any call, and servers that refuse, stall or answer in another's place."""
