package console

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// DeliveryQuery says which webhooks are wanted.
type DeliveryQuery struct {
	Source string // name of the payment source; empty: all
	State  string // received, processed, ignored or failed; empty: all
	Cursor string
	Limit  int // 1 to 200; 0: 50
}

// DeliveryView is one webhook that was taken in.
type DeliveryView struct {
	ID          int64      `json:"id" example:"90210"`
	Source      string     `json:"source" example:"M-Pesa 600100" doc:"Name of the payment source."`
	Kind        string     `json:"kind" example:"mpesa" doc:"Kind of the payment source."`
	Call        string     `json:"call" example:"confirm" doc:"Which of the provider's calls it was; empty where there is one only."`
	State       string     `json:"state" enum:"received,processed,ignored,failed" doc:"received: it waits. processed: it told of a payment. ignored: it told of none. failed: it cannot be read."`
	Attempts    int        `json:"attempts" example:"1" doc:"How often it was processed."`
	Problem     string     `json:"problem,omitempty" example:"TransAmount is missing" doc:"Why it failed or still waits."`
	ReceivedAt  time.Time  `json:"received_at"`
	ProcessedAt *time.Time `json:"processed_at" doc:"Null while it waits."`
	Repeats     string     `json:"repeats,omitempty" example:"SKL7X2M4QP" doc:"The transaction that another webhook had told of before."`
	Payments    []int64    `json:"payments" nullable:"false" example:"[311]" doc:"Ids of the payments that it told of first."`
	Size        int        `json:"size" example:"412" doc:"Of its body, in bytes; 0 once that was dropped."`
	Body        string     `json:"body,omitempty" doc:"As it came. It names people; shown only to who has the scope admin."`
}

const listDeliveries = "deliveries"

// deliveryStates are what may become of a webhook.
var deliveryStates = []string{"received", "processed", "ignored", "failed"}

// Deliveries lists webhooks, newest first, without their bodies. Its errors are [*FieldError] where the input is wrong.
func (s *Service) Deliveries(ctx context.Context, d DeliveryQuery) (Page[DeliveryView], error) {
	none := Page[DeliveryView]{}
	most, err := pageSize(d.Limit)
	if err != nil {
		return none, err
	}
	from, err := readCursor(d.Cursor, listDeliveries)
	if err != nil {
		return none, err
	}
	if d.State != "" && !slices.Contains(deliveryStates, d.State) {
		return none, bad("state", "must be one of %s", strings.Join(deliveryStates, ", "))
	}
	q := db.New(plannedAnew{s.Pool})
	params := db.DeliveriesPageParams{Before: math.MaxInt64, State: d.State, Most: asked(most)}
	if from.ID > 0 {
		params.Before = from.ID
	}
	if d.Source != "" {
		params.SourceID, err = q.SourceIDByName(ctx, d.Source)
		if errors.Is(err, pgx.ErrNoRows) {
			return none, bad("source", "there is no payment source %q", d.Source)
		}
		if err != nil {
			return none, fmt.Errorf("look up payment source %q: %w", d.Source, err)
		}
	}
	rows, err := q.DeliveriesPage(ctx, params)
	if err != nil {
		return none, fmt.Errorf("list webhooks: %w", err)
	}
	return pageOf(rows, most, viewDelivery, func(row db.DeliveriesPageRow) cursor {
		return cursor{List: listDeliveries, ID: row.ID}
	}), nil
}

func viewDelivery(row db.DeliveriesPageRow) DeliveryView {
	return DeliveryView{
		ID: row.ID, Source: row.Source, Kind: row.Kind, Call: row.Call, State: row.State, Attempts: int(row.Attempts),
		Problem: deliveryProblem(row.State, row.LastError), ReceivedAt: row.ReceivedAt.UTC(), ProcessedAt: utc(row.ProcessedAt),
		Repeats: row.Repeats, Payments: row.Payments, Size: int(row.Size),
	}
}

func deliveryProblem(state, problem string) string {
	if state == "ignored" && problem == "" {
		return "it tells of no payment"
	}
	return problem
}

// Delivery returns one webhook with its body, which names people. Its error is a [*NotFoundError] when there is none.
func (s *Service) Delivery(ctx context.Context, id int64) (DeliveryView, error) {
	row, err := db.New(s.Pool).DeliveryByID(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return DeliveryView{}, missing("delivery %d", id)
	}
	if err != nil {
		return DeliveryView{}, fmt.Errorf("read delivery %d: %w", id, err)
	}
	view := viewDelivery(db.DeliveriesPageRow{
		ID: row.ID, Source: row.Source, Kind: row.Kind, Call: row.Call, State: row.State, Attempts: row.Attempts, LastError: row.LastError,
		ReceivedAt: row.ReceivedAt, ProcessedAt: row.ProcessedAt, Repeats: row.Repeats, Size: row.Size, Payments: row.Payments,
	})
	view.Body = strings.ToValidUTF8(string(row.Body), "\uFFFD")
	return view, nil
}

// RetryDelivery has a webhook processed once more that failed or was ignored, because what stood in its way was mended.
// A payment that was booked meanwhile is not booked again. Its errors are [*NotFoundError], and [*ConflictError] when
// there is nothing to be done again.
func (s *Service) RetryDelivery(ctx context.Context, by By, id int64) error {
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		row, err := q.LockEndedDelivery(ctx, id)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return missing("delivery %d", id)
		case err != nil:
			return fmt.Errorf("lock delivery %d: %w", id, err)
		case row.State == "received":
			return conflict("", "delivery %d is waiting to be processed already; that happens by itself", id)
		case row.State == "processed":
			return conflict("", "delivery %d told of a payment, which is booked; look at the payment", id)
		case !row.Readable:
			return conflict("", "the body of delivery %d was dropped, so it cannot be processed again; enter the payment by hand", id)
		}
		if err := q.DeliveryMayBeTriedNow(ctx, id); err != nil {
			return fmt.Errorf("set delivery %d back: %w", id, err)
		}
		summary := fmt.Sprintf("Delivery %d of %s is to be processed again", id, row.Source)
		return note(ctx, q, by, s.Clock.Now(), "delivery-retry", fmt.Sprintf("delivery %d", id), summary,
			map[string]string{"state": row.State}, map[string]string{"state": "received"})
	})
	if err != nil {
		return fmt.Errorf("process a delivery again: %w", err)
	}
	s.Ring.RingDelivery(ctx, id)
	return nil
}
