// Judges objects as kstatus and as Flux do, for Luigi's own rules to be compared with.
//
// Reads one JSON list of cases from the standard input and writes one list of answers.
// Looks at nothing else.
package main

import (
	"context"
	"io"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	fluxcel "github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type expressions struct {
	Current    string `json:"current"`
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
}

type question struct {
	Object      map[string]any `json:"object"`
	Expressions *expressions   `json:"expressions"`
}

type answer struct {
	Status string `json:"status"`
	Error  string `json:"error"`
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	check(err)
	var questions []question
	// Whole numbers become int64, as clients of Kubernetes have them.
	check(json.Unmarshal(input, &questions))
	answers := make([]answer, 0, len(questions))
	for _, q := range questions {
		answers = append(answers, judge(q))
	}
	output, err := json.Marshal(answers)
	check(err)
	_, err = os.Stdout.Write(output)
	check(err)
}

func judge(q question) answer {
	object := &unstructured.Unstructured{Object: q.Object}
	if q.Expressions == nil {
		result, err := status.Compute(object)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Status: string(result.Status)}
	}
	evaluator, err := fluxcel.NewStatusEvaluator(&kustomize.HealthCheckExpressions{
		Current:    q.Expressions.Current,
		InProgress: q.Expressions.InProgress,
		Failed:     q.Expressions.Failed,
	})
	if err != nil {
		return answer{Status: "Unreadable", Error: err.Error()}
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Status: string(result.Status)}
}

func check(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}
