package console

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"qserve/account"
	"qserve/db"
)

// HomeView is what a provider wants to see first: the customers, today's money, and what waits for whom. It stays cheap
// with a million customers: numbers of accounts are counted to a bound, and what needs many rows is read once a minute.
type HomeView struct {
	Online           *int64       // customers, as of at most a minute ago; nil: not counted yet
	Suspended, Grace BoundedCount // as the lists of these statuses
	ExpiringIn3Days  BoundedCount // as the list of who expires within so many days
	ExpiringIn7Days  BoundedCount
	PaymentsToday    []TakenView // since midnight in the provider's zone, one line a currency; what was reversed is none of it
	Unallocated      []TakenView // money that is nobody's, one line a currency
	PaidUnconfirmed  PaidUnconfirmedView
	Unfinished       []UnfinishedView // the oldest row of each list of work that has one
	Routers          []RouterHealthView
	PaymentsPerDay   []DayView        // 30 days, today last, in the provider's currency
	OnlineOverTime   []PointView      // 24 hours
	Confirmation     []DayConfirmView // 14 days, today last
	ChartsAsOf       time.Time        // when the charts were read; zero: they are not known yet
	Later            bool             // Online and the charts are missing or old, because they take long to read
}

// countedTo bounds what is counted for the home page.
const countedTo = 10_000

// BoundedCount is a number that was counted to a bound.
type BoundedCount struct {
	N    int64
	More bool // there are more than N
}

// String writes it as people read it: 412, or 10,000+.
func (c BoundedCount) String() string {
	text := strconv.FormatInt(c.N, 10)
	if n := len(text); n > 3 {
		text = text[:n-3] + "," + text[n-3:]
	}
	if c.More {
		text += "+"
	}
	return text
}

// bounded reads a count of which one more than the bound was asked for.
func bounded(n int64) BoundedCount { return BoundedCount{N: min(n, countedTo), More: n > countedTo} }

// TakenView is money of one currency.
type TakenView struct {
	Count int64
	Sum   Money
}

// PaidUnconfirmedView is who has paid and does not have the line back yet, as far as Qserve knows.
type PaidUnconfirmedView struct {
	Accounts BoundedCount
	Oldest   *time.Time // since when the first of them waits
}

// UnfinishedView is the oldest row of one list of unfinished work. New work is on a list for a moment; what is old is stuck.
type UnfinishedView struct {
	List    string // deliveries, actions, dues or provisions
	Since   time.Time
	Text    string
	Account string // account number; empty when it is about none
	Router  string // its name; empty when it is about none
}

// RouterHealthView is how a router does, and whom it keeps waiting.
type RouterHealthView struct {
	Name          string
	Reachable     bool // whether it answered when it was last needed
	LastContactAt *time.Time
	LastError     string
	NextTryAt     *time.Time
	Waiting       int64      // user names whose wanted state it has not confirmed
	Oldest        *time.Time // since when the oldest of them waits
	Online        int64      // customers, as of at most a minute ago; as far as they are counted
}

// Home returns what the home page shows. The first time in a minute somebody waits for the charts.
func (s *Service) Home(ctx context.Context) (HomeView, error) {
	now := s.Clock.Now()
	online, err := s.online.read(ctx, s, now)
	if err != nil {
		return HomeView{}, err
	}
	read, err := s.charts.read(ctx, s, now)
	if err != nil {
		return HomeView{}, fmt.Errorf("read the charts: %w", err)
	}
	return s.homeWith(ctx, now, online, read)
}

// HomeAtOnce is Home for whoever does not wait: what takes long to read is left out, or is a few minutes old, and Later
// says so.
func (s *Service) HomeAtOnce(ctx context.Context) (HomeView, error) {
	now := s.Clock.Now()
	online, read := s.online.last.Load(), s.charts.last.Load()
	later := online == nil || !young(online.at, now, chartsLast) || read == nil || !young(read.at, now, chartsLast)
	if online != nil && !young(online.at, now, shownFor) {
		online = nil
	}
	if read != nil && !young(read.at, now, shownFor) {
		read = nil
	}
	view, err := s.homeWith(ctx, now, online, read)
	view.Later = later
	return view, err
}

