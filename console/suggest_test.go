package console_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

// strayed is money that came in for nobody known.
func (o *office) strayed(receipt, reference, phone, hash string) int64 {
	o.t.Helper()
	var id int64
	if err := o.pool.QueryRow(o.t.Context(), `insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at,
		received_at, reference, payer_phone, payer_phone_hash, unallocated) values ('mpesa', '600000', $1, 150000, 'KES', $2, $2, $3, $4, $5, 'nobody') returning id`,
		receipt, noon, reference, phone, hash).Scan(&id); err != nil {
		o.t.Fatal(err)
	}
	return id
}

// suggested lists whose a payment may be, as "account: why".
func (o *office) suggested(id int64) []string {
	o.t.Helper()
	list, err := o.Suggestions(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	lines := []string{}
	for _, s := range list {
		if s.Subscriber.Plan == "" || s.Subscriber.Status == "" {
			o.t.Errorf("half a subscriber: %+v", s.Subscriber)
		}
		lines = append(lines, s.Subscriber.Account+": "+s.Why)
	}
	return lines
}

func TestSuggestions_SayWhoseAPaymentMayBeAndWhy(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours...)
	const (
		one   = "the account number differs from the reference by one character"
		two   = "the account number differs from the reference by two digits"
		swap  = "the account number differs from the reference by two characters in each other's place"
		zeros = "the account number differs from the reference only by zeros"
		bare  = "the account number is the reference with the letters before it"
		named = "the reference names this account number"
		owns  = "the payer's phone number is this subscriber's"
		paid  = "the payer has paid for this account before"
	)
	var janes string
	if err := o.pool.QueryRow(t.Context(), "select phone_hash from subscribers where account = 'ACC-0001'").Scan(&janes); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		reference, phone, hash string
		want                   []string
	}{
		{"ACC-0010", "", "", []string{"ACC-0001: " + swap, "ACC-0002: " + two, "ACC-0003: " + two, "ACC-0004: " + two, "ACC-0006: " + two}},
		{"acc-06", "", "", []string{"ACC-0006: " + zeros}},
		{"6", "", "", []string{"ACC-0006: " + bare}},
		{"KLN 7", "", "", []string{"KLM 7: " + one}},
		{"KLM7, rent", "", "", []string{"KLM 7: " + named}},
		{"rent for March", "", "", nil},
		{"home.john", "", "", []string{"ACC-0002: the reference is this PPPoE user name"}},
		{"0708 374 149", "", "", []string{"ACC-0003: the reference is this subscriber's phone number"}},
		{"?", "+254712345678", "", []string{"ACC-0001: " + owns}},
		{"", "", janes, []string{"ACC-0001: " + owns}},
		{"ACC-0002", "+254712345678", "", []string{"ACC-0002: " + named, "ACC-0001: " + owns + "; " + one, "ACC-0003: " + one, "ACC-0004: " + one, "ACC-0006: " + one}},
		{strings.Repeat("9", 500), "", "", nil},
		{"𝟘 ﷽ ' % \\", "+0", "", nil},
	} {
		if c.want == nil {
			c.want = []string{}
		}
		id := o.strayed(fmt.Sprintf("R%d", i), c.reference, c.phone, c.hash)
		if diff := cmp.Diff(c.want, o.suggested(id)); diff != "" {
			t.Errorf("%q, %s (-want +got):\n%s", c.reference, c.phone, diff)
		}
	}
	// Who paid before in clear is known when only the hash is told.
	o.sql(`insert into payments (provider, merchant, transaction_id, amount_minor, currency, occurred_at, received_at, payer_phone, subscriber_id)
		select 'bank', 'x', 'B' || id, 1, 'KES', now(), now(), '+254712345678', id from subscribers where account in ('KLM 7', 'ACC-0006')`)
	o.sql(`update payments set reversed_at = now(), reversal_reason = 'x' where subscriber_id = (select id from subscribers where account = 'ACC-0006')`)
	want := []string{"ACC-0001: " + owns, "KLM 7: " + paid}
	if diff := cmp.Diff(want, o.suggested(o.strayed("HASHED", "", "", janes))); diff != "" {
		t.Errorf("paid before (-want +got):\n%s", diff)
	}
	for _, text := range o.suggested(o.strayed("CLEAR", "", "+254712345678", "")) {
		if strings.Contains(text, "254") || strings.Contains(text, "0712") {
			t.Errorf("a phone number is in %q", text)
		}
	}
}

func TestSuggestions_AreOnlyForMoneyThatIsNobodys(t *testing.T) {
	t.Parallel()
	o := open(t)
	if _, err := o.Suggestions(t.Context(), 99); !isMissing(err) {
		t.Errorf("no such payment: %v", err)
	}
	lost := o.lost("100", "FT1")
	if _, err := o.Allocate(t.Context(), clerk, lost, "ACC-0042"); err != nil {
		t.Fatal(err)
	}
	o.work()
	split := o.lost("100", "FT2")
	if _, err := o.Split(t.Context(), clerk, split, []console.SplitPart{{Account: "ACC-0042", Amount: "1"}, {Amount: "99"}}); err != nil {
		t.Fatal(err)
	}
	for id, words := range map[int64]string{lost: "is credited, so it waits for no account", split: "is split"} {
		_, err := o.Suggestions(t.Context(), id)
		if got := conflictOf(t, err); !strings.Contains(got, words) {
			t.Errorf("payment %d: %q", id, got)
		}
	}
}
