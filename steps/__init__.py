"""What runs in the image: the steps of one cancellation and the rules they follow."""
