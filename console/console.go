// Package console is what staff do: keep plans, routers and subscribers, look at an account, and give commands to it.
//
// A command is stored as an action and rung for; it is applied and driven to the router by the workers, so a caller can
// go away after it was accepted. Nothing here talks to a router or decides a rule.
package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/internal/clock"
	"qserve/internal/seal"
)

// Ringer is rung for stored work; what it misses is found by the workers' sweep.
type Ringer interface {
	RingAction(ctx context.Context, id int64, kind string)
	RingRouter(ctx context.Context, id int64)
	RingDue(ctx context.Context, subscriber int64, at, now time.Time)
	RingDelivery(ctx context.Context, ids ...int64)
}

// Config is what a [Service] needs. All of it must be set.
type Config struct {
	Pool     *pgxpool.Pool
	Keys     *seal.Ring
	Ring     Ringer
	Clock    clock.Clock
	Zone     *time.Location
	Region   string // for phone numbers, ISO 3166-1 alpha-2
	Currency string // ISO 4217
	Log      *slog.Logger
	Checker  Checker
	Registry SourceRegistry
}

// Service is safe for concurrent use.
type Service struct {
	Config
	attempts *attempts
	online   *onlineCount
	charts   *charts
}

// New returns a service.
func New(cfg Config) *Service {
	return &Service{Config: cfg, attempts: newAttempts(), online: &onlineCount{}, charts: &charts{}}
}

// FieldError is bad input, with the field that a person has to change.
type FieldError struct {
	Field   string
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// NotFoundError says that there is no such thing.
type NotFoundError struct{ What string }

func (e *NotFoundError) Error() string { return "there is no " + e.What }

func missing(format string, args ...any) error { return &NotFoundError{fmt.Sprintf(format, args...)} }

// ConflictError says that the state of things forbids it, and with which field that has to do, if with any.
type ConflictError struct {
	Field   string
	Problem string
}

func (e *ConflictError) Error() string { return e.Problem }

func conflict(field, format string, args ...any) error {
	return &ConflictError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// StaleError says that somebody else changed what the caller has seen.
type StaleError struct{ Problem string }

func (e *StaleError) Error() string { return e.Problem }

func bad(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// checkLine checks text that people read: its length in characters, and that it is one line.
func checkLine(field, text string, least, most int) error {
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		return bad(field, "must have %d to %d characters", least, most)
	case n > most:
		return bad(field, "has %d characters, and may have %d", n, most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return bad(field, "must be one line of text")
	}
	return nil
}

// checkText checks text of several lines.
func checkText(field, text string, least, most int) error {
	switch n := utf8.RuneCountInString(strings.TrimSpace(text)); {
	case n < least || n > most:
		return bad(field, "must have %d to %d characters", least, most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
		return bad(field, "must be text")
	}
	return nil
}

// hostPort reports whether text names a port that can be called.
func hostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || checkLine("", host, 1, 253) != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// taken turns the violation of a constraint into the field that caused it.
func taken(err error, fields map[string]error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if known, ok := fields[pg.ConstraintName]; ok {
			return known
		}
	}
	return err
}
