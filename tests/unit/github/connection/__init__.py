"""The way to GitHub: an own CA and a proxy, for nothing but GitHub, and what is said when the way is barred."""
