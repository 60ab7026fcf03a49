"""What people read afterwards: record, log, preview, Events."""
