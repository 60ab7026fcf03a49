"""Many actors on the doubles, one at a time, in an order that a seed decides."""
