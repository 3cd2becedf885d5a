package config

import (
	"reflect"
	"strings"
	"text/tabwriter"
)

// Setting is what the tags of one field of Config say.
type Setting struct {
	field    string
	Variable string `json:"variable"`
	Default  string `json:"default,omitempty"`
	Example  string `json:"example"`
	Help     string `json:"help"`
	Required bool   `json:"required"`
	// Secret may also come from the file that the variable with _FILE names.
	Secret bool `json:"secret"`
}

// Settings lists every setting in the order of Config.
func Settings() []Setting {
	var all []Setting
	for field := range reflect.TypeFor[Config]().Fields() {
		tag, ok := field.Tag.Lookup("env")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		all = append(all, Setting{
			field:    field.Name,
			Variable: prefix + name,
			Default:  field.Tag.Get("envDefault"),
			Example:  field.Tag.Get("example"),
			Help:     field.Tag.Get("help"),
			Required: option == "required",
			Secret:   field.Type == reflect.TypeFor[Secret](),
		})
	}
	return all
}

// variableOf names the variable of a field of Config.
func variableOf(field string) string {
	for _, s := range Settings() {
		if s.field == field {
			return s.Variable
		}
	}
	return prefix + field
}

// Usage lists every setting with its default and its meaning, one a line, for a program's help.
func Usage() string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, s := range Settings() {
		initial := s.Default
		switch {
		case s.Required:
			initial = "(required)"
		case initial == "":
			initial = "(not set)"
		}
		help := s.Help
		if s.Secret {
			help += "; or the name of a file that holds it in " + s.Variable + file
		}
		// A strings.Builder does not fail, and so neither does the table.
		_, _ = table.Write([]byte(s.Variable + "\t" + initial + "\t" + help + "\n"))
	}
	_ = table.Flush()
	return out.String()
}
