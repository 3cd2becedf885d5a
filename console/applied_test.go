package console_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/console"
	"qserve/db"
)

// work applies everything that waits, as the workers do, and returns how each action ended: its state, and why it was refused.
func (o *office) work() map[int64]string {
	o.t.Helper()
	rows, err := o.pool.Query(o.t.Context(), "select id, subscriber_id from actions where state = 'accepted' order by id")
	if err != nil {
		o.t.Fatal(err)
	}
	type waiting struct{ ID, Subscriber int64 }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waiting])
	if err != nil {
		o.t.Fatal(err)
	}
	ended := map[int64]string{}
	for _, w := range list {
		err := o.apply(w.ID, w.Subscriber)
		refused, ok := errors.AsType[*account.Refused](err)
		switch {
		case ok:
			ended[w.ID] = "refused: " + refused.Reason
			if err := db.New(o.pool).ActionRefused(o.t.Context(), db.ActionRefusedParams{ID: w.ID, Refusal: refused.Reason}); err != nil {
				o.t.Fatal(err)
			}
		case err != nil:
			o.t.Fatal(err)
		default:
			ended[w.ID] = "applied"
		}
	}
	return ended
}

func (o *office) apply(action, subscriber int64) error {
	ctx, now := o.t.Context(), o.clock.Now()
	return db.InTx(ctx, o.pool, func(tx pgx.Tx, q *db.Queries) error {
		facts, err := db.LockAccountFacts(ctx, q, subscriber)
		if err != nil {
			return err
		}
		row, err := q.ActionByID(ctx, action)
		if err != nil {
			return err
		}
		order, err := db.ReadOrder(ctx, q, row.Kind, row.Arguments, facts, now)
		if err != nil {
			return err
		}
		change, err := account.Apply(facts, order.Command, now, o.Zone)
		if err != nil {
			return err
		}
		_, err = db.SaveChange(ctx, tx, db.Deed{
			Change: change, Kind: row.Kind, Actor: row.Actor, Source: row.Source, ActionID: row.ID, AcceptedAt: row.AcceptedAt,
			PaymentID: order.PaymentID, Allocation: order.Allocation, PasswordSealed: order.PasswordSealed, Also: order.Also,
		}, now)
		return err
	})
}

// jane is Jane's profile, after everything that waited was applied.
func (o *office) jane() console.SubscriberView {
	o.t.Helper()
	o.work()
	return o.see("ACC-0042")
}

func (o *office) see(number string) console.SubscriberView {
	o.t.Helper()
	view, err := o.Subscriber(o.t.Context(), number)
	if err != nil {
		o.t.Fatal(err)
	}
	return view
}

// lost enters money that is nobody's.
func (o *office) lost(amount, receipt string) int64 {
	o.t.Helper()
	entered, err := o.EnterPayment(o.t.Context(), clerk, console.NewPayment{Amount: amount, Method: "bank", Reference: receipt})
	if err != nil {
		o.t.Fatal(err)
	}
	return entered.Payment.ID
}

// john adds a second customer.
func (o *office) john() {
	o.t.Helper()
	john := jane()
	john.Account, john.Name, john.Phone, john.Username = "ACC-0043", "John", "", "john"
	if _, err := o.AddSubscriber(o.t.Context(), clerk, john); err != nil {
		o.t.Fatal(err)
	}
}

// conflictOf says why an order is not possible as things are; it fails the test where it is another error, or none.
func conflictOf(t *testing.T, err error) string {
	t.Helper()
	c, ok := errors.AsType[*console.ConflictError](err)
	if !ok {
		t.Fatalf("got %v, want a conflict", err)
	}
	return c.Problem
}

// later moves the clock.
func (o *office) later(d time.Duration) { o.clock.Set(o.clock.Now().Add(d)) }
