// Answers filter and parameter cases with the real code of Argo Events, to record vectors.json.
//
// In a checkout of github.com/argoproj/argo-events at the version that tests/schemas/go/go.mod pins, put this file
// into cmd/vectors and feed it one case per line: go run ./cmd/vectors < cases > answers.
// A case is {"Kind": "encode" | "filter" | "params", "Data": ..., "Filter": ..., "Params": [...], "Object": ...}.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"github.com/argoproj/argo-events/pkg/apis/events/v1alpha1"
	"github.com/argoproj/argo-events/pkg/sensors/dependencies"
	"github.com/argoproj/argo-events/pkg/sensors/triggers"
)

type testCase struct {
	Kind   string
	Data   json.RawMessage
	Filter *v1alpha1.EventDependencyFilter
	Params []v1alpha1.TriggerParameter
	Object json.RawMessage
}

type answer struct {
	Result any
	Error  string
}

func main() {
	// The code under record prints to stdout when a parameter falls back to its default.
	out := json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var given testCase
		result := answer{}
		err := json.Unmarshal(lines.Bytes(), &given)
		if err == nil {
			result.Result, err = run(given)
		}
		if err != nil {
			result = answer{Error: err.Error()}
		}
		if err := out.Encode(result); err != nil {
			panic(err)
		}
	}
}

func run(given testCase) (any, error) {
	event := &v1alpha1.Event{
		Context: &v1alpha1.EventContext{DataContentType: v1alpha1.MediaTypeJSON, Type: "github"},
		Data:    given.Data,
	}
	switch given.Kind {
	case "filter":
		return dependencies.Filter(event, given.Filter, "")
	case "params":
		return decoded(triggers.ApplyParams(given.Object, given.Params, map[string]*v1alpha1.Event{"push": event}))
	default:
		value, err := decoded(given.Data, nil)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(value)
		return string(text), err
	}
}

func decoded(text []byte, err error) (value any, _ error) {
	if err != nil {
		return nil, err
	}
	return value, json.Unmarshal(text, &value)
}
