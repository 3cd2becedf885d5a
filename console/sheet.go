package console

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// sheet writes CSV (RFC 4180) that is opened in a spreadsheet.
type sheet struct {
	csv  *csv.Writer
	zone *time.Location
	err  error // the first one
}

func newSheet(w io.Writer, zone *time.Location) *sheet {
	s := &sheet{csv: csv.NewWriter(w), zone: zone}
	s.csv.UseCRLF = true
	return s
}

// row writes a line. A cell that a spreadsheet would take for a formula is made a text: customers choose their names, and
// payers what they type (OWASP, CSV Injection).
func (s *sheet) row(cells ...string) {
	if s.err != nil {
		return
	}
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			cells[i] = "'" + cell
		}
	}
	s.err = s.csv.Write(cells)
}

// time is an instant in the provider's zone, RFC 3339.
func (s *sheet) time(t time.Time) string { return t.In(s.zone).Format(time.RFC3339) }

func (s *sheet) end() error {
	s.csv.Flush()
	if s.err == nil {
		s.err = s.csv.Error()
	}
	if s.err != nil {
		return fmt.Errorf("write the sheet: %w", s.err)
	}
	return nil
}

// factsLine writes facts into one cell, in the order of their names.
func factsLine(facts map[string]string) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		text = append(text, name+": "+facts[name])
	}
	return strings.Join(text, "; ")
}
