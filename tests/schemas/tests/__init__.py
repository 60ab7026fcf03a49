"""The validators of rendered manifests."""