// homeWith is a home page with what is known of the slow parts of it; nil: nothing.
func (s *Service) homeWith(ctx context.Context, now time.Time, online *onlineData, read *chartData) (HomeView, error) {
	var view HomeView
	var on map[string]int64
	if online != nil {
		view.Online, on = &online.all, online.on
	}
	if read != nil {
		view.PaymentsPerDay, view.OnlineOverTime, view.Confirmation, view.ChartsAsOf = read.payments, read.online, read.confirmation, read.at.UTC()
	}
	q := db.New(plannedAnew{s.Pool})
	for _, part := range []func(context.Context, *db.Queries, time.Time, *HomeView) error{
		homeCounts, s.homeMoney, homePaidUnconfirmed, homeUnfinished,
	} {
		if err := part(ctx, q, now, &view); err != nil {
			return HomeView{}, err
		}
	}
	var err error
	view.Routers, err = homeRouters(ctx, q, on)
	return view, err
}

func homeCounts(ctx context.Context, q *db.Queries, now time.Time, view *HomeView) error {
	n, err := q.HomeCounts(ctx, db.HomeCountsParams{
		Now: now, Soon: now.AddDate(0, 0, 3), Later: now.AddDate(0, 0, 7), Most: countedTo + 1,
	})
	if err != nil {
		return fmt.Errorf("count the accounts: %w", err)
	}
	view.Suspended, view.Grace = bounded(n.Suspended), bounded(n.Grace)
	view.ExpiringIn3Days, view.ExpiringIn7Days = bounded(n.Soon), bounded(n.Later)
	return nil
}

func (s *Service) homeMoney(ctx context.Context, q *db.Queries, now time.Time, view *HomeView) error {
	today, err := q.TakenSince(ctx, s.midnight(now, 0))
	if err != nil {
		return fmt.Errorf("add up the payments of today: %w", err)
	}
	for _, row := range today {
		view.PaymentsToday = append(view.PaymentsToday, viewTaken(row.Payments, row.AmountMinor, row.Currency))
	}
	nobodys, err := q.UnallocatedMoney(ctx)
	if err != nil {
		return fmt.Errorf("add up the unallocated payments: %w", err)
	}
	for _, row := range nobodys {
		view.Unallocated = append(view.Unallocated, viewTaken(row.Payments, row.AmountMinor, row.Currency))
	}
	return nil
}

func viewTaken(count, minor int64, currency string) TakenView {
	return TakenView{Count: count, Sum: viewMoney(account.Money{Minor: minor, Currency: currency})}
}

// lookedThrough is how many of the unconfirmed user names are looked through for payments.
const lookedThrough = 20_000

func homePaidUnconfirmed(ctx context.Context, q *db.Queries, _ time.Time, view *HomeView) error {
	row, err := q.PaidUnconfirmed(ctx, lookedThrough)
	if err != nil {
		return fmt.Errorf("count who paid and waits for a router: %w", err)
	}
	view.PaidUnconfirmed.Accounts = bounded(row.Accounts)
	view.PaidUnconfirmed.Accounts.More = row.Accounts > 0 && row.Looked == lookedThrough || row.Accounts > countedTo
	view.PaidUnconfirmed.Oldest = moment(row.Oldest)
	return nil
}

func homeUnfinished(ctx context.Context, q *db.Queries, now time.Time, view *HomeView) error {
	rows, err := q.OldestUnfinished(ctx, now)
	if err != nil {
		return fmt.Errorf("read the oldest unfinished work: %w", err)
	}
	for _, row := range rows {
		u := UnfinishedView{Since: row.Since.UTC(), Account: row.Account}
		switch row.List {
		case 1:
			u.List, u.Text = "deliveries", "A webhook of "+row.What+" is not processed yet"
		case 2:
			u.List, u.Text = "actions", fmt.Sprintf("The %s of %s is not carried out yet", row.What, row.Account)
		case 3:
			u.List, u.Text = "dues", "What fell due on "+row.Account+" is not carried out yet"
		case 4:
			u.List, u.Router = "provisions", row.What
			u.Text = "Router " + row.What + " has not confirmed yet what it should hold for " + cmp.Or(row.Account, "an account that left it")
		}
		if row.Problem != "" {
			u.Text += ": " + row.Problem
		}
		view.Unfinished = append(view.Unfinished, u)
	}
	return nil
}

func homeRouters(ctx context.Context, q *db.Queries, running map[string]int64) ([]RouterHealthView, error) {
	rows, err := q.RouterHealth(ctx)
	if err != nil {
		return nil, fmt.Errorf("read how the routers do: %w", err)
	}
	views := make([]RouterHealthView, len(rows))
	for i, r := range rows {
		views[i] = RouterHealthView{
			Name: r.Name, Reachable: r.LastContactAt != nil && !r.Unreachable, LastContactAt: utc(r.LastContactAt), LastError: r.LastError,
			NextTryAt: utc(r.NextTryAt), Waiting: r.Unconfirmed, Oldest: moment(r.Oldest), Online: running[r.Name],
		}
	}
	return views, nil
}
