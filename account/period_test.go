package account_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qserve/account"
)

var zones = []string{
	"Africa/Nairobi", "Europe/Berlin", "Asia/Ho_Chi_Minh", "Asia/Kolkata", "America/New_York", "America/Asuncion",
	"Australia/Lord_Howe", "UTC",
}

func TestPeriodEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why, zone, start string
		count            int
		unit             account.Unit
		anchor           int
		want             string
	}{
		{"a plain month", "Africa/Nairobi", "2026-03-05 10:15:30", 1, account.Months, 0, "2026-04-05 10:15:30"},
		{"short February", "Africa/Nairobi", "2026-01-31 10:00", 1, account.Months, 0, "2026-02-28 10:00"},
		{"leap February", "Africa/Nairobi", "2028-01-31 10:00", 1, account.Months, 0, "2028-02-29 10:00"},
		{"1900 rule: 2100 is no leap year", "Africa/Nairobi", "2100-01-31 10:00", 1, account.Months, 0, "2100-02-28 10:00"},
		{"2000 rule", "Africa/Nairobi", "2000-01-31 10:00", 1, account.Months, 0, "2000-02-29 10:00"},
		{"back to the anchor after February", "Africa/Nairobi", "2026-02-28 10:00", 1, account.Months, 31, "2026-03-31 10:00"},
		{"the anchor in a month of 30 days", "Africa/Nairobi", "2026-03-31 10:00", 1, account.Months, 31, "2026-04-30 10:00"},
		{"the 30th skips to the end of February", "Africa/Nairobi", "2026-01-30 10:00", 1, account.Months, 30, "2026-02-28 10:00"},
		{"a leap day a year later", "Africa/Nairobi", "2028-02-29 10:00", 12, account.Months, 0, "2029-02-28 10:00"},
		{"a leap day four years later", "Africa/Nairobi", "2028-02-29 10:00", 48, account.Months, 29, "2032-02-29 10:00"},
		{"over the end of the year", "Africa/Nairobi", "2026-12-31 23:59:59", 2, account.Months, 31, "2027-02-28 23:59:59"},
		{"the day is the provider's: 31st there, 30th in UTC", "Africa/Nairobi", "2026-01-31 01:00", 1, account.Months, 0, "2026-02-28 01:00"},
		{"the last second of a day", "Africa/Nairobi", "2026-02-27 23:59:59", 1, account.Days, 0, "2026-02-28 23:59:59"},
		{"a day onto a leap day", "Africa/Nairobi", "2028-02-28 00:00", 1, account.Days, 0, "2028-02-29 00:00"},
		{"days over the end of a year", "Asia/Kolkata", "2026-12-31 05:30", 30, account.Days, 0, "2027-01-30 05:30"},
		{"a day into summer keeps the time of day", "Europe/Berlin", "2026-03-28 12:00", 1, account.Days, 0, "2026-03-29 12:00"},
		{"a day into winter keeps the time of day", "Europe/Berlin", "2026-10-24 12:00", 1, account.Days, 0, "2026-10-25 12:00"},
		{"a month into summer", "America/New_York", "2026-02-15 08:00", 1, account.Months, 0, "2026-03-15 08:00"},
		{"a time that is skipped is an hour later", "Europe/Berlin", "2026-03-28 02:30", 1, account.Days, 0, "2026-03-29 03:30"},
		{"a time that is skipped, west of Greenwich", "America/New_York", "2026-03-07 02:30", 1, account.Days, 0, "2026-03-08 03:30"},
		{"a month onto a skipped time", "America/New_York", "2026-02-08 02:30", 1, account.Months, 0, "2026-03-08 03:30"},
		{"a first of the month whose midnight is skipped", "America/Asuncion", "2023-09-15 12:00", 1, account.Months, 0, "2023-10-15 12:00"},
		{"onto that skipped midnight", "America/Asuncion", "2023-09-01 00:00", 1, account.Months, 0, "2023-10-01 01:00"},
		{"half an hour of summer time", "Australia/Lord_Howe", "2026-10-03 02:15", 1, account.Days, 0, "2026-10-04 02:45"},
	} {
		z := zone(t, c.zone)
		got := account.Duration{Count: c.count, Unit: c.unit}.After(at(t, z, c.start), z, c.anchor)
		if want := at(t, z, c.want); !got.Equal(want) {
			t.Errorf("%s: %s + %d %s in %s = %v, want %v", c.why, c.start, c.count, c.unit, c.zone, got.In(z), want)
		}
		if got.Location() != time.UTC {
			t.Errorf("%s: the instant is not in UTC", c.why)
		}
	}
}

