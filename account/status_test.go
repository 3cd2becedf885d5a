package account_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

var noon = time.Date(2026, time.March, 10, 9, 0, 0, 0, time.UTC) // 12:00 in Nairobi

func TestStatusAndNextDue(t *testing.T) {
	t.Parallel()
	suspended := &account.Suspension{Category: account.Equipment, Since: noon}
	before, after, later := noon.Add(-time.Hour), noon.Add(time.Hour), noon.Add(2*time.Hour)
	for _, c := range []struct {
		name           string
		expires, grace time.Time
		suspension     *account.Suspension
		status         account.Status
		due            time.Time
	}{
		{"nothing paid yet", time.Time{}, time.Time{}, nil, account.Expired, time.Time{}},
		{"paid", after, time.Time{}, nil, account.Active, after},
		{"runs out at this instant", noon, time.Time{}, nil, account.Expired, time.Time{}},
		{"a nanosecond is left", noon.Add(1), time.Time{}, nil, account.Active, noon.Add(1)},
		{"ran out", before, time.Time{}, nil, account.Expired, time.Time{}},
		{"in grace", before, after, nil, account.Grace, after},
		{"grace without a payment ever", time.Time{}, after, nil, account.Grace, after},
		{"grace ends at this instant", before, noon, nil, account.Expired, time.Time{}},
		{"paid, grace to follow", after, later, nil, account.Active, after},
		{"paid, grace inside the paid time", later, after, nil, account.Active, after},
		{"suspended though paid", after, time.Time{}, suspended, account.Suspended, after},
		{"suspended in grace", before, after, suspended, account.Suspended, after},
		{"suspended and ran out", before, time.Time{}, suspended, account.Suspended, time.Time{}},
	} {
		a := setup()
		a.ExpiresAt, a.GraceUntil, a.Suspension = c.expires, c.grace, c.suspension
		if got := a.Status(noon); got != c.status {
			t.Errorf("%s: status %s, want %s", c.name, got, c.status)
		}
		if got := a.NextDue(noon); !got.Equal(c.due) {
			t.Errorf("%s: next due %v, want %v", c.name, got, c.due)
		}
		state := account.LineDisabled
		if c.status == account.Active || c.status == account.Grace {
			state = account.LineEnabled
		}
		if got := a.Desired(noon).State; got != state {
			t.Errorf("%s: the line is %s, want %s", c.name, got, state)
		}
	}
}

