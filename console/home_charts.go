package console

import (
	"context"
	"fmt"
	"sync"
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

// What the charts show, and how long they are shown before they are read again: by everybody who looks, once.
const (
	paymentDays      = 30
	confirmationDays = 14
	onlineFor        = 24 * time.Hour
	chartsLast       = time.Minute
)

// charts keeps what takes many rows to find out.
type charts struct {
	mu   sync.Mutex
	last chartData
}

type chartData struct {
	at           time.Time
	running      map[string]int64 // sessions, by the name of their router
	payments     []DayView
	online       []PointView
	confirmation []DayConfirmView
}

func (c *charts) read(ctx context.Context, s *Service, now time.Time) (chartData, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.last.at); age >= 0 && age < chartsLast {
		return c.last, nil
	}
	data := chartData{at: now}
	q := db.New(s.Pool)
	for _, part := range []func(context.Context, *Service, *db.Queries) error{
		data.readRunning, data.readPayments, data.readOnline, data.readConfirmation,
	} {
		if err := part(ctx, s, q); err != nil {
			return chartData{}, err
		}
	}
	c.last = data
	return data, nil
}

func (d *chartData) readRunning(ctx context.Context, _ *Service, q *db.Queries) error {
	rows, err := q.OnlineByRouter(ctx, db.OnlineByRouterParams{Intervals: silentIntervals, Now: d.at})
	if err != nil {
		return fmt.Errorf("count the running sessions: %w", err)
	}
	d.running = map[string]int64{}
	for _, row := range rows {
		d.running[row.Name] = row.Online
	}
	return nil
}

// midnight is the beginning of the provider's day, some days before now.
func (s *Service) midnight(now time.Time, daysAgo int) time.Time {
	year, month, day := now.In(s.Zone).Date()
	return time.Date(year, month, day-daysAgo, 0, 0, 0, 0, s.Zone)
}

func (d *chartData) readPayments(ctx context.Context, s *Service, q *db.Queries) error {
	rows, err := q.PaymentsPerDay(ctx, db.PaymentsPerDayParams{
		Zone: s.Zone.String(), Since: s.midnight(d.at, paymentDays-1), Currency: s.Currency,
	})
	if err != nil {
		return fmt.Errorf("add up the payments of each day: %w", err)
	}
	found := map[string]db.PaymentsPerDayRow{}
	for _, row := range rows {
		found[row.Day] = row
	}
	for ago := paymentDays - 1; ago >= 0; ago-- {
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
	rows, err := q.ConfirmationPerDay(ctx, db.ConfirmationPerDayParams{Zone: s.Zone.String(), Since: s.midnight(d.at, confirmationDays-1)})
	if err != nil {
		return fmt.Errorf("read how long payments took to be confirmed: %w", err)
	}
	found := map[string]db.ConfirmationPerDayRow{}
	for _, row := range rows {
		found[row.Day] = row
	}
	seconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)).Round(time.Microsecond) }
	for ago := confirmationDays - 1; ago >= 0; ago-- {
		day := s.midnight(d.at, ago)
		row := found[day.Format(time.DateOnly)]
		d.confirmation = append(d.confirmation, DayConfirmView{
			Day: day, Median: seconds(row.Median), P95: seconds(row.P95), Count: row.Payments,
		})
	}
	return nil
}
