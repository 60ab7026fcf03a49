"""The model of Argo Events' filters and parameters against recorded vectors."""