func TestStatus_ChangesAtNextDueAndNotBefore(t *testing.T) {
	t.Parallel()
	a := setup()
	a.ExpiresAt, a.GraceUntil = noon.Add(time.Hour), noon.Add(3*time.Hour)
	now, seen := noon, []account.Status{a.Status(noon)}
	for due := a.NextDue(now); !due.IsZero(); due = a.NextDue(now) {
		if got := a.Status(due.Add(-1)); got != seen[len(seen)-1] {
			t.Errorf("a nanosecond before %v: %s", due, got)
		}
		now, seen = due, append(seen, a.Status(due))
	}
	if diff := cmp.Diff([]account.Status{account.Active, account.Grace, account.Expired}, seen); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestDesired_DiffersExactlyWhenTheRouterHasToChange(t *testing.T) {
	t.Parallel()
	base := setup()
	base.ExpiresAt, base.Address, base.Plan.Pool = noon.Add(time.Hour), "10.1.2.3", "homes"
	want := account.Line{State: account.LineEnabled, Rate: "5M/10M", Pool: "homes", Address: "10.1.2.3", CredentialGen: 1}
	if diff := cmp.Diff(want, base.Desired(noon)); diff != "" {
		t.Fatalf("line (-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		change  func(*account.Account)
		differs bool
	}{
		"a longer package":                {func(a *account.Account) { a.ExpiresAt = a.ExpiresAt.AddDate(1, 0, 0) }, false},
		"more balance":                    {func(a *account.Account) { a.Balance.Minor += 5 }, false},
		"another anchor":                  {func(a *account.Account) { a.AnchorDay = 31 }, false},
		"grace to follow":                 {func(a *account.Account) { a.GraceUntil = a.ExpiresAt.Add(time.Hour) }, false},
		"another price":                   {func(a *account.Account) { a.Plan.Price = kes(1) }, false},
		"another plan of the same speed":  {func(a *account.Account) { a.Plan.ID, a.Plan.Name = 9, "Office" }, false},
		"another account number":          {func(a *account.Account) { a.Number = "ACC-1" }, false},
		"grace instead of the paid time":  {func(a *account.Account) { a.ExpiresAt, a.GraceUntil = noon, noon.Add(1) }, false},
		"run out":                         {func(a *account.Account) { a.ExpiresAt = noon }, true},
		"suspended":                       {func(a *account.Account) { a.Suspension = &account.Suspension{Category: account.Other} }, true},
		"another rate":                    {func(a *account.Account) { a.Plan.Rate = "5M/20M" }, true},
		"another pool":                    {func(a *account.Account) { a.Plan.Pool = "" }, true},
		"another address":                 {func(a *account.Account) { a.Address = "" }, true},
		"another password":                {func(a *account.Account) { a.CredentialGen++ }, true},
		"suspended for another reason":    {func(a *account.Account) { a.Suspension = &account.Suspension{Category: account.Equipment} }, true},
		"a policy that is the same today": {func(a *account.Account) { a.Plan.OnExpiry = "" }, false},
	} {
		a := base
		c.change(&a)
		if differs := a.Desired(noon) != base.Desired(noon); differs != c.differs {
			t.Errorf("%s: differs %v, want %v", name, differs, c.differs)
		}
	}
}

func TestLineOfASuspendedAccount_IsTheSameAsOfAnExpiredOne(t *testing.T) {
	t.Parallel()
	expired, suspended := setup(), setup()
	suspended.Suspension = &account.Suspension{Category: account.NonPayment, Since: noon}
	if diff := cmp.Diff(expired.Desired(noon), suspended.Desired(noon)); diff != "" {
		t.Errorf("a router would be driven for nothing (-expired +suspended):\n%s", diff)
	}
}

func TestWords_AreKnownOrNot(t *testing.T) {
	t.Parallel()
	for category, want := range map[account.Category]bool{
		account.NonPayment: true, account.Equipment: true, account.CustomerRequest: true, account.Other: true,
		"": false, "Other": false, "non payment": false,
	} {
		if got := category.Valid(); got != want {
			t.Errorf("category %q: %v", category, got)
		}
	}
	for policy, want := range map[account.Policy]bool{account.Cut: true, account.Garden: true, "": false, "CUT": false} {
		if got := policy.Valid(); got != want {
			t.Errorf("policy %q: %v", policy, got)
		}
	}
}

func TestReferences_AreFoldedToLettersAndDigits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" acc-0042 ": "ACC0042", "azAZ09": "AZAZ09", "`{@[/:": "", "ACC0042": "ACC0042", "acc 00 42": "ACC0042", "AcC_0042": "ACC0042", "acc/0042\n": "ACC0042",
		"+254 712 345 678": "254712345678", "": "", "---": "", "🙏": "", "ı": "", "ß": "", "É": "", "٤": "", "\xffA\x00b": "AB",
		"jane@fibre.example": "JANEFIBREEXAMPLE", "'; drop table": "DROPTABLE",
	} {
		if got := account.NormalizeReference(text); got != want {
			t.Errorf("%q is folded to %q, want %q", text, got, want)
		}
	}
}

func TestGarden_LetsAnExpiredSessionGoOnSlowlyInItsList(t *testing.T) {
	t.Parallel()
	a := paid(noon.Add(time.Hour))
	a.Plan, a.Plan.Pool, a.Address = office(), "homes", "10.1.2.3"
	full := account.Line{State: account.LineEnabled, Rate: "50M/50M", Pool: "homes", Address: "10.1.2.3", CredentialGen: 1}
	slow := full
	slow.Rate, slow.AddressList = "64k/64k", account.GardenList
	cut := full
	cut.State = account.LineDisabled
	grace, suspended, paidUp := a, a, a
	grace.GraceUntil = noon.Add(2 * time.Hour)
	suspended.Suspension = &account.Suspension{Category: account.Other, Since: noon}
	paidUp = apply(t, paidUp, pay(300_000), noon.Add(2*time.Hour), time.UTC).Account
	for name, c := range map[string]struct {
		a    account.Account
		at   time.Time
		want account.Line
	}{
		"paid": {a, noon, full}, "run out": {a, noon.Add(time.Hour), slow}, "in grace": {grace, noon.Add(time.Hour), full},
		"out of grace": {grace, noon.Add(2 * time.Hour), slow}, "suspended": {suspended, noon.Add(time.Hour), cut},
		"paid again": {paidUp, noon.Add(2 * time.Hour), full},
	} {
		if diff := cmp.Diff(c.want, c.a.Desired(c.at)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
