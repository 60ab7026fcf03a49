// Published descriptions that the tests check rendered manifests against. Nothing is built from these modules.
module schemas

go 1.24

require (
	github.com/argoproj/argo-events v1.9.10
	github.com/argoproj/argo-workflows/v4 v4.1.4
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
