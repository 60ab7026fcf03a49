"""`make captures`: what people see on their terminals, taken from a real cluster for docs/terminal.md."""
