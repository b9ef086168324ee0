// Renders templates by Go's text/template, as Ollama does: standard input is a JSON list of
// {"template", "messages": [{"role", "content"}]}, standard output the list of texts.
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"
)

type message struct{ Role, Content string }

type job struct {
	Template string
	Messages []message
}

func render(j job) string {
	var system []string
	for _, m := range j.Messages {
		if m.Role == "system" {
			system = append(system, m.Content)
		}
	}
	parsed, err := template.New("").Option("missingkey=zero").Parse(j.Template)
	if err != nil {
		return "ERROR " + err.Error()
	}
	var out strings.Builder
	values := map[string]any{"System": strings.Join(system, "\n\n"), "Messages": j.Messages}
	if err := parsed.Execute(&out, values); err != nil {
		return "ERROR " + err.Error()
	}
	return out.String()
}

func main() {
	var jobs []job
	if err := json.NewDecoder(os.Stdin).Decode(&jobs); err != nil {
		panic(err)
	}
	texts := []string{}
	for _, j := range jobs {
		texts = append(texts, render(j))
	}
	if err := json.NewEncoder(os.Stdout).Encode(texts); err != nil {
		panic(err)
	}
}
