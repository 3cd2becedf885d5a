package pages

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"qserve/account"
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

// rate is upload/download as RouterOS writes it, in words: 10 Mbit/s down, 5 Mbit/s up. Bursts are left out, and what is no
// rate stays as it is.
func rate(text string) string {
	first, _, _ := strings.Cut(text, " ")
	parts := rateParts.FindStringSubmatch(first)
	if parts == nil {
		return text
	}
	return bits(parts[2]) + " down, " + bits(parts[1]) + " up"
}

var rateParts = regexp.MustCompile(`^([0-9]+[kMG]?)/([0-9]+[kMG]?)$`)

// bits is a RouterOS bit rate (10M, 512k) with its unit.
func bits(text string) string {
	for suffix, unit := range map[string]string{"k": " kbit/s", "M": " Mbit/s", "G": " Gbit/s"} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			return number + unit
		}
	}
	return text + " bit/s"
}

// endings are why sessions end, as an agent can tell a caller: the values of Acct-Terminate-Cause (RFC 2866 §5.10), and what
// Qserve itself found.
var endings = map[string]string{
	"User-Request":             "the customer’s router hung up",
	"Lost-Carrier":             "line lost",
	"Lost-Service":             "the line could not be kept up",
	"Idle-Timeout":             "nothing was sent for too long",
	"Session-Timeout":          "the time of the session was over",
	"Admin-Reset":              "cut by us",
	"Admin-Reboot":             "router restarted by us",
	"Port-Error":               "fault on the router’s port",
	"NAS-Error":                "fault on the router",
	"NAS-Request":              "ended by the router",
	"NAS-Reboot":               "router restarted",
	"Port-Unneeded":            "the router closed a port that it did not need",
	"Port-Preempted":           "the router gave the port to somebody else",
	"Port-Suspended":           "the router set the port aside",
	"Service-Unavailable":      "the router could not give the service",
	"Callback":                 "the router calls back",
	"User-Error":               "the customer’s router made an error",
	"Host-Request":             "ended by the other end of the line",
	"replaced":                 "the customer’s router dialled anew",
	"ended by Qserve":          "cut by us",
	"not listed by the router": "the router has no session any more",
	"router came up":           "router restarted",
	"router went down":         "router shut down",
}

// event is a line of a timeline in words. A note is somebody's own words, and stays as it is.
func (w words) event(e console.EventView) string {
	switch e.Kind {
	case "note":
		return e.Text
	case "offline":
		if cause, ok := strings.CutPrefix(e.Text, "Offline: "); ok {
			return "Offline: " + cmp.Or(endings[cause], cause)
		}
	case "online":
		parts := strings.Split(e.Text, ", ")
		parts[len(parts)-1] = rate(parts[len(parts)-1])
		return strings.Join(parts, ", ")
	}
	return w.amounts(e.Text)
}

// summary is a line of activity or of the audit log in words.
func (w words) summary(kind, text string) string {
	if kind == "note" {
		return text
	}
	return w.amounts(text)
}

// moneyInText is an amount as the books write it into their lines (account.Money): KES 1500.00.
var moneyInText = regexp.MustCompile(`\b[A-Z]{3} -?[0-9]+(?:\.[0-9]+)?\b`)

// amounts writes the amounts in a text as the page writes all of them. Only what is an amount exactly as the books write it
// is touched, whoever wrote it: the same amount of an existing currency, with all of its decimals.
func (w words) amounts(text string) string {
	return moneyInText.ReplaceAllStringFunc(text, func(found string) string {
		unit, amount, _ := strings.Cut(found, " ")
		_, known := currency.ParseISO(unit)
		parsed, err := account.ParseMoney(amount, unit)
		if known != nil || err != nil || parsed.String() != found {
			return found
		}
		return w.money(console.Money{Amount: amount, Currency: unit})
	})
}
