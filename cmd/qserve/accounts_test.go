package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/console"
)

func TestSubscribers_AreAddedFoundAndShown(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	var jane, john console.SubscriberView
	c.data(&jane, "subscriber", "add", "ACC-0042", "--name", "Jane Wambui", "--phone", "0708 374 149", "--router", "Kilimani", "--plan", "Home 10",
		"--password-file", c.file("pppoe-secret\n"), "--paid-until", "2099-01-01T00:00:00+03:00")
	paid := time.Date(2098, 12, 31, 21, 0, 0, 0, time.UTC)
	if jane.Account != "ACC-0042" || jane.Phone != "+254708374149" || jane.Username != "acc-0042" || jane.Status != "active" ||
		jane.ExpiresAt == nil || !jane.ExpiresAt.Equal(paid) || jane.Confirmed == nil || *jane.Confirmed || jane.Password != "" {
		t.Errorf("added %+v", jane)
	}
	c.data(&john, "subscriber", "add", "ACC-0043", "--name", "John", "--router", "Westlands", "--plan", "Home 10")
	if len(john.Password) < 12 || john.Status != "expired" || john.ExpiresAt != nil {
		t.Errorf("a password of %d characters, %s", len(john.Password), john.Status)
	}
	c.says([]string{"PPPoE password (shown this once): "}, "subscriber", "add", "ACC-0044", "--name", "Mary", "--router", "Westlands", "--plan", "Home 10")

	c.says([]string{
		"Jane Wambui  ACC-0042  +254708374149", "active, paid until 1 Jan 2099 00:00:00. Home 10 on Kilimani as acc-0042. Balance KES 0.00.",
		"Kilimani has not confirmed the last change yet", "Account opened",
	}, "subscriber", "show", "acc 0042")
	var shown console.SubscriberView
	c.data(&shown, "subscriber", "show", "ACC-0043")
	john.Password = ""
	if diff := cmp.Diff(john, shown); diff != "" {
		t.Errorf("shown (-added +shown):\n%s", diff)
	}

	c.says([]string{"ACCOUNT", "ACC-0042", "1 Jan 2099 00:00", "ACC-0044", "expired"}, "subscriber", "list")
	for _, known := range []string{"wambui", "0708374149", "acc0042", "ACC-0042"} {
		if out := c.ok("subscriber", "find", known); !strings.Contains(out, "Jane") || strings.Contains(out, "John") {
			t.Errorf("found by %s:\n%s", known, out)
		}
	}
	if out := c.ok("subscriber", "list", "--status", "expired", "--router", "Westlands"); strings.Contains(out, "Jane") || !strings.Contains(out, "John") {
		t.Errorf("the expired on Westlands:\n%s", out)
	}
	var first, second console.Page[console.SubscriberView]
	c.data(&first, "subscriber", "list", "--limit", "2")
	c.data(&second, "subscriber", "list", "--limit", "2", "--cursor", first.Next)
	if len(first.Items) != 2 || len(second.Items) != 1 || second.Next != "" || second.Items[0].Account != "ACC-0044" {
		t.Errorf("pages of %d and %d", len(first.Items), len(second.Items))
	}
	c.says([]string{"There are more: --cursor " + first.Next}, "subscriber", "list", "--limit", "2")

	c.fails([]string{`there is no account "ACC-1"`}, "subscriber", "show", "ACC-1")
	c.fails([]string{"account: there is an account"}, "subscriber", "add", "acc0042", "--name", "X", "--router", "Kilimani", "--plan", "Home 10")
	c.fails([]string{"plan: "}, "subscriber", "add", "ACC-9", "--name", "X", "--router", "Kilimani", "--plan", "Home")
	c.fails([]string{"password: "}, "subscriber", "add", "ACC-9", "--name", "X", "--router", "Kilimani", "--plan", "Home 10", "--password-file", c.file("abc\n"))
	c.fails([]string{"password-file: is empty"}, "subscriber", "add", "ACC-9", "--name", "X", "--router", "Kilimani", "--plan", "Home 10", "--password-file", c.file("\n\n"))
}

