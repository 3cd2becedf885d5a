package stage_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"qserve/account"
	"qserve/cmd/internal/stage"
	"qserve/console"
	"qserve/router"
	"qserve/router/mikrosim"
)

// The size of the big load: every customer pays loadEach times.
const (
	loadRouters, loadPerRouter, loadEach = 10, 100, 20
	loadPayments                         = loadRouters * loadPerRouter * loadEach
	loadFlushes                          = 25
	loadWithin                           = 7 * time.Minute
)

// load is 20,000 payments of 1,000 customers, the half of whom have paid ahead.
type load struct {
	play
	people    []stage.Person
	began     time.Time
	restarted chan error
}

func TestTwentyThousandPayments_WhileRedisIsFlushedAndPostgreSQLCrashes_AreCreditedOnceEach(t *testing.T) {
	t.Parallel()
	l := openLoad(t)
	l.payAll()
	l.must(<-l.restarted)
	l.everythingIsInOrder()
	l.booksAreRight()
}

func openLoad(t *testing.T) *load {
	t.Helper()
	routers := make([]stage.RouterOptions, loadRouters)
	for i := range routers {
		routers[i] = stage.RouterOptions{
			Name: fmt.Sprintf("R%02d", i+1), Mode: []router.Mode{router.Local, router.Radius}[i%2], NoAPI: i == 1,
			// The unpaid dial less often than real boxes, as this is not about them.
			Sim: mikrosim.Config{RedialDelay: time.Second, RedialMax: 8 * time.Second},
		}
	}
	l := &load{play: open(t, stage.Options{
		Routers: routers, Log: slog.New(slog.DiscardHandler),
		// Two cores do not get more done by more workers.
		Settings: map[string]string{"QSERVE_WORKERS": "6", "QSERVE_DATABASE_CONNS": "24"},
	}, loadWithin), restarted: make(chan error, 1)}
	l.began = time.Now().Truncate(time.Microsecond)
	for i, r := range l.Routers {
		people, err := l.People(l.ctx, r, planName, fmt.Sprintf("L%02d", i+1), loadPerRouter, true, func(i int) time.Time {
			if i%2 == 0 {
				return l.began.Add(48 * time.Hour)
			}
			return l.began.Add(-time.Hour)
		})
		l.must(err)
		l.people = append(l.people, people...)
	}
	return l
}

// payAll has everybody pay, while things break.
func (l *load) payAll() {
	l.t.Helper()
	group, ctx := errgroup.WithContext(l.ctx)
	work := make(chan int)
	group.Go(func() error {
		defer close(work)
		for i := range loadPayments {
			if err := l.breakThings(ctx, i); err != nil {
				return err
			}
			select {
			case work <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range 32 {
		group.Go(func() error {
			for i := range work {
				if err := l.payOne(ctx, i); err != nil {
					return fmt.Errorf("payment %d: %w", i, err)
				}
			}
			return nil
		})
	}
	l.must(group.Wait())
}

// breakThings does what is due before payment i.
func (l *load) breakThings(ctx context.Context, i int) error {
	switch i {
	case loadPayments / 2:
		go func() { l.restarted <- l.Postgres.Restart(context.WithoutCancel(ctx)) }()
	case loadPayments / 4:
		return l.suspendSome(ctx)
	}
	if i > 0 && i%(loadPayments/(loadFlushes+1)) == 0 {
		return l.Redis.Flush(ctx)
	}
	return nil
}

// suspendSome suspends every fiftieth customer for a reason that no payment mends.
func (l *load) suspendSome(ctx context.Context) error {
	order := console.SuspendOrder{Category: string(account.Equipment)}
	for i := 7; i < len(l.people); i += 50 {
		if _, err := l.Staff.Give(ctx, staff, l.people[i].Account, order); err != nil {
			return err
		}
	}
	return nil
}

// payOne tells of payment i: of every second one by M-Pesa, which does not call twice, of the others by Standard
// Webhooks, whose sender calls again until it is accepted.
func (l *load) payOne(ctx context.Context, i int) error {
	who, receipt := l.people[i%len(l.people)], fmt.Sprintf("LOAD%06d", i)
	if i/len(l.people)%2 == 0 {
		return l.Pay(ctx, receipt, who.Account, amountOf(i).Decimal())
	}
	call, err := l.Standard(receipt, who.Account, amountOf(i).Decimal())
	if err != nil {
		return err
	}
	return stage.Until(ctx, "the payment is accepted", func(ctx context.Context) (bool, error) {
		reply, err := l.Deliver(ctx, l.Program.BaseURL(), call)
		if err == nil && reply.Status != http.StatusOK && reply.Header.Get("Retry-After") == "" {
			err = fmt.Errorf("answered %d without a Retry-After: %s", reply.Status, reply.Text)
		}
		return err == nil && reply.Status == http.StatusOK, err
	})
}

// amountOf is less than a period most of the time, and more than one now and then.
func amountOf(i int) account.Money {
	part := []int64{3, 4, 3, 5, 21}[(i+i/(loadRouters*loadPerRouter))%5]
	return account.Money{Minor: planMinor * part / 10, Currency: "KES"}
}

// booksAreRight checks each account against what was paid for it.
func (l *load) booksAreRight() {
	l.t.Helper()
	if n := l.number(`select count(*) from payments`); n != loadPayments {
		l.t.Errorf("there are %d payments, not %d", n, loadPayments)
	}
	if n := l.number(`select count(*) from deliveries where state <> 'processed'`); n != 0 {
		l.t.Errorf("%d deliveries did not become payments", n)
	}
	paid := make(map[string]int64)
	for i := range loadPayments {
		paid[l.people[i%len(l.people)].Account] += amountOf(i).Minor
	}
	rows, err := l.Pool.Query(l.ctx, `select s.account, s.expires_at, s.balance_minor, s.suspended_at is not null,
			count(*) filter (where l.kind = 'payment'), min(l.period_start), sum(l.periods)
		from subscribers s join ledger_entries l on l.subscriber_id = s.id group by s.id order by s.account`)
	l.must(err)
	defer rows.Close()
	seen := 0
	for ; rows.Next(); seen++ {
		var number string
		var expires, start time.Time
		var balance, credits, periods int64
		var suspended bool
		l.must(rows.Scan(&number, &expires, &balance, &suspended, &credits, &start, &periods))
		bought := paid[number] / planMinor
		if balance != paid[number]%planMinor || credits != loadEach || periods != bought {
			l.t.Errorf("%s: balance %d, %d credits, %d periods; want %d, %d and %d", number, balance, credits, periods,
				paid[number]%planMinor, loadEach, bought)
		}
		if !expires.Equal(start.Add(time.Duration(bought) * period)) {
			l.t.Errorf("%s has paid for %d periods from %s, but its time ends at %s", number, bought, start, expires)
		}
		who := l.indexOf(number)
		if ahead := who%2 == 0; ahead != start.Equal(l.began.Add(2*period)) || start.Before(l.began) {
			l.t.Errorf("%s bought from %s", number, start)
		}
		if suspended != (who%50 == 7) {
			l.t.Errorf("%s is suspended: %v", number, suspended)
		}
	}
	l.must(rows.Err())
	if seen != len(l.people) {
		l.t.Errorf("%d customers have paid, not %d", seen, len(l.people))
	}
}

func (l *load) indexOf(number string) int {
	for i, who := range l.people {
		if who.Account == number {
			return i
		}
	}
	return -1
}
