"""A model of Argo Events: what its GitHub EventSource publishes and what a Sensor makes of it."""
