package console

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"qserve/db"
)

// AuditQuery says which lines of the audit log are wanted.
type AuditQuery struct {
	Kinds  []string // empty: all
	Actor  string   // exactly; empty: everybody
	Cursor string
	Limit  int // 1 to 200; 0: 50
}

// AuditView is a line of the audit log: something that was done to an account or to a setting.
type AuditView struct {
	ID      string            `json:"id" example:"account-1017" doc:"Unique in the log."`
	At      time.Time         `json:"at"`
	Kind    string            `json:"kind" example:"suspend"`
	Actor   string            `json:"actor" example:"token call-centre"`
	Source  string            `json:"source,omitempty" example:"10.0.0.7" doc:"Address that the request came from."`
	Object  string            `json:"object" example:"ACC-0042" doc:"Account number, or what kind of setting and its name."`
	Summary string            `json:"summary" example:"Suspended: equipment"`
	Before  map[string]string `json:"before,omitempty" doc:"Facts as they were, by name; only those that changed."`
	After   map[string]string `json:"after,omitempty" doc:"The same facts as they are since."`
}

const listAudit = "audit"

// theEnd is later than everything that is logged.
var theEnd = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// place is where in the log a page begins: before an instant, and at that instant before a list and an id.
type place struct {
	at   time.Time
	list int32
	id   int64
}

func (p place) cursor() cursor {
	return cursor{listAudit, strconv.Itoa(int(p.list)) + " " + p.at.UTC().Format(time.RFC3339Nano), p.id}
}

func readPlace(text string) (place, error) {
	c, err := readCursor(text, listAudit)
	if err != nil || c.Key == "" {
		return place{at: theEnd}, err
	}
	p := place{id: c.ID}
	var at string
	if _, err := fmt.Sscanf(c.Key, "%d %s", &p.list, &at); err == nil {
		if p.at, err = time.Parse(time.RFC3339Nano, at); err == nil {
			return p, nil
		}
	}
	return p, bad("cursor", "is not a cursor of the audit log")
}

// Audit returns what was done to all accounts and settings, newest first. Its errors are [*FieldError] where the input is
// wrong.
func (s *Service) Audit(ctx context.Context, a AuditQuery) (Page[AuditView], error) {
	most, err := pageSize(a.Limit)
	if err != nil {
		return Page[AuditView]{}, err
	}
	from, err := readPlace(a.Cursor)
	if err != nil {
		return Page[AuditView]{}, err
	}
	page, _, err := s.auditPage(ctx, a, from, most)
	return page, err
}

// auditPage reads the part of the log before a place, and returns the place of the last line that it read.
func (s *Service) auditPage(ctx context.Context, a AuditQuery, from place, most int) (Page[AuditView], place, error) {
	rows, err := db.New(plannedAnew{s.Pool}).AuditPage(ctx, db.AuditPageParams{
		BeforeAt: from.at, BeforeList: from.list, BeforeID: from.id, Kinds: all(a.Kinds), Actor: a.Actor, Most: asked(most),
	})
	if err != nil {
		return Page[AuditView]{}, from, fmt.Errorf("read the audit log: %w", err)
	}
	at := func(row db.AuditPageRow) place { return place{row.At, row.List, row.ID} }
	page := pageOf(rows, most, viewAudit, func(row db.AuditPageRow) cursor { return at(row).cursor() })
	if n := len(page.Items); n > 0 {
		from = at(rows[n-1])
	}
	return page, from, nil
}

func viewAudit(row db.AuditPageRow) AuditView {
	list := "account-"
	if row.List > 1 {
		list = "setting-"
	}
	return AuditView{
		ID: list + strconv.FormatInt(row.ID, 10), At: row.At.UTC(), Kind: row.Kind, Actor: row.Actor, Source: row.Source,
		Object: row.Object, Summary: row.Summary, Before: readFacts(row.Before), After: readFacts(row.After),
	}
}

// AuditCSV writes the log from its newest line on, in times of the provider's zone. Cursor and Limit do not count.
func (s *Service) AuditCSV(ctx context.Context, a AuditQuery, w io.Writer) error {
	sheet := newSheet(w, s.Zone)
	sheet.row("id", "at", "kind", "actor", "source", "object", "summary", "before", "after")
	for from := (place{at: theEnd}); ; {
		var page Page[AuditView]
		var err error
		if page, from, err = s.auditPage(ctx, a, from, maxPage); err != nil {
			return err
		}
		for _, line := range page.Items {
			sheet.row(line.ID, sheet.time(line.At), line.Kind, line.Actor, line.Source, line.Object, line.Summary,
				factsLine(line.Before), factsLine(line.After))
		}
		if page.Next == "" {
			return sheet.end()
		}
	}
}
