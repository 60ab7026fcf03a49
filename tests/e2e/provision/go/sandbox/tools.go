//go:build tools

// Package tools pins the module that the cluster tests build agent-sandbox from.
package tools

import (
	_ "sigs.k8s.io/agent-sandbox/cmd/agent-sandbox-controller"
)
