//go:build tools

// Package tools pins the module that the control-plane tests build etcd from.
package tools

import _ "go.etcd.io/etcd/server/v3"