func TestTimeThatComesTwice_EndsAtTheSecond(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ start, want string }{
		"Europe/Berlin":    {"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+01:00"},
		"America/New_York": {"2026-10-31T01:30:00-04:00", "2026-11-01T01:30:00-05:00"},
	} {
		start, _ := time.Parse(time.RFC3339, c.start)
		want, _ := time.Parse(time.RFC3339, c.want)
		if got := (account.Duration{Count: 1, Unit: account.Days}).After(start, zone(t, name), 0); !got.Equal(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestHours_AreElapsedTimeWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Berlin")
	start := at(t, z, "2026-03-28 12:00")
	if got := (account.Duration{Count: 24, Unit: account.Hours}).After(start, z, 0); got.Sub(start) != 24*time.Hour {
		t.Errorf("24 hours into summer last %v", got.Sub(start))
	}
}

// civil is the reading of a wall clock, and its methods a calendar that counts one day at a time.
type civil struct {
	year, month, day int
	clock            time.Duration // since midnight, by the clock's face
}

func reading(t time.Time) civil {
	h, m, s := t.Clock()
	return civil{t.Year(), int(t.Month()), t.Day(), time.Duration(h)*time.Hour + time.Duration(m)*time.Minute +
		time.Duration(s)*time.Second + time.Duration(t.Nanosecond())}
}

func (c civil) length() int {
	switch c.month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if c.year%4 == 0 && (c.year%100 != 0 || c.year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func (c civil) tomorrow() civil {
	if c.day++; c.day > c.length() {
		c.day = 1
		if c.month++; c.month > 12 {
			c.month, c.year = 1, c.year+1
		}
	}
	return c
}

func (c civil) plus(d account.Duration, anchor int) civil {
	if d.Unit == account.Days {
		for range d.Count {
			c = c.tomorrow()
		}
		return c
	}
	for range d.Count {
		for month := c.month; c.month == month; {
			c = c.tomorrow()
		}
	}
	for c.day < anchor && c.day < c.length() {
		c = c.tomorrow()
	}
	return c
}

// instant looks for the last instant at which z's clocks show c, by trying every offset that a clock on earth has.
// When there is none, the clock was put forward meanwhile, and it is the instant at which one that was not shows c.
func (c civil) instant(z *time.Location) time.Time {
	utc := time.Date(c.year, time.Month(c.month), c.day, 0, 0, 0, 0, time.UTC).Add(c.clock)
	for offset := -12 * time.Hour; offset <= 14*time.Hour; offset += 15 * time.Minute {
		if t := utc.Add(-offset); reading(t.In(z)) == c {
			return t
		}
	}
	_, old := utc.Add(-24 * time.Hour).In(z).Zone()
	return utc.Add(-time.Duration(old) * time.Second)
}

// changesOfClock are the instants near which a calendar goes wrong, in six years.
func changesOfClock(z *time.Location) []time.Time {
	var all []time.Time
	begin := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	_, last := begin.In(z).Zone()
	for t := begin; t.Year() < 2028; t = t.Add(time.Hour) {
		if _, offset := t.In(z).Zone(); offset != last {
			all, last = append(all, t), offset
		}
	}
	return all
}

func TestPeriodEnds_AsACalendarCountedByHandSays(t *testing.T) {
	t.Parallel()
	for _, name := range zones {
		t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
			t.Parallel()
			z := zone(t, name)
			near := append(changesOfClock(z), at(t, z, "2024-02-29 00:00"), at(t, z, "2023-12-31 23:59:59"))
			rapid.Check(t, func(t *rapid.T) {
				d := account.Duration{
					Count: rapid.IntRange(1, 40).Draw(t, "count"),
					Unit:  rapid.SampledFrom([]account.Unit{account.Days, account.Months}).Draw(t, "unit"),
				}
				target := rapid.SampledFrom(near).Draw(t, "near").
					Add(time.Duration(rapid.Int64Range(-int64(3*time.Hour), int64(3*time.Hour)).Draw(t, "off")))
				back := map[account.Unit]time.Time{
					account.Days: target.AddDate(0, 0, -d.Count), account.Months: target.AddDate(0, -d.Count, 0),
				}
				start := back[d.Unit].In(z)
				anchor := rapid.IntRange(start.Day(), 31).Draw(t, "anchor")
				got, want := d.After(start, z, anchor), reading(start).plus(d, anchor).instant(z)
				if !got.Equal(want) {
					t.Fatalf("%v + %v, anchor %d: got %v, want %v", start, d, anchor, got.In(z), want.In(z))
				}
				if !got.After(start) {
					t.Fatalf("%v + %v ends before it begins: %v", start, d, got)
				}
			})
		})
	}
}

func TestDuration_IsValidatedAndReadable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    account.Duration
		ok   bool
		text string
	}{
		{account.Duration{Count: 1, Unit: account.Months}, true, "1 month"},
		{account.Duration{Count: 30, Unit: account.Days}, true, "30 days"},
		{account.Duration{Count: 1, Unit: account.Hours}, true, "1 hour"},
		{account.Duration{Count: 1200, Unit: account.Months}, true, "1200 months"},
		{account.Duration{Count: 1201, Unit: account.Months}, false, "1201 months"},
		{account.Duration{Count: 36600, Unit: account.Days}, true, "36600 days"},
		{account.Duration{Count: 36601, Unit: account.Days}, false, "36601 days"},
		{account.Duration{Count: 0, Unit: account.Days}, false, "0 days"},
		{account.Duration{Count: -1, Unit: account.Days}, false, "-1 days"},
		{account.Duration{Count: 2, Unit: "weeks"}, false, "2 weeks"},
		{account.Duration{Count: 1}, false, "1 "},
	} {
		if err := c.d.Validate(); (err == nil) != c.ok {
			t.Errorf("%d %q: %v", c.d.Count, c.d.Unit, err)
		}
		if got := c.d.String(); got != c.text {
			t.Errorf("%d %q reads %q", c.d.Count, c.d.Unit, got)
		}
	}
}
