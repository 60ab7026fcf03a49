"""What is measured in a real cluster: the whole chain, from the webhook to the free mutex, beside simpler ways."""
