package account

import (
	"fmt"
	"strings"
	"time"
)

// Unit is the unit that a plan's duration is counted in.
type Unit string

// The units. Days and months follow the provider's calendar; an hour is always 3600 seconds.
const (
	Hours  Unit = "hours"
	Days   Unit = "days"
	Months Unit = "months"
)

// Duration is a plan's length. It is calendar arithmetic, not a number of seconds: see [Duration.After].
type Duration struct {
	Count int
	Unit  Unit
}

// maxCount bounds a duration to about a century in each unit.
var maxCount = map[Unit]int{Hours: 24 * 366 * 100, Days: 366 * 100, Months: 12 * 100}

// Validate reports what is wrong with d: an unknown unit, or a count outside of 1 to about a century.
func (d Duration) Validate() error {
	most, ok := maxCount[d.Unit]
	if !ok {
		return fmt.Errorf("duration unit %.20q is not one of hours, days, months", d.Unit)
	}
	if d.Count < 1 || d.Count > most {
		return fmt.Errorf("a duration of %d %s is not within 1…%d", d.Count, d.Unit, most)
	}
	return nil
}

func (d Duration) String() string {
	if d.Count == 1 {
		return "1 " + strings.TrimSuffix(string(d.Unit), "s")
	}
	return fmt.Sprintf("%d %s", d.Count, d.Unit)
}

// After returns the end of one period that starts at start, by the calendar of zone.
//
// Days keep the wall clock's time of day, through changes of summer time too. Months end on anchorDay, or on the last
// day of a shorter month, so that a customer who started on the 31st pays from the 31st again after February; with
// anchorDay 0 the day of start is the anchor.
func (d Duration) After(start time.Time, zone *time.Location, anchorDay int) time.Time {
	local := start.In(zone)
	// Calendar days are counted in UTC, which has all of them at every hour.
	end := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(),
		local.Nanosecond(), time.UTC)
	switch d.Unit {
	case Hours:
		return start.Add(time.Duration(d.Count) * time.Hour).UTC()
	case Days:
		return onWallClock(end.AddDate(0, 0, d.Count), zone)
	default:
		if anchorDay == 0 {
			anchorDay = local.Day()
		}
		first := end.AddDate(0, d.Count, 1-end.Day())
		return onWallClock(first.AddDate(0, 0, min(anchorDay, lastDay(first))-1), zone)
	}
}

// onWallClock returns the instant at which the clocks of zone show what wall shows in UTC. Where summer time makes them
// show it twice it is the later instant, and where they skip it, the one that much later: [time.Date] picks the earlier
// in some zones, and nobody should lose an hour that is paid for.
func onWallClock(wall time.Time, zone *time.Location) time.Time {
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	earlier := wall.Add(-time.Duration(max(before, after)) * time.Second)
	later := wall.Add(-time.Duration(min(before, after)) * time.Second)
	shows := func(t time.Time) bool {
		_, offset := t.In(zone).Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(wall)
	}
	if shows(earlier) && !shows(later) {
		return earlier
	}
	return later
}

func lastDay(of time.Time) int {
	return time.Date(of.Year(), of.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
