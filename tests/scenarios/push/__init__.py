"""Which push counts: order, rewinds, lag, renamed repositories, several branches, the end of a branch."""
