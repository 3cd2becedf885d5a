package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qserve/account"
	"qserve/db"
)

// FindQuery says whom to find. What is empty does not narrow the search; what is set has to fit as well.
type FindQuery struct {
	// Q is a part of what is known: the beginnings of words of the name, in any order; a phone number as anyone types
	// it, its beginning or its last digits (four or more); account number, PPPoE user name or e-mail from the beginning; a
	// payment's receipt number. Case, accents and punctuation do not count. A whole IP or MAC address finds who is online
	// with it.
	Q      string
	Status string // active, grace, expired or suspended
	Plan   string // its name
	Router string // its name
	// ExpiringDays finds whose paid time ends within that many days.
	ExpiringDays int
	Cursor       string
	Limit        int // 1 to 200; 0: 50
}

// The lists that Find goes through. A search that reaches its second step says so in its cursor.
const (
	listTerms    = "terms"
	listThen     = "then"
	listAll      = "all"
	listExpiring = "expiring"
)

// Find returns the subscribers whom a query fits. A search comes in the order of what it found (so that a whole word comes
// before longer ones) and then of the ids, because that is the order of the index, and a page ends where it is full.
// Without a search the order is that of the ids, or that of the expiry if ExpiringDays is set. Its errors are
// [*FieldError] where the input is wrong.
func (s *Service) Find(ctx context.Context, f FindQuery) (Page[SubscriberView], error) {
	none := Page[SubscriberView]{Items: []SubscriberView{}}
	most, err := pageSize(f.Limit)
	if err != nil {
		return none, err
	}
	at, err := readCursor(f.Cursor, f.lists()...)
	if err != nil {
		return none, err
	}
	by, err := s.filters(ctx, f)
	if err != nil {
		return none, err
	}
	var page Page[SubscriberView]
	address, mac := lineOf(f.Q)
	switch {
	case address != nil || mac != "":
		page, err = s.byLine(ctx, address, mac, by, most)
	case strings.TrimSpace(f.Q) != "":
		page, err = s.search(ctx, read(f.Q, s.Region), by, at, most)
	case f.ExpiringDays > 0:
		page, err = s.expiring(ctx, by, at, most)
	default:
		page, err = s.everybody(ctx, by, at, most)
	}
	if err != nil {
		return none, fmt.Errorf("find subscribers: %w", err)
	}
	return page, nil
}

func (f FindQuery) lists() []string {
	switch {
	case strings.TrimSpace(f.Q) != "":
		return []string{listTerms, listThen}
	case f.ExpiringDays > 0:
		return []string{listExpiring}
	}
	return []string{listAll}
}

// filters is what has to hold besides the search.
type filters struct {
	status       string
	plan, router int64
	before       *time.Time
	now          time.Time
}

func (f filters) any() bool { return f.status != "" || f.plan != 0 || f.router != 0 || f.before != nil }

// maxSearch and maxExpiringDays bound what is worth asking for.
const (
	maxSearch       = 200
	maxExpiringDays = 366
)

func (s *Service) filters(ctx context.Context, f FindQuery) (filters, error) {
	by := filters{status: f.Status, now: s.Clock.Now()}
	if !utf8.ValidString(f.Q) || strings.ContainsRune(f.Q, 0) || utf8.RuneCountInString(f.Q) > maxSearch {
		return by, bad("q", "must be at most %d characters of text", maxSearch)
	}
	if !slices.Contains([]account.Status{"", account.Active, account.Grace, account.Expired, account.Suspended}, account.Status(f.Status)) {
		return by, bad("status", "must be active, grace, expired or suspended")
	}
	if f.ExpiringDays < 0 || f.ExpiringDays > maxExpiringDays {
		return by, bad("expiring_days", "must be 1 to %d", maxExpiringDays)
	}
	if f.ExpiringDays > 0 {
		by.before = new(by.now.AddDate(0, 0, f.ExpiringDays))
	}
	q := db.New(s.Pool)
	if f.Plan != "" {
		plan, err := q.PlanByName(ctx, f.Plan)
		if errors.Is(err, pgx.ErrNoRows) {
			return by, bad("plan", "there is no plan %.100q", f.Plan)
		}
		if err != nil {
			return by, fmt.Errorf("read plan %.100q: %w", f.Plan, err)
		}
		by.plan = plan.ID
	}
	if f.Router != "" {
		router, err := q.RouterByName(ctx, f.Router)
		if errors.Is(err, pgx.ErrNoRows) {
			return by, bad("router", "there is no router %.100q", f.Router)
		}
		if err != nil {
			return by, fmt.Errorf("read router %.100q: %w", f.Router, err)
		}
		by.router = router.ID
	}
	return by, nil
}

