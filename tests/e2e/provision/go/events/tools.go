//go:build tools

// Package tools pins the module that the cluster tests build Argo Events from.
package tools

import _ "github.com/argoproj/argo-events/cmd"
