package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"qserve/internal/config"
)

// shell is what surrounds one run of the program. A result is a sentence or a table for people, or JSON for programs.
type shell struct {
	environ        []string // NAME=value, as os.Environ has them
	stdout, stderr io.Writer
	json           bool
}

// settings reads the QSERVE_* variables.
func (sh *shell) settings() (config.Config, error) {
	environ := map[string]string{}
	for _, line := range sh.environ {
		name, value, _ := strings.Cut(line, "=")
		environ[name] = value
	}
	return config.Load(environ)
}

func (sh *shell) log(c config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(sh.stderr, options))
	}
	return slog.New(slog.NewTextHandler(sh.stderr, options))
}

func (sh *shell) print(value any, format string, args ...any) error {
	if sh.json {
		encoder := json.NewEncoder(sh.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	}
	_, err := fmt.Fprintf(sh.stdout, format+"\n", args...)
	return err
}

// list prints rows under a head, or as {"items": […]}.
func (sh *shell) list(items any, head string, rows [][]string) error {
	if sh.json {
		return sh.print(map[string]any{"items": items}, "")
	}
	table := tabwriter.NewWriter(sh.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, head)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(table, "\t")
			}
			fmt.Fprint(table, cell)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}
