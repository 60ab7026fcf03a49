"""The platform's side of a test: CodeRuns, the controller that runs them as Jobs, and the nodes that run the pods."""
