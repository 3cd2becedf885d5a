package account

import (
	"fmt"
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
		return "1 " + string(d.Unit[:len(d.Unit)-1])
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
	switch d.Unit {
	case Hours:
		return start.Add(time.Duration(d.Count) * time.Hour).UTC()
	case Days:
		return local.AddDate(0, 0, d.Count).UTC()
	default:
		if anchorDay == 0 {
			anchorDay = local.Day()
		}
		hour, minute, second := local.Clock()
		first := time.Date(local.Year(), local.Month()+time.Month(d.Count), 1, 0, 0, 0, 0, zone)
		day := min(anchorDay, lastDay(first.Year(), first.Month()))
		return time.Date(first.Year(), first.Month(), day, hour, minute, second, local.Nanosecond(), zone).UTC()
	}
}

func lastDay(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
