package pages

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"qserve/console"
)

// words writes numbers and times as the provider's people read them: English, in the manner of their country and in
// their zone.
type words struct {
	print      *message.Printer
	zone       *time.Location
	monthFirst bool
	clock      string // layout of a time of day
}

// Countries whose English puts the month first, and those that count hours twice to twelve (Unicode CLDR, timeData).
var (
	monthFirst  = []string{"US", "PH", "PR", "GU"}
	twelveHours = []string{"US", "PH", "PR", "GU", "AU", "CA", "IN", "NZ", "PK", "EG", "SA"}
)

func newWords(region string, zone *time.Location) words {
	w := words{print: message.NewPrinter(language.Make("en-" + region)), zone: zone, clock: "15:04"}
	w.monthFirst = slices.Contains(monthFirst, region)
	if slices.Contains(twelveHours, region) {
		w.clock = "3:04 pm"
	}
	return w
}

// money is an amount with its currency: KES 1,500, with decimals only where there are any.
func (w words) money(m console.Money) string { return m.Currency + " " + w.amount(m) }

// amount is money without its currency.
func (w words) amount(m console.Money) string {
	whole, fraction, _ := strings.Cut(m.Amount, ".")
	digits, err := strconv.ParseInt(strings.TrimPrefix(whole, "-"), 10, 64)
	if err != nil {
		return m.Amount
	}
	text := w.print.Sprint(number.Decimal(digits))
	if strings.Trim(fraction, "0") != "" {
		text += "." + fraction
	}
	if strings.HasPrefix(whole, "-") {
		text = "−" + text
	}
	return text
}

// count is a whole number with the separators of the country.
func (w words) count(n int64) string { return w.print.Sprint(number.Decimal(n)) }

// date is a day: 3 Dec, with the year unless it is now's.
func (w words) date(t, now time.Time) string {
	t, now = t.In(w.zone), now.In(w.zone)
	layout := "2 Jan"
	if w.monthFirst {
		layout = "Jan 2"
	}
	if t.Year() != now.Year() {
		layout += " 2006"
		if w.monthFirst {
			layout = "Jan 2, 2006"
		}
	}
	return t.Format(layout)
}

// at is an instant: 3 Dec 18:00; of today only the time.
func (w words) at(t, now time.Time) string {
	if w.sameDay(t, now) {
		return t.In(w.zone).Format(w.clock)
	}
	return w.date(t, now) + " " + t.In(w.zone).Format(w.clock)
}

// appendFull writes an instant to the second, with its zone, for those who want to know exactly.
func (w words) appendFull(text []byte, t time.Time) []byte {
	return t.In(w.zone).AppendFormat(text, "Mon 2 Jan 2006 15:04:05 MST")
}

// second is a time of day to the second.
func (w words) second(t time.Time) string { return t.In(w.zone).Format("15:04:05") }

// stamp is an instant among others of the same day: of today to the second.
func (w words) stamp(t, now time.Time) string {
	if w.sameDay(t, now) {
		return w.second(t)
	}
	return w.at(t, now)
}

func (w words) sameDay(a, b time.Time) bool {
	a, b = a.In(w.zone), b.In(w.zone)
	return a.YearDay() == b.YearDay() && a.Year() == b.Year()
}

// relative is how far an instant lies from now: in 8 days, 5 min ago, yesterday.
func (w words) relative(t, now time.Time) string {
	d := t.Sub(now)
	if d > time.Minute {
		d += time.Minute // what was thirty days a moment ago is thirty days
	}
	text := span(d.Abs())
	switch {
	case d.Abs() < time.Minute:
		return "now"
	case d > 0:
		return "in " + text
	case w.sameDay(t, now.AddDate(0, 0, -1)) && d < -12*time.Hour:
		return "yesterday"
	}
	return text + " ago"
}

// span is a length of time in its largest unit, rounded down as people count.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d < 10*time.Second:
		return strconv.FormatFloat(math.Floor(d.Seconds()*10)/10, 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return plural(int64(d.Hours()), "hour")
	}
	return plural(int64(d.Hours()/24), "day")
}

// plural counts things: 1 day, 2 days.
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + one + "s"
}

// rate is upload/download as RouterOS writes it, in words: 10 Mbit/s down, 5 up.
func rate(text string) string {
	up, down, ok := strings.Cut(strings.Fields(text + " ")[0], "/")
	if text == "" || !ok {
		return text
	}
	return fmt.Sprintf("%s down, %s up", bits(down), bits(up))
}

// bits is a RouterOS bit rate (10M, 512k) with its unit.
func bits(text string) string {
	for suffix, unit := range map[string]string{"k": " kbit/s", "M": " Mbit/s", "G": " Gbit/s"} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			return number + unit
		}
	}
	return text + " bit/s"
}
