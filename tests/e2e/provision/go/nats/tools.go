//go:build tools

// Package tools pins the module that the cluster tests build the event bus from.
package tools

import _ "github.com/nats-io/nats-server/v2"
