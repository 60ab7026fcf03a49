"""Help: the pod of one push processes other tasks' pushes whose Workflows still wait for a pod.

Guarantees that a helped push is processed under its own task's Lease, in the same way as by its own pod, and that a
failure while helping never fails or delays the pod's own push. The reasons and the measurements are in
docs/decisions/0015-help.md.
"""

from steps.help.helper import Helper

__all__ = ["Helper"]
