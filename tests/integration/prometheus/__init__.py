"""Alerts and dashboard, judged by Prometheus' own programs."""
