package config

import (
	"reflect"
	"strings"
	"text/tabwriter"
)

// setting is what the tags of one field say.
type setting struct {
	field    string
	variable string
	initial  string
	example  string
	help     string
	required bool
	secret   bool
}

// settings lists every setting in the order of Config.
func settings() []setting {
	var all []setting
	for field := range reflect.TypeFor[Config]().Fields() {
		tag, ok := field.Tag.Lookup("env")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		all = append(all, setting{
			field:    field.Name,
			variable: prefix + name,
			initial:  field.Tag.Get("envDefault"),
			example:  field.Tag.Get("example"),
			help:     field.Tag.Get("help"),
			required: option == "required",
			secret:   field.Type == reflect.TypeFor[Secret](),
		})
	}
	return all
}

// variableOf names the variable of a field of Config.
func variableOf(field string) string {
	for _, s := range settings() {
		if s.field == field {
			return s.variable
		}
	}
	return prefix + field
}

// Usage lists every setting with its default and its meaning, one a line, for a program's help.
func Usage() string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, s := range settings() {
		initial := s.initial
		switch {
		case s.required:
			initial = "(required)"
		case initial == "":
			initial = "(not set)"
		}
		help := s.help
		if s.secret {
			help += "; or the name of a file that holds it in " + s.variable + file
		}
		// A strings.Builder does not fail, and so neither does the table.
		_, _ = table.Write([]byte(s.variable + "\t" + initial + "\t" + help + "\n"))
	}
	_ = table.Flush()
	return out.String()
}
