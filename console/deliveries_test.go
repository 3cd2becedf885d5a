package console_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func (o *office) idOf(sql string, args ...any) (id int64) {
	o.t.Helper()
	if err := o.pool.QueryRow(o.t.Context(), sql, args...).Scan(&id); err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
	return id
}

func (o *office) source(name string) int64 {
	o.t.Helper()
	return o.idOf(`insert into payment_sources (name, kind, token_hash, token_sealed, merchant, currency)
		values ($1, 'mpesa', sha256($1::text::bytea), '\x00', '600000', 'KES') returning id`, name)
}

// delivery stores a webhook in a state.
func (o *office) delivery(source int64, state, problem string, at time.Time) int64 {
	o.t.Helper()
	return o.idOf(`insert into deliveries (source_id, delivery_key, digest, call, body, received_at, state, attempts, last_error, processed_at)
		values ($1, gen_random_uuid()::text, sha256('x'), 'confirm', '{"FirstName":"JANE"}', $2::timestamptz, $3, 1, $4, case when $3 = 'received' then null else $2::timestamptz end)
		returning id`, source, at, state, problem)
}

func (o *office) deliveryIDs(q console.DeliveryQuery) (ids []int64) {
	o.t.Helper()
	for {
		page, err := o.Deliveries(o.t.Context(), q)
		if err != nil {
			o.t.Fatal(err)
		}
		for _, d := range page.Items {
			if ids = append(ids, d.ID); d.Body != "" {
				o.t.Errorf("the list shows a body: %s", d.Body)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return ids
		}
	}
}

func TestDeliveries_AreListedNewestFirstBySourceAndState(t *testing.T) {
	t.Parallel()
	o := setup(t)
	mpesa, shop := o.source("M-Pesa"), o.source("Shop")
	var all, failed, ofShop, waiting []int64
	for i := range 7 {
		source, state := mpesa, "processed"
		if i%2 == 1 {
			source = shop
		}
		switch i {
		case 1, 4:
			state = "failed"
		case 5:
			state = "received"
		}
		id := o.delivery(source, state, "", noon)
		all = append(all, id)
		if source == shop {
			ofShop = append(ofShop, id)
		}
		switch state {
		case "failed":
			failed = append(failed, id)
		case "received":
			waiting = append(waiting, id)
		}
	}
	for name, c := range map[string]struct {
		query console.DeliveryQuery
		want  []int64
	}{
		"all": {console.DeliveryQuery{Limit: 2}, all}, "failed": {console.DeliveryQuery{State: "failed", Limit: 1}, failed},
		"of the shop": {console.DeliveryQuery{Source: "Shop"}, ofShop}, "waiting": {console.DeliveryQuery{State: "received"}, waiting},
		"ignored": {console.DeliveryQuery{State: "ignored"}, nil}, "failed of the shop": {console.DeliveryQuery{Source: "Shop", State: "failed"}, all[1:2]},
	} {
		want := slices.Clone(c.want)
		slices.Reverse(want)
		if diff := cmp.Diff(want, o.deliveryIDs(c.query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, q := range map[string]console.DeliveryQuery{
		"state": {State: "lost"}, "source": {Source: "PayPal"}, "limit": {Limit: 201}, "cursor": {Cursor: "x"},
	} {
		if _, err := o.Deliveries(t.Context(), q); field(err) != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDelivery_IsShownWithItsBodyAndWhatCameOfIt(t *testing.T) {
	t.Parallel()
	o := setup(t)
	source := o.source("M-Pesa")
	id := o.delivery(source, "processed", "", noon)
	payment := o.idOf(`insert into payments (provider, merchant, transaction_id, delivery_id, amount_minor, currency, occurred_at, received_at, unallocated)
		values ('mpesa', '600000', 'A', $1, 5, 'KES', $2, $2, 'no such account') returning id`, id, noon)
	at := noon
	want := console.DeliveryView{
		ID: id, Source: "M-Pesa", Kind: "mpesa", Call: "confirm", State: "processed", Attempts: 1, ReceivedAt: noon, ProcessedAt: &at,
		Payments: []int64{payment}, Size: 20, Body: `{"FirstName":"JANE"}`,
	}
	got, err := o.Delivery(t.Context(), id)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("shown (-want +got):\n%s%v", diff, err)
	}
	o.exec(`update deliveries set body = '\xff6e6f' where id = $1`, id)
	if got, err := o.Delivery(t.Context(), id); err != nil || got.Body != "\uFFFDno" || got.Size != 3 {
		t.Errorf("a body that is no text: %+v, %v", got, err)
	}
	if _, err := o.Delivery(t.Context(), id+1); !isMissing(err) {
		t.Errorf("one that is not there: %v", err)
	}
}

func TestDelivery_IsProcessedAgainWhenThatCanHelp(t *testing.T) {
	t.Parallel()
	o := setup(t)
	source := o.source("M-Pesa")
	for _, state := range []string{"failed", "ignored"} {
		id := o.delivery(source, state, "no TransID", noon)
		if err := o.RetryDelivery(t.Context(), clerk, id); err != nil {
			t.Fatal(err)
		}
		got, err := o.Delivery(t.Context(), id)
		if err != nil || got.State != "received" || got.ProcessedAt != nil || got.Problem != "" || got.Attempts != 1 {
			t.Errorf("%s: %+v, %v", state, got, err)
		}
		if !slices.Equal(o.rung.deliveries, []int64{id}) {
			t.Errorf("%s: rung for %v", state, o.rung.deliveries)
		}
		o.rung.deliveries = nil
		audit, err := o.Audit(t.Context(), console.AuditQuery{Kinds: []string{"delivery-retry"}, Limit: 1})
		if err != nil || len(audit.Items) != 1 || audit.Items[0].Actor != "staff clerk" || audit.Items[0].Object != fmt.Sprintf("delivery %d", id) ||
			audit.Items[0].Before["state"] != state {
			t.Errorf("%s: audit %+v, %v", state, audit.Items, err)
		}
	}
	dropped := o.delivery(source, "failed", "", noon)
	o.exec("update deliveries set body = '' where id = $1", dropped)
	for name, id := range map[string]int64{
		"waiting": o.delivery(source, "received", "", noon), "booked": o.delivery(source, "processed", "", noon), "dropped": dropped,
	} {
		if _, ok := errors.AsType[*console.ConflictError](o.RetryDelivery(t.Context(), clerk, id)); !ok {
			t.Errorf("%s: no conflict", name)
		}
	}
	if err := o.RetryDelivery(t.Context(), clerk, dropped+100); !isMissing(err) {
		t.Errorf("one that is not there: %v", err)
	}
	if len(o.rung.deliveries) != 0 {
		t.Errorf("rung for %v", o.rung.deliveries)
	}
}
