"""What runs in the image: the steps of one cancellation, and reconcile.

The modules beside this file are the containers' commands; each is one page. Everything else is in a package, in layers
that `make check` enforces (docs/architecture.md).
"""
