package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"qserve/console"
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
	return sh.table(map[string]any{"items": items}, head, rows)
}

// page prints a part of a list like list, and how to get the next part.
func (sh *shell) page(page any, next, head string, rows [][]string) error {
	if err := sh.table(page, head, rows); err != nil || sh.json || next == "" {
		return err
	}
	_, err := fmt.Fprintf(sh.stdout, "There are more: --cursor %s\n", next)
	return err
}

func (sh *shell) table(value any, head string, rows [][]string) error {
	if sh.json {
		return sh.print(value, "")
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

// readFile reads a secret, or a certificate, that is given to a flag in a file; no file is no text.
func readFile(flag, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if line := strings.TrimRight(string(text), "\r\n"); line != "" {
		return line, nil
	}
	return "", &console.FieldError{Field: flag, Problem: "is empty"}
}

func amount(m console.Money) string { return m.Currency + " " + m.Amount }
