//go:build tools

// Package tools pins the module that the cluster tests build Tekton Pipelines from.
package tools

import (
	_ "github.com/tektoncd/pipeline/cmd/controller"
	_ "github.com/tektoncd/pipeline/cmd/entrypoint"
	_ "github.com/tektoncd/pipeline/cmd/webhook"
)
