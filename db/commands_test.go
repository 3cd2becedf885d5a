package db_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// read makes an order of jane's ready.
func (b *books) read(kind, arguments string) (order db.Order, err error) {
	b.t.Helper()
	ctx := b.t.Context()
	err = db.InTx(ctx, b.pool, func(_ pgx.Tx, q *db.Queries) error {
		facts, err := db.LockAccountFacts(ctx, q, b.jane)
		if err != nil {
			return err
		}
		order, err = db.ReadOrder(ctx, q, kind, []byte(arguments), facts, noon)
		return err
	})
	return order, err
}

func TestOrders_AreReadBackAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	plan := b.facts(b.jane).Plan
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		kind, arguments string
		want            account.Command
	}{
		{"suspend", `{"category":"other","reason":"moved","stop_clock":true}`, account.Suspend{Category: account.Other, Reason: "moved", StopClock: true}},
		{"suspend", `{"category":"equipment"}`, account.Suspend{Category: account.Equipment}},
		{"reconnect", `{"grace_hours":36}`, account.Reconnect{Grace: 36 * time.Hour}},
		{"reconnect", `{}`, account.Reconnect{}},
		{"change-package", `{"plan_id":1,"at_renewal":true}`, account.ChangePackage{Plan: plan, AtRenewal: true}},
		{"change-package", `{"plan_id":1,"convert":true}`, account.ChangePackage{Plan: plan, Convert: true}},
		{"cancel-change", `{}`, account.CancelChange{}},
		{"extend", `{"days":3,"note":"storm"}`, account.Extend{Days: 3, Note: "storm"}},
		{"edit", `{"name":"Jane W","phone":"","revision":7,"password_sealed":"AAE="}`,
			account.Edit{Name: text("Jane W"), Phone: text(""), NewPassword: true, Revision: 7}},
		{"edit", `{"email":"j@x","address":"here","username":"jw","fixed_address":"10.1.2.3"}`,
			account.Edit{Email: text("j@x"), Address: text("here"), Username: text("jw"), FixedAddress: text("10.1.2.3")}},
		{"edit", `{"pinned_note":""}`, account.Edit{Pinned: text("")}},
		{"note", `{"text":"hello"}`, account.Note{Text: "hello"}},
		{"note", `{"text":"hello","pin":true}`, account.Note{Text: "hello", Pin: true}},
		{"delete", `{"confirm":"ACC-0042"}`, account.Delete{Confirm: "ACC-0042"}},
	} {
		order, err := b.read(c.kind, c.arguments)
		if diff := cmp.Diff(c.want, order.Command); err != nil || diff != "" {
			t.Errorf("%s %s: %v, command (-want +got):\n%s", c.kind, c.arguments, err, diff)
		}
		if c.kind == "edit" && (len(order.PasswordSealed) > 0) != strings.Contains(c.arguments, "password") {
			t.Errorf("%s: sealed password %x", c.arguments, order.PasswordSealed)
		}
	}
}

func TestOrders_ThatCannotBeDoneAreRefused(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.exec("update plans set archived_at = $1 where id = $2", noon, b.office())
	john := b.subscriber("ACC-0043", "john", "")
	b.exec("update subscribers set fixed_address = '10.1.2.3' where id = $1", john)
	other := b.id(`insert into routers (name, mode, api_address, api_plain) values ('Westlands', 'local', 'x:1', true) returning id`)
	b.exec(`insert into subscribers (account, name, router_id, username, password_sealed, plan_id, currency)
		values ('A1', 'X', $1, 'jane', '\x00', $2, 'KES')`, other, b.plan)
	for _, c := range []struct{ kind, arguments, field, words string }{
		{"explode", `{}`, "", `does not know actions of kind "explode"`},
		{"suspend", `[]`, "", "the arguments of this suspend are damaged"},
		{"reconnect", `{"grace_hours":"x"}`, "", "damaged"},
		{"change-package", `{"plan_id":"1"}`, "", "damaged"},
		{"extend", `{`, "", "damaged"},
		{"edit", `{"name":1}`, "", "damaged"},
		{"note", ``, "", "damaged"},
		{"undo", `{"action":"x"}`, "", "the arguments of this undo are damaged"},
		{"undo", `{"action":99}`, "", "there is no action 99 any more"},
		{"delete", `"ACC-0042"`, "", "damaged"},
		{"payment", `{"payment_id":"1"}`, "", "damaged"},
		{"reverse", `7`, "", "damaged"},
		{"change-package", `{"plan_id":2}`, "", "this plan is not sold any more"},
		{"change-package", `{"plan_id":99}`, "", "this plan is not sold any more"},
		{"edit", `{"username":"john"}`, "username", `somebody on this router has the PPPoE name "john" already`},
		{"edit", `{"router_id":2}`, "username", `somebody on this router has the PPPoE name "jane" already`},
		{"edit", `{"fixed_address":"10.1.2.3"}`, "fixed_ip", "somebody on this router has the address 10.1.2.3 already"},
		{"edit", `{"fixed_address":"here"}`, "", `"here" is not an IP address`},
	} {
		_, err := b.read(c.kind, c.arguments)
		if refusal := refusalOf(t, err); !strings.Contains(err.Error(), c.words) || !strings.Contains(refusal, c.words) {
			t.Errorf("%s %s: refused with %q, want %q", c.kind, c.arguments, err, c.words)
		}
		taken, ok := errors.AsType[*db.Taken](err)
		if ok != (c.field != "") || ok && taken.Field != c.field {
			t.Errorf("%s %s: the field is %+v, want %q", c.kind, c.arguments, taken, c.field)
		}
	}
	// What she has already is nobody else's.
	for _, arguments := range []string{`{"username":"jane"}`, `{"fixed_address":""}`, `{"router_id":1,"username":"jane.2"}`, `{"router_id":2,"username":"john"}`} {
		if _, err := b.read("edit", arguments); err != nil {
			t.Errorf("%s: %v", arguments, err)
		}
	}
}

