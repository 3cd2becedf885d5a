package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// output prints one result: a sentence or a table for people, JSON for programs.
type output struct {
	json bool
	to   io.Writer
}

func (o *output) print(value any, format string, args ...any) error {
	if o.json {
		encoder := json.NewEncoder(o.to)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(value)
	}
	_, err := fmt.Fprintf(o.to, format+"\n", args...)
	return err
}

// list prints rows under a head, or as {"items": […]}.
func (o *output) list(items any, head string, rows [][]string) error {
	if o.json {
		return o.print(map[string]any{"items": items}, "")
	}
	table := tabwriter.NewWriter(o.to, 0, 8, 2, ' ', 0)
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
