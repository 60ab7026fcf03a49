"""`make demo`: one signed push, played against the doubles with the rendered manifests and the real steps."""