// stored lists what the actions that wait are and what they say.
func (c *terminal) stored() []string {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(c.t.Context())
	rows, err := conn.Query(c.t.Context(), "select kind || ' ' || (arguments - 'password_sealed') from actions where state = 'accepted' order by id")
	if err != nil {
		c.t.Fatal(err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		c.t.Fatal(err)
	}
	return stored
}

func TestCommandsOnASubscriber_AreAcceptedWhileNobodyWorks(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.ok("plan", "add", "Home 20", "--rate", "10M/20M", "--duration", "1 month", "--price", "3000")
	c.ok("subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Kilimani", "--plan", "Home 10", "--paid-until", "2099-01-01T00:00:00+03:00")
	var action console.Given
	until := time.Now().AddDate(0, 0, 20).Format(time.DateOnly)
	c.says([]string{"Suspended until ", "The customer notices: ", "Comes back by itself on "}, "subscriber", "suspend", "ACC-0042", "--until", until, "--preview")
	c.data(&action, "subscriber", "suspend", "ACC-0042", "--category", "equipment", "--reason", "stolen", "--until", until, "--wait", "0")
	if action.Kind != "suspend" || action.State != "accepted" || action.ID == 0 || !strings.HasPrefix(action.Actor, "staff") {
		t.Errorf("action %+v", action)
	}
	c.says([]string{"(reconnect) is accepted and waits for a worker"}, "subscriber", "reconnect", "ACC-0042", "--wait", "0")
	c.ok("subscriber", "extend", "ACC-0042", "3", "--note", "outage", "--wait", "0")
	c.ok("subscriber", "note", "ACC-0042", "Dog in the yard", "--wait", "0")
	c.ok("subscriber", "change-package", "ACC-0042", "Home 20", "--when", "renewal", "--wait", "0")
	c.ok("subscriber", "cancel-change", "ACC-0042", "--wait", "0")
	c.says([]string{"PPPoE password (shown this once): "}, "subscriber", "edit", "ACC-0042", "--name", "Jane W", "--new-password", "--wait", "0")
	var kinds []string
	for _, line := range c.stored() {
		kind, arguments, _ := strings.Cut(line, " ")
		kinds = append(kinds, kind)
		if kind == "suspend" && (!strings.Contains(arguments, "equipment") || !strings.Contains(arguments, "stolen") || !strings.Contains(arguments, "T21:00:00Z")) {
			t.Errorf("the suspension says %s", arguments)
		}
	}
	want := []string{"suspend", "reconnect", "extend", "note", "change-package", "cancel-change", "edit"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	number := strconv.FormatInt(action.ID, 10)
	c.says([]string{"Action " + number + " (suspend), asked for by staff", "waits for a worker"}, "action", "show", number)
	c.says([]string{"waits for a worker"}, "action", "follow", number, "--wait", "0")
	c.fails([]string{"there is no action 999"}, "action", "show", "999")
}

func TestCommandThatCannotBe_FailsWithTheReason(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.ok("subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Kilimani", "--plan", "Home 10", "--paid-until", "2099-01-01T00:00:00+03:00")
	c.ok("subscriber", "add", "ACC-0043", "--name", "John", "--router", "Kilimani", "--plan", "Home 10")
	c.fails([]string{`there is no account "ACC-1"`}, "subscriber", "suspend", "ACC-1")
	c.fails([]string{"--category"}, "subscriber", "suspend", "ACC-0042", "--category", "because")
	c.fails([]string{"until: must be a day such as 2026-12-12"}, "subscriber", "suspend", "ACC-0042", "--until", "soon")
	c.fails([]string{"until: must lie in the future"}, "subscriber", "suspend", "ACC-0042", "--until", "2020-01-01")
	c.fails([]string{"active"}, "subscriber", "reconnect", "ACC-0042")
	c.fails([]string{"days: "}, "subscriber", "extend", "ACC-0042", "400")
	c.fails([]string{"plan: "}, "subscriber", "change-package", "ACC-0042", "Nothing")
	c.fails([]string{"username: "}, "subscriber", "edit", "ACC-0042", "--username", "acc-0043")
	c.fails([]string{"confirm: ", "ACC-0042"}, "subscriber", "delete", "ACC-0042", "--confirm", "ACC-0043")
	c.fails([]string{"--confirm"}, "subscriber", "delete", "ACC-0042")
	if left := c.stored(); len(left) != 0 {
		t.Errorf("stored %v", left)
	}
}

func TestPreview_ChangesNothingAndSaysWhatWouldCome(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.ok("plan", "add", "Home 20", "--rate", "10M/20M", "--duration", "1 month", "--price", "3000")
	c.ok("subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Westlands", "--plan", "Home 10", "--paid-until", "2099-01-01T00:00:00+03:00")
	c.says([]string{
		"Plan: Home 10 (5M/10M) → Home 20 (10M/20M)", "Next period: KES 1500.00 → KES 3000.00",
		"The customer notices: ", "Nothing was changed.",
	}, "subscriber", "change-package", "ACC-0042", "Home 20", "--preview")
	var seen console.PreviewView
	c.data(&seen, "subscriber", "change-package", "ACC-0042", "Home 20", "--convert", "--preview")
	if seen.Before.Plan != "Home 10" || seen.After.Plan != "Home 20" || seen.After.ExpiresAt == nil || !seen.After.ExpiresAt.Before(*seen.Before.ExpiresAt) {
		t.Errorf("seen %+v", seen)
	}
	if left := c.stored(); len(left) != 0 {
		t.Errorf("stored %v", left)
	}
}

func TestMoneyOfStaff_IsEnteredListedAndGivenToAnAccount(t *testing.T) {
	t.Parallel()
	c := furnished(t)
	c.ok("subscriber", "add", "ACC-0042", "--name", "Jane", "--router", "Kilimani", "--plan", "Home 10")
	var entered console.EnteredPayment
	c.data(&entered, "payment", "enter", "1500", "--method", "bank", "--reference", "FT1")
	if entered.Action != nil || entered.Payment.Status != "unallocated" || entered.Payment.Amount.Amount != "1500.00" {
		t.Errorf("entered %+v", entered)
	}
	c.fails([]string{"reference: "}, "payment", "enter", "20", "--method", "bank", "--reference", "FT1")
	c.fails([]string{"amount: "}, "payment", "enter", "lots")
	c.says([]string{"FT1", "KES 1500.00", "unallocated"}, "payment", "list", "--unallocated")
	number := strconv.FormatInt(entered.Payment.ID, 10)
	c.says([]string{"Payment " + number + ": KES 1500.00 by bank, receipt FT1"}, "payment", "show", number)
	c.fails([]string{"allocate it first"}, "payment", "receipt", number)
	c.fails([]string{"not credited"}, "payment", "unallocate", number)
	c.says([]string{"(payment) is accepted"}, "payment", "allocate", number, "ACC-0042", "--wait", "0")
	c.says([]string{"(KES 20.00) is entered, unallocated."}, "payment", "enter", "20", "--reference", "slip 7")
	c.data(&entered, "payment", "enter", "30")
	number = strconv.FormatInt(entered.Payment.ID, 10)
	c.says([]string{"Payment " + number + " (KES 30.00) is reversed."}, "payment", "reverse", number, "--reason", "typed twice")
	c.fails([]string{"there is no payment 999"}, "payment", "show", "999")
	for _, list := range [][]string{{"payments"}, {"invoices"}, {"ledger"}, {"activity"}, {"activity", "--csv"}} {
		c.ok(append([]string{"subscriber", list[0], "ACC-0042"}, list[1:]...)...)
	}
}
