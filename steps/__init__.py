"""The code in the image: the steps of one cancellation, and reconcile.

The modules in this directory are the containers' commands. The packages form layers, which `make check` enforces
(docs/architecture.md).
"""