func TestOrdersOverPayments_AreRefusedWhereTheMoneyIsNotTheirs(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	john := b.subscriber("ACC-0043", "john", "")
	b.pay("JANES", 160_000, noon)
	waits, reversed, johns := b.payment("WAITS", 1), b.payment("REVERSED", 1), b.payment("JOHNS", 1)
	b.exec("update payments set subscriber_id = null, unallocated = 'x' where id = $1", waits)
	b.exec("update payments set reversed_at = $1 where id = $2", noon, reversed)
	b.exec("update payments set subscriber_id = $1 where id = $2", john, johns)
	spent := b.payment("SPENT", 1)
	b.exec("update payments set subscriber_id = null, unallocated = 'x' where id = $1", spent)
	b.exec("insert into spent_money_keys values (money_key('mpesa', '600000', 'SPENT'))")
	of := func(id int64) string { return fmt.Sprintf(`{"reason":"chargeback","payment_id":%d}`, id) }
	janes := b.id("select id from payments where transaction_id = 'JANES'")
	split := b.payment("SPLIT", 2)
	b.exec("update payments set subscriber_id = null, split_at = $1 where id = $2", noon, split)
	for _, c := range []struct {
		kind  string
		of    int64
		words string
	}{
		{"payment", split, "was split: give or reverse its parts"},
		{"reverse", split, "was split: give or reverse its parts"},
		{"payment", 99, "there is no payment 99 any more"},
		{"payment", reversed, "was reversed"},
		{"payment", janes, "is credited to an account already"},
		{"payment", johns, "is credited to an account already"},
		{"payment", spent, "was credited to an account that has been deleted since"},
		{"reverse", 99, "there is no payment 99 any more"},
		{"reverse", reversed, "was reversed"},
		{"reverse", waits, "is not credited to ACC-0042"},
		{"unallocate", johns, "is not credited to ACC-0042"},
		{"unallocate", waits, "is not credited to ACC-0042"},
	} {
		_, err := b.read(c.kind, of(c.of))
		if refusal := refusalOf(t, err); !strings.Contains(refusal, c.words) {
			t.Errorf("%s of %d: refused with %q, want %q", c.kind, c.of, refusal, c.words)
		}
	}
	order, err := b.read("payment", of(waits))
	if diff := cmp.Diff(account.Pay{Amount: account.Money{Minor: 1, Currency: "KES"}, Receipt: "WAITS", Via: "mpesa"}, order.Command); err != nil || diff != "" {
		t.Errorf("payment: %v, (-want +got):\n%s", err, diff)
	}
	month := noon.AddDate(0, 1, 0)
	for _, kind := range []string{"reverse", "unallocate"} {
		order, err := b.read(kind, of(janes))
		if diff := cmp.Diff(account.Reverse{
			Amount: account.Money{Minor: 160_000, Currency: "KES"}, Receipt: "JANES", Reason: "chargeback",
			Bought: []account.Entry{{
				Kind: account.EntryRenewal, Amount: account.Money{Minor: -150_000, Currency: "KES"}, Plan: b.facts(b.jane).Plan, Periods: 1,
				Start: noon, End: month,
			}},
		}, order.Command, cmp.Transformer("instant", time.Time.UTC)); err != nil || diff != "" {
			t.Errorf("%s: %v, (-want +got):\n%s", kind, err, diff)
		}
		if order.PaymentID != janes || order.Allocation != 0 {
			t.Errorf("%s: payment %d, allocation %d", kind, order.PaymentID, order.Allocation)
		}
	}
}

func TestPaymentGivenToTwoAccountsAtOnce_IsCreditedToOne(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	john := b.subscriber("ACC-0043", "john", "")
	waits := b.payment("WAITS", 150_000)
	b.exec("update payments set subscriber_id = null, unallocated = 'x' where id = $1", waits)
	action := b.accept(john, "payment", db.PaymentArguments{PaymentID: waits})
	second := make(chan error, 1)
	err := db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
		facts, err := db.LockAccountFacts(ctx, q, b.jane)
		if err != nil {
			return err
		}
		order, err := db.ReadOrder(ctx, q, "payment", fmt.Appendf(nil, `{"payment_id":%d}`, waits), facts, noon)
		if err != nil {
			return err
		}
		go func() {
			_, err := b.apply(john, action, noon)
			second <- err
		}()
		// John's must be waiting for this transaction, or be over.
		for waiting := false; !waiting && len(second) == 0; {
			if err := b.pool.QueryRow(ctx, `select exists (select 1 from pg_stat_activity where datname = current_database()
				and wait_event_type = 'Lock' and query like '%LockPayment%')`).Scan(&waiting); err != nil {
				return err
			}
		}
		change, err := account.Apply(facts, order.Command, noon, time.UTC)
		if err != nil {
			return err
		}
		_, err = db.SaveChange(ctx, tx, db.Deed{
			Change: change, Kind: "payment", Actor: "x", AcceptedAt: noon, PaymentID: order.PaymentID, Also: order.Also,
		}, noon)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if refusal := refusalOf(t, <-second); !strings.Contains(refusal, "is credited to an account already") {
		t.Errorf("refused with %q", refusal)
	}
	if n := b.id("select count(*) from ledger_entries where kind = 'payment'"); n != 1 {
		t.Errorf("the money was credited %d times", n)
	}
}
