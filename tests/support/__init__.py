"""What tests share: the harness, scenarios, fault injection, factories."""
