package console

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qserve/account"
	"qserve/db"
)

// DayView is the money of one day of the provider.
type DayView struct {
	Day   time.Time // its midnight, in the provider's zone
	Count int64
	Sum   Money
}

// PointView is how many customers were online at one instant.
type PointView struct {
	At     time.Time
	Online int64
}

// DayConfirmView is how long the payments of one day took, from the webhook to the router's confirmation.
type DayConfirmView struct {
	Day         time.Time // its midnight, in the provider's zone
	Median, P95 time.Duration
	Count       int64
}

// What the charts show, and for how long what was read for them is shown: to everybody who looks.
const (
	paymentDays      = 30
	confirmationDays = 14
	onlineFor        = 24 * time.Hour
	chartsLast       = time.Minute
	// shownFor is how old what is remembered may be to be shown while it is read anew.
	shownFor = 10 * time.Minute
	// pastLasts is what chartsLast is, for the days before today, which hardly change and are many rows.
	pastLasts = time.Hour
)

// remembered is what takes many rows to find out, as it was last found.
type remembered[T any] struct {
	reading sync.Mutex
	last    atomic.Pointer[T]
}

// get returns what is fresh, or finds it anew. While somebody does, others get what there was before.
func (r *remembered[T]) get(fresh func(*T) bool, find func(last *T) (*T, error)) (*T, error) {
	last := r.last.Load()
	if last != nil && fresh(last) {
		return last, nil
	}
	if !r.reading.TryLock() {
		if last != nil {
			return last, nil
		}
		r.reading.Lock()
	}
	defer r.reading.Unlock()
	if last = r.last.Load(); last != nil && fresh(last) {
		return last, nil
	}
	found, err := find(last)
	if err != nil {
		return nil, err
	}
	r.last.Store(found)
	return found, nil
}

// onlineCount remembers how many customers are online.
type onlineCount struct{ remembered[onlineData] }

type onlineData struct {
	at  time.Time
	on  map[string]int64 // customers, by the name of their router
	all int64
}

func (c *onlineCount) read(ctx context.Context, s *Service, now time.Time) (*onlineData, error) {
	return c.get(func(d *onlineData) bool { return young(d.at, now, chartsLast) }, func(*onlineData) (*onlineData, error) {
		rows, err := db.New(plannedAnew{s.Pool}).OnlineByRouter(ctx, db.OnlineByRouterParams{Intervals: silentIntervals, Now: now})
		if err != nil {
			return nil, fmt.Errorf("count who is online: %w", err)
		}
		data := &onlineData{at: now, on: map[string]int64{}}
		for _, row := range rows {
			data.on[row.Name] = row.Online
			data.all += row.Online
		}
		return data, nil
	})
}

// charts remembers what the charts show.
type charts struct{ remembered[chartData] }

type chartData struct {
	at           time.Time
	pastAt       time.Time // when the days before today were read
	payments     []DayView
	online       []PointView
	confirmation []DayConfirmView
}

func (c *charts) read(ctx context.Context, s *Service, now time.Time) (*chartData, error) {
	return c.get(func(d *chartData) bool { return young(d.at, now, chartsLast) }, func(last *chartData) (*chartData, error) {
		data := &chartData{at: now, pastAt: now}
		if last != nil && young(last.pastAt, now, pastLasts) && s.midnight(now, 0).Equal(s.midnight(last.at, 0)) {
			data.pastAt, data.payments, data.confirmation = last.pastAt, last.payments, last.confirmation
		}
		q := db.New(plannedAnew{s.Pool})
		for _, part := range []func(context.Context, *Service, *db.Queries) error{data.readPayments, data.readOnline, data.readConfirmation} {
			if err := part(ctx, s, q); err != nil {
				return nil, err
			}
		}
		return data, nil
	})
}

func young(read, now time.Time, most time.Duration) bool {
	age := now.Sub(read)
	return age >= 0 && age < most
}

// midnight is the beginning of the provider's day, some days before now.
func (s *Service) midnight(now time.Time, daysAgo int) time.Time {
	year, month, day := now.In(s.Zone).Date()
	return time.Date(year, month, day-daysAgo, 0, 0, 0, 0, s.Zone)
}

func (d *chartData) readPayments(ctx context.Context, s *Service, q *db.Queries) error {
	known := max(len(d.payments)-1, 0) // all but today
	rows, err := q.PaymentsPerDay(ctx, db.PaymentsPerDayParams{
		Zone: s.Zone.String(), Since: s.midnight(d.at, paymentDays-1-known), Currency: s.Currency,
	})
	if err != nil {
		return fmt.Errorf("add up the payments of each day: %w", err)
	}
	found := map[string]db.PaymentsPerDayRow{}
	for _, row := range rows {
		found[row.Day] = row
	}
	d.payments = slices.Clone(d.payments[:known])
	for ago := paymentDays - 1 - known; ago >= 0; ago-- {
		day := s.midnight(d.at, ago)
		row := found[day.Format(time.DateOnly)]
		d.payments = append(d.payments, DayView{
			Day: day, Count: row.Payments, Sum: viewMoney(account.Money{Minor: row.AmountMinor, Currency: s.Currency}),
		})
	}
	return nil
}

func (d *chartData) readOnline(ctx context.Context, _ *Service, q *db.Queries) error {
	rows, err := q.OnlineOverTime(ctx, d.at.Add(-onlineFor))
	if err != nil {
		return fmt.Errorf("read how many were online: %w", err)
	}
	for _, row := range rows {
		d.online = append(d.online, PointView{At: row.At.UTC(), Online: row.Online})
	}
	return nil
}

func (d *chartData) readConfirmation(ctx context.Context, s *Service, q *db.Queries) error {
	known := max(len(d.confirmation)-1, 0) // all but today
	rows, err := q.ConfirmationPerDay(ctx, db.ConfirmationPerDayParams{
		Zone: s.Zone.String(), Since: s.midnight(d.at, confirmationDays-1-known),
	})
	if err != nil {
		return fmt.Errorf("read how long payments took to be confirmed: %w", err)
	}
	found := map[string]db.ConfirmationPerDayRow{}
	for _, row := range rows {
		found[row.Day] = row
	}
	seconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)).Round(time.Microsecond) }
	d.confirmation = slices.Clone(d.confirmation[:known])
	for ago := confirmationDays - 1 - known; ago >= 0; ago-- {
		day := s.midnight(d.at, ago)
		row := found[day.Format(time.DateOnly)]
		d.confirmation = append(d.confirmation, DayConfirmView{
			Day: day, Median: seconds(row.Median), P95: seconds(row.P95), Count: row.Payments,
		})
	}
	return nil
}
