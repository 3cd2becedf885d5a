package account_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

func TestExpire_SaysOnceWhatRanOut(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	hour := time.Hour
	for _, c := range []struct {
		name           string
		expires, grace time.Time
		due, now       time.Time
		says           []string
	}{
		{"at its instant", noon, time.Time{}, noon, noon, []string{"Home 10 ran out at 10 Mar 2026 12:00"}},
		{"a week late", noon, time.Time{}, noon, noon.AddDate(0, 0, 7), []string{"Home 10 ran out at 10 Mar 2026 12:00"}},
		{"again", noon, time.Time{}, time.Time{}, noon.Add(hour), nil},
		{"a nanosecond early", noon, time.Time{}, noon, noon.Add(-1), nil},
		{"paid meanwhile", noon.AddDate(0, 1, 0), time.Time{}, noon, noon, nil},
		{"never paid", time.Time{}, time.Time{}, time.Time{}, noon, nil},
		{"into grace", noon, noon.Add(hour), noon, noon, []string{"Home 10 ran out at 10 Mar 2026 12:00, in grace until 10 Mar 2026 13:00"}},
		{"out of grace", noon.Add(-hour), noon, noon, noon, []string{"Grace ended at 10 Mar 2026 12:00"}},
		{"both while nobody looked", noon, noon.Add(hour), noon, noon.Add(2 * hour), []string{"Grace ended at 10 Mar 2026 13:00"}},
		{"grace of a package that is paid again", noon.Add(hour), noon, noon, noon, nil},
	} {
		a := lasting(1, account.Months, c.expires)
		a.GraceUntil, a.DueAt = c.grace, c.due
		got := apply(t, a, account.Expire{}, c.now, z)
		if diff := cmp.Diff(c.says, summaries(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		for _, line := range got.Activity {
			if line.Kind != "expire" || line.Actor != account.Clock {
				t.Errorf("%s: a line of kind %q by %q", c.name, line.Kind, line.Actor)
			}
		}
		want := a
		want.DueAt = a.NextDue(c.now)
		if diff := cmp.Diff(want, got.Account); diff != "" || len(got.Entries) != 0 {
			t.Errorf("%s changed a fact (-want +got):\n%s%+v", c.name, diff, got.Entries)
		}
	}
}

func TestAutoRenewal_IsSeamlessWhenPunctualAndBeginsNowWhenLater(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	for _, c := range []struct {
		name, now, from, until string
	}{
		{"at its instant", "2026-02-28 10:00", "2026-02-28 10:00", "2026-03-31 10:00"},
		{"a minute late", "2026-02-28 10:01", "2026-02-28 10:00", "2026-03-31 10:00"},
		{"after a longer outage", "2026-02-28 10:01:01", "2026-02-28 10:01:01", "2026-03-28 10:01:01"},
		{"after days", "2026-03-03 08:00", "2026-03-03 08:00", "2026-04-03 08:00"},
	} {
		a := paid(at(t, z, "2026-02-28 10:00"))
		a.AnchorDay, a.Balance = 31, kes(350_000)
		got := apply(t, a, account.Expire{}, at(t, z, c.now), z)
		from, until := at(t, z, c.from), at(t, z, c.until)
		if len(got.Entries) != 1 || got.Entries[0].Periods != 1 || !got.Entries[0].Start.Equal(from) || !got.Account.ExpiresAt.Equal(until) {
			t.Errorf("%s: bought %+v, paid until %v", c.name, got.Entries, got.Account.ExpiresAt.In(z))
		}
		if got.Account.Balance != kes(200_000) || got.Account.Status(at(t, z, c.now)) != account.Active || !got.Account.DueAt.Equal(until) {
			t.Errorf("%s: %s, balance %s, due %v", c.name, got.Account.Status(at(t, z, c.now)), got.Account.Balance, got.Account.DueAt)
		}
		want := []string{"Home 10 renewed from the balance until " + until.In(z).Format("2 Jan 2006 15:04")}
		if diff := cmp.Diff(want, summaries(got)); diff != "" || got.Activity[0].Actor != account.Clock || got.Activity[0].Kind != "renewal" {
			t.Errorf("%s: activity (-want +got):\n%s%+v", c.name, diff, got.Activity)
		}
	}
}

func TestAutoRenewal_NeedsTheWholePriceAndAnAccountThatIsNotSuspended(t *testing.T) {
	t.Parallel()
	poor := paid(noon)
	poor.Balance = kes(149_999)
	got := apply(t, poor, account.Expire{}, noon, nairobi(t))
	if diff := cmp.Diff([]string{"Home 10 ran out at 10 Mar 2026 12:00"}, summaries(got)); diff != "" || len(got.Entries) != 0 {
		t.Errorf("a cent short (-want +got):\n%s%+v", diff, got.Entries)
	}
	cut := paid(noon)
	cut.Balance = kes(150_000)
	cut.Suspension = &account.Suspension{Category: account.Equipment, Since: noon.Add(-time.Hour)}
	got = apply(t, cut, account.Expire{}, noon, nairobi(t))
	if len(got.Entries) != 0 || got.Account.Balance != kes(150_000) {
		t.Errorf("suspended, and the clock bought %+v", got.Entries)
	}
	tomorrow := noon.AddDate(0, 0, 1)
	back := apply(t, got.Account, account.Reconnect{}, tomorrow, nairobi(t))
	if len(back.Entries) != 1 || !back.Entries[0].Start.Equal(tomorrow) || back.Account.Status(tomorrow) != account.Active {
		t.Errorf("the reconnection bought %+v, now %s", back.Entries, back.Account.Status(tomorrow))
	}
	if diff := cmp.Diff([]string{"Reconnected, paid until 11 Apr 2026 12:00"}, summaries(back)); diff != "" {
		t.Errorf("reconnected (-want +got):\n%s", diff)
	}
}

func TestScheduledPackage_TakesOverAtItsInstantAndIsBoughtAtItsPrice(t *testing.T) {
	t.Parallel()
	a := then(noon, noon)
	a.Balance = kes(300_000)
	early := apply(t, a, account.Expire{}, noon.Add(-1), time.UTC)
	if early.Account.Plan.Name != "Home 10" || len(early.Activity) != 0 {
		t.Errorf("a nanosecond early: %s, %v", early.Account.Plan.Name, summaries(early))
	}
	got := apply(t, a, account.Expire{}, noon, nairobi(t))
	if got.Account.Plan != office() || got.Account.Next != nil || got.Account.Balance != kes(0) || len(got.Entries) != 1 || got.Entries[0].Plan != office() {
		t.Errorf("got %s, then %v, bought %+v", got.Account.Plan.Name, got.Account.Next, got.Entries)
	}
	want := []string{
		"Office 50 takes over from Home 10, as scheduled",
		"Office 50 renewed from the balance until 10 Apr 2026 12:00",
	}
	if diff := cmp.Diff(want, summaries(got)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	cheaper := then(noon, noon)
	cheaper.Balance = kes(299_999) // would do for the old package
	if got := apply(t, cheaper, account.Expire{}, noon, time.UTC); len(got.Entries) != 0 || got.Account.Plan != office() {
		t.Errorf("got %s, bought %+v", got.Account.Plan.Name, got.Entries)
	}
}

func TestTakeOverAndExpiry_WhileNobodyLooked(t *testing.T) {
	t.Parallel()
	a := then(noon.AddDate(0, 0, -5), noon)
	got := apply(t, a, account.Expire{}, noon.Add(time.Hour), nairobi(t))
	want := []string{"Office 50 takes over from Home 10, as scheduled", "Office 50 ran out at 10 Mar 2026 12:00"}
	if diff := cmp.Diff(want, summaries(got)); diff != "" || got.Account.Plan != office() {
		t.Errorf("%s; activity (-want +got):\n%s", got.Account.Plan.Name, diff)
	}
}

func TestPaymentAtTheInstantOfAnExpiry_FindsItExpiredAndGoesOnWithoutAGap(t *testing.T) {
	t.Parallel()
	z := nairobi(t)
	end := at(t, z, "2026-02-28 10:00")
	a := paid(end)
	a.AnchorDay = 31
	got := apply(t, a, pay(150_000), end, z)
	if want := at(t, z, "2026-03-31 10:00"); !got.Account.ExpiresAt.Equal(want) || got.Account.Status(end) != account.Active {
		t.Errorf("%s until %v, want %v", got.Account.Status(end), got.Account.ExpiresAt.In(z), want)
	}
	want := []string{"Home 10 ran out at 28 Feb 2026 10:00", "Payment KES 1500.00, M-Pesa SKL7XQ2B1M. Home 10 until 31 Mar 2026 10:00"}
	if diff := cmp.Diff(want, summaries(got)); diff != "" {
		t.Errorf("activity (-want +got):\n%s", diff)
	}
	if got.Activity[0].Actor != account.Clock || got.Activity[1].Actor != "" {
		t.Errorf("actors %q and %q", got.Activity[0].Actor, got.Activity[1].Actor)
	}
	if got := apply(t, then(end, end), pay(300_000), end, z).Account; got.Plan != office() || got.Next != nil {
		t.Errorf("with a change at that instant: %s, then %v", got.Plan.Name, got.Next)
	}
}
