// Does with a WorkflowTemplate what Argo Workflows would, by Argo's own code as far as it can be had without
// Kubernetes: reads it strictly, holds it against Argo's rules, and, with parameters, carries its steps out.
// Parameters are put in, requests made and judged as Argo's agent does it; a step that failed is tried again
// after a second, as often as its retryStrategy says.
//
// Usage: check TEMPLATE.yaml [NAME=VALUE...]; API_KEY stands in for every secret. Prints the result of each step.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/util/expr/argoexpr"
	"github.com/argoproj/argo-workflows/v4/util/logging"
	"github.com/argoproj/argo-workflows/v4/util/template"
	"github.com/argoproj/argo-workflows/v4/workflow/common"
	"github.com/argoproj/argo-workflows/v4/workflow/validate"
)

func read(ctx context.Context, path string) (*wfv1.WorkflowTemplate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parsed := common.ParseObjects(ctx, text, true)
	if len(parsed) != 1 {
		return nil, fmt.Errorf("%s has %d objects, not one", path, len(parsed))
	}
	if parsed[0].Err != nil {
		return nil, parsed[0].Err
	}
	found, ok := parsed[0].Object.(*wfv1.WorkflowTemplate)
	if !ok {
		return nil, fmt.Errorf("%s is no WorkflowTemplate", path)
	}
	return found, validate.ValidateWorkflowTemplate(ctx, nil, nil, found, nil, validate.ValidateOpts{Lint: true})
}

// The parameters of the workflow: the template's own, but for those on the command line.
func parameters(spec wfv1.WorkflowSpec, given []string) common.Parameters {
	all := common.Parameters{"workflow.uid": fmt.Sprintf("check-%d", os.Getpid())}
	for _, p := range spec.Arguments.Parameters {
		if p.Value != nil {
			all["workflow.parameters."+p.Name] = p.Value.String()
		}
	}
	for _, pair := range given {
		name, value, _ := strings.Cut(pair, "=")
		all["workflow.parameters."+name] = value
	}
	return all
}

func send(t *wfv1.HTTP) (*http.Response, []byte, error) {
	seconds := int64(30)
	if t.TimeoutSeconds != nil {
		seconds = *t.TimeoutSeconds
	}
	request, err := http.NewRequest(t.Method, t.URL, bytes.NewBufferString(t.Body))
	if err != nil {
		return nil, nil, err
	}
	for _, h := range t.Headers {
		value := h.Value
		if h.ValueFrom != nil {
			value = os.Getenv("API_KEY")
		}
		request.Header.Add(h.Name, value)
	}
	client := &http.Client{Timeout: time.Duration(seconds) * time.Second, Transport: &http.Transport{}}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// A request that was answered, but not as it should be.
type failure struct{ message string }

func (f failure) Error() string { return f.message }

func attempt(t *wfv1.HTTP) (string, error) {
	response, body, err := send(t)
	if err != nil {
		return "", err
	}
	ok := response.StatusCode >= 200 && response.StatusCode < 300
	if t.SuccessCondition != "" {
		ok, err = argoexpr.EvalBool(t.SuccessCondition, map[string]any{
			"request": map[string]any{"method": t.Method, "url": t.URL, "body": t.Body, "headers": t.Headers.ToHeader()},
			"response": map[string]any{"statusCode": response.StatusCode, "body": string(body),
				"headers": response.Header},
		})
	}
	if err == nil && !ok {
		err = failure{fmt.Sprintf("%d %s", response.StatusCode, body)}
	}
	return string(body), err
}

func again(s *wfv1.RetryStrategy, err error) bool {
	var failed failure
	policy := s.RetryPolicyActual()
	return policy == wfv1.RetryPolicyAlways || (policy == wfv1.RetryPolicyOnFailure) == errors.As(err, &failed)
}

func attempts(t *wfv1.Template) (string, error) {
	for tried := 0; ; tried++ {
		result, err := attempt(t.HTTP)
		if s := t.RetryStrategy; err == nil || s == nil || tried >= s.Limit.IntValue() || !again(s, err) {
			return result, err
		}
		fmt.Printf("%s: again after %v\n", t.Name, err)
		time.Sleep(time.Second)
	}
}

func step(ctx context.Context, wt *wfv1.WorkflowTemplate, s wfv1.WorkflowStep, all common.Parameters) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	filled, err := template.Replace(ctx, string(text), all, false)
	if err != nil {
		return err
	}
	if err = json.Unmarshal([]byte(filled), &s); err != nil {
		return err
	}
	t, err := common.ProcessArgs(ctx, wt.GetTemplateByName(s.Template), &s.Arguments, all, nil, false, "", nil)
	if err != nil {
		return err
	}
	result, err := attempts(t)
	if err != nil {
		return fmt.Errorf("step %s: %w", s.Name, err)
	}
	fmt.Printf("%s: %s\n", s.Name, result)
	all["steps."+s.Name+".outputs.result"] = result
	return nil
}

func run(ctx context.Context, wt *wfv1.WorkflowTemplate, given []string) error {
	all := parameters(wt.Spec, given)
	entry := wt.GetTemplateByName(wt.Spec.Entrypoint)
	if entry == nil || len(entry.Steps) == 0 {
		return errors.New("the entrypoint has no steps")
	}
	for _, group := range entry.Steps {
		for _, s := range group.Steps {
			if err := step(ctx, wt, s, all); err != nil {
				return err
			}
		}
	}
	return nil
}

func main() {
	ctx := logging.WithLogger(context.Background(), logging.NewSlogLogger(logging.Error, logging.Text))
	wt, err := read(ctx, os.Args[1])
	if err == nil && len(os.Args) > 2 {
		err = run(ctx, wt, os.Args[2:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
