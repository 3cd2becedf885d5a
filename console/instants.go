package console

import (
	"strings"
	"time"
)

// ReadInstant reads an instant that a person typed into a field: a day, which is its beginning in zone, a day with a time of
// day there, or RFC 3339. Empty text is the zero time. Its error is a [*FieldError].
func ReadInstant(field, text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, bad(field, "must be a day such as 2026-12-12, or a day and a time such as 2026-12-12 18:00")
}
