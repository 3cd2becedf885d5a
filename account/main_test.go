package account_test

import (
	"errors"
	"testing"
	"time"
	_ "time/tzdata" // the zones of these tests, on machines without the files

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"qserve/account"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func nairobi(t testing.TB) *time.Location {
	t.Helper()
	return zone(t, "Africa/Nairobi")
}

// at reads "2026-01-31 10:00" as the clocks of z show it; seconds may follow.
func at(t testing.TB, z *time.Location, text string) time.Time {
	t.Helper()
	layout := "2006-01-02 15:04:05"
	when, err := time.ParseInLocation(layout[:len(text)], text, z)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func kes(minor int64) account.Money { return account.Money{Minor: minor, Currency: "KES"} }

func pay(minor int64) account.Pay {
	return account.Pay{Amount: kes(minor), Receipt: "SKL7XQ2B1M", Via: "M-Pesa"}
}

// setup is an account of a monthly plan at KES 1,500 with nothing paid yet.
func setup() account.Account {
	return account.Account{
		ID: 42, Number: "ACC-0042", RouterID: 7, Username: "acc-0042", CredentialGen: 1, Balance: kes(0),
		Plan: account.Plan{
			ID: 3, Name: "Home 10", Rate: "5M/10M", Duration: account.Duration{Count: 1, Unit: account.Months},
			Price: kes(150_000), OnExpiry: account.Cut,
		},
	}
}

// lasting is setup with another duration, paid until expires.
func lasting(count int, unit account.Unit, expires time.Time) account.Account {
	a := setup()
	a.Plan.Duration = account.Duration{Count: count, Unit: unit}
	a.ExpiresAt = expires.UTC()
	return a
}

// paid is setup with its package running until expires.
func paid(expires time.Time) account.Account {
	a := lasting(1, account.Months, expires)
	a.DueAt = a.ExpiresAt
	return a
}

// office costs twice as much a month as the plan of setup.
func office() account.Plan {
	return account.Plan{
		ID: 4, Name: "Office 50", Rate: "50M/50M", Duration: account.Duration{Count: 1, Unit: account.Months},
		Price: kes(300_000), OnExpiry: account.Garden, GardenRate: "64k/64k",
	}
}

// then is paid with office to take over at takeover.
func then(takeover, expires time.Time) account.Account {
	a := paid(expires)
	a.Next, a.DueAt = &account.NextPlan{Plan: office(), At: takeover.UTC()}, takeover.UTC()
	return a
}

// failer is a test, or one run of a property.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func apply(t failer, a account.Account, cmd account.Command, now time.Time, z *time.Location) account.Change {
	t.Helper()
	change, err := account.Apply(a, cmd, now, z)
	if err != nil {
		t.Fatalf("%T at %v: %v", cmd, now, err)
	}
	return change
}

// refused applies a command that must be refused without any change, and returns the reason.
func refused(t testing.TB, a account.Account, cmd account.Command, now time.Time) string {
	t.Helper()
	change, err := account.Apply(a, cmd, now, time.UTC)
	var r *account.Refused
	if !errors.As(err, &r) {
		t.Fatalf("%#v: got %v, want a refusal", cmd, err)
	}
	if diff := cmp.Diff(account.Change{Account: a}, change); diff != "" {
		t.Errorf("%#v was refused and changed something (-before +after):\n%s", cmd, diff)
	}
	return r.Reason
}

func summaries(c account.Change) []string {
	var all []string
	for _, line := range c.Activity {
		all = append(all, line.Summary)
	}
	return all
}
