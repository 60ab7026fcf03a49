"""`make captures`: records terminals in a real cluster for docs/terminal.md."""
