"""The API server double against its rules, and against a real kube-apiserver."""