// search goes through the steps of a search until the page is full.
func (s *Service) search(ctx context.Context, w wanted, by filters, at cursor, most int) (Page[SubscriberView], error) {
	page := Page[SubscriberView]{Items: []SubscriberView{}}
	for _, list := range []string{listTerms, listThen} {
		if at.List == listThen && list == listTerms {
			continue
		}
		from := at
		if at.List != list {
			from = cursor{}
		}
		rows, err := s.step(ctx, list, w, by, from, most+1-len(page.Items))
		if err != nil {
			return page, err
		}
		for i, row := range rows {
			if len(page.Items) == most {
				last := from
				if i > 0 {
					last = cursor{list, rows[i-1].Term, rows[i-1].Subscriber.ID}
				}
				last.List = list
				page.Next = last.String()
				return page, nil
			}
			page.Items = append(page.Items, viewSubscriber(row.Subscriber, row.Plan, row.Router, row.NextPlan, by.now))
		}
	}
	return page, nil
}

// step reads one step of a search.
func (s *Service) step(ctx context.Context, list string, w wanted, by filters, from cursor, most int) ([]db.FindByTermsRow, error) {
	q := db.New(s.Pool)
	terms := db.FindByTermsParams{
		AfterTerm: from.Key, AfterID: from.ID, Others: []string{}, Besides: []string{}, Receipts: []string{},
		Filtered: by.any(), Status: by.status,
		PlanID: by.plan, RouterID: by.router, ExpiringBefore: by.before, Now: by.now, Most: int32(most),
	}
	switch {
	case list == listTerms && len(w.prefixes) > 0:
		terms.Prefixes = w.prefixes
		if w.receipts != nil {
			terms.Receipts = w.receipts
		}
		return q.FindByTerms(ctx, terms)
	case list == listThen && len(w.then) > 0:
		terms.Prefixes, terms.Others, terms.Besides = w.then, w.others, append([]string{}, w.prefixes...)
		return q.FindByTerms(ctx, terms)
	case list == listThen && w.first != "":
		pair := db.FindByPairParams{
			First: w.first, Second: w.second, FromTerm: " " + w.first, AfterTerm: from.Key, AfterID: from.ID, Others: w.others,
			Besides: append([]string{}, w.prefixes...), Filtered: terms.Filtered, Status: by.status, PlanID: by.plan, RouterID: by.router, ExpiringBefore: by.before,
			Now: by.now, Most: terms.Most,
		}
		// The words before the cursor's are done.
		if i := strings.LastIndexByte(from.Key, ' '); i > 0 {
			pair.FromTerm = max(pair.FromTerm, from.Key[:i])
		}
		rows, err := q.FindByPair(ctx, pair)
		found := make([]db.FindByTermsRow, len(rows))
		for i, row := range rows {
			found[i] = db.FindByTermsRow(row)
		}
		return found, err
	}
	return nil, nil
}

func (s *Service) everybody(ctx context.Context, by filters, at cursor, most int) (Page[SubscriberView], error) {
	rows, err := db.New(plannedAnew{s.Pool}).FindAll(ctx, db.FindAllParams{
		AfterID: at.ID, Status: by.status, PlanID: by.plan, RouterID: by.router, ExpiringBefore: by.before, Now: by.now,
		Most: int32(most + 1),
	})
	if err != nil {
		return Page[SubscriberView]{}, err
	}
	return pageOf(rows, most, func(row db.FindAllRow) SubscriberView {
		return viewSubscriber(row.Subscriber, row.Plan, row.Router, row.NextPlan, by.now)
	}, func(row db.FindAllRow) cursor { return cursor{List: listAll, ID: row.Subscriber.ID} }), nil
}

func (s *Service) expiring(ctx context.Context, by filters, at cursor, most int) (Page[SubscriberView], error) {
	after := by.now
	if at.Key != "" {
		var err error
		if after, err = time.Parse(time.RFC3339Nano, at.Key); err != nil {
			return Page[SubscriberView]{}, bad("cursor", "is not a cursor of this list")
		}
	}
	rows, err := db.New(plannedAnew{s.Pool}).FindExpiring(ctx, db.FindExpiringParams{
		AfterTime: after, AfterID: at.ID, Status: by.status, PlanID: by.plan, RouterID: by.router, ExpiringBefore: *by.before,
		Now: by.now, Most: int32(most + 1),
	})
	if err != nil {
		return Page[SubscriberView]{}, err
	}
	return pageOf(rows, most, func(row db.FindExpiringRow) SubscriberView {
		return viewSubscriber(row.Subscriber, row.Plan, row.Router, row.NextPlan, by.now)
	}, func(row db.FindExpiringRow) cursor {
		return cursor{listExpiring, row.Subscriber.ExpiresAt.UTC().Format(time.RFC3339Nano), row.Subscriber.ID}
	}), nil
}

// plannedAnew has PostgreSQL plan each query for its values. Which index a list is best read by depends on how many
// subscribers a filter leaves, and one plan for all values would have to guess.
type plannedAnew struct{ pool *pgxpool.Pool }

func (p plannedAnew) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return p.pool.Exec(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}

func (p plannedAnew) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.pool.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}

func (p plannedAnew) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.pool.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}
