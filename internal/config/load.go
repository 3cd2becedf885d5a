package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

const (
	prefix = "QSERVE_"
	file   = "_FILE"
)

// serviceLinks are the variables with which Kubernetes tells every container of the address of a service, here of one
// named qserve (Kubernetes documentation, "Service", environment variables).
var serviceLinks = regexp.MustCompile(`^QSERVE_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// Load reads settings from environ, such as env.ToMap(os.Environ()) makes it. The error has one line for each problem.
func Load(environ map[string]string) (Config, error) {
	l := loader{values: make(map[string]string), problems: make(map[string]string)}
	l.collect(environ)

	var c Config
	err := env.ParseWithOptions(&c, env.Options{Environment: l.values, Prefix: prefix, FuncMap: parsers})
	l.note(err)
	l.check(&c)
	if err := l.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// loader gathers values and the first problem of each variable.
type loader struct {
	values   map[string]string
	problems map[string]string
}

// collect takes the settings out of environ and reads those that are in files.
func (l *loader) collect(environ map[string]string) {
	known := make(map[string]Setting)
	for _, s := range Settings() {
		known[s.Variable] = s
	}
	for variable, value := range environ {
		if !strings.HasPrefix(variable, prefix) || value == "" || serviceLinks.MatchString(variable) {
			continue
		}
		if _, ok := known[variable]; ok {
			l.values[variable] = value
			continue
		}
		name := strings.TrimSuffix(variable, file)
		switch s, ok := known[name]; {
		case !ok:
			l.problem(variable, "is no setting of Qserve; is it misspelt?")
		case !s.Secret:
			l.problem(variable, "is no setting of Qserve: only secrets come from files; set "+name)
		case environ[name] != "":
			l.problem(variable, fmt.Sprintf("is set and so is %s; unset one of the two", name))
		default:
			content, err := os.ReadFile(value) //nolint:gosec // G304: the operator names the file
			if err != nil {
				l.problem(name, fmt.Sprintf("cannot be read from the file that %s names: %v", variable, errors.Unwrap(err)))
			} else if text := strings.TrimSpace(string(content)); text == "" {
				l.problem(name, fmt.Sprintf("is empty in the file that %s names", variable))
			} else {
				l.values[name] = text
			}
		}
	}
}

// note turns the errors of the parser into problems.
func (l *loader) note(err error) {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return
	}
	for _, one := range all.Errors {
		var missing env.VarIsNotSetError
		var unfit env.ParseError
		switch {
		case errors.As(one, &missing):
			l.problem(missing.Key, "is not set")
		case errors.As(one, &unfit):
			variable := variableOf(unfit.Name)
			l.problem(variable, fmt.Sprintf("is %q: %v", l.values[variable], unfit.Err))
		default:
			l.problem(prefix+"*", one.Error())
		}
	}
}

// problem keeps the first problem of a variable: what is found later follows from it.
func (l *loader) problem(variable, text string) {
	if _, ok := l.problems[variable]; !ok {
		l.problems[variable] = text
	}
}

// err returns the problems in the order of their variables' names.
func (l *loader) err() error {
	if len(l.problems) == 0 {
		return nil
	}
	examples := make(map[string]string)
	for _, s := range Settings() {
		examples[s.Variable] = s.Example
	}
	var lines []error
	for _, variable := range slices.Sorted(maps.Keys(l.problems)) {
		line := variable + " " + l.problems[variable]
		if example, ok := examples[variable]; ok {
			line += fmt.Sprintf(", e.g. %s=%s", variable, example)
		}
		lines = append(lines, errors.New(line))
	}
	return errors.Join(lines...)
}
