package mikrosim

import (
	"strconv"
	"strings"
)

// rateLimit is a parsed Mikrotik-Rate-Limit or profile rate-limit, every pair as rx/tx in bit/s seen from the router: rx
// is what the subscriber uploads.
type rateLimit struct {
	max, burst, threshold, burstTime, min string
	priority                              string
}

// maxRate is the largest rate taken, in bit/s.
const maxRate = 100_000_000_000

// parseRate reads the grammar of the RouterOS manual (RADIUS client, Mikrotik-Rate-Limit):
//
//	rx[/tx] [burst[/burst] [threshold[/threshold] [time[/time] [priority [min[/min]]]]]]
//
// with k for 1,000 and M for 1,000,000, positions strict. ok is false for anything else.
func parseRate(text string) (r rateLimit, ok bool) {
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > 6 || len(text) > 247 {
		return rateLimit{}, false
	}
	r = rateLimit{burst: "0/0", threshold: "0/0", burstTime: "0s/0s", priority: "8/8", min: "0/0"}
	targets := []*string{&r.max, &r.burst, &r.threshold, &r.burstTime, &r.priority, &r.min}
	for i, f := range fields {
		switch i {
		case 3:
			*targets[i], ok = parseSeconds(f)
		case 4:
			p, err := strconv.Atoi(f)
			*targets[i], ok = f+"/"+f, err == nil && p >= 1 && p <= 8
		default:
			*targets[i], ok = parsePair(f)
		}
		if !ok {
			return rateLimit{}, false
		}
	}
	return r, true
}

// parsePair returns rx/tx in plain bit/s; a missing tx equals rx.
func parsePair(text string) (string, bool) {
	rx, tx, both := strings.Cut(text, "/")
	if !both {
		tx = rx
	}
	r, okRx := parseBits(rx)
	t, okTx := parseBits(tx)
	if !okRx || !okTx {
		return "", false
	}
	return strconv.FormatInt(r, 10) + "/" + strconv.FormatInt(t, 10), true
}

func parseBits(text string) (int64, bool) {
	unit := int64(1)
	switch {
	case strings.HasSuffix(text, "k"), strings.HasSuffix(text, "K"):
		unit = 1_000
	case strings.HasSuffix(text, "M"):
		unit = 1_000_000
	case strings.HasSuffix(text, "G"):
		unit = 1_000_000_000
	}
	if unit > 1 {
		text = text[:len(text)-1]
	}
	n, err := strconv.ParseUint(text, 10, 40)
	if err != nil || int64(n) > maxRate/unit {
		return 0, false
	}
	return int64(n) * unit, true
}

func parseSeconds(text string) (string, bool) {
	rx, tx, both := strings.Cut(text, "/")
	if !both {
		tx = rx
	}
	for _, s := range []string{rx, tx} {
		if _, err := strconv.ParseUint(strings.TrimSuffix(s, "s"), 10, 16); err != nil {
			return "", false
		}
	}
	return strings.TrimSuffix(rx, "s") + "s/" + strings.TrimSuffix(tx, "s") + "s", true
}

// short writes max with the largest unit that keeps it exact: 5000000/512000 is 5M/512k.
func (r rateLimit) short() string {
	rx, tx, _ := strings.Cut(r.max, "/")
	return shortBits(rx) + "/" + shortBits(tx)
}

func shortBits(digits string) string {
	switch {
	case strings.HasSuffix(digits, "000000"):
		return strings.TrimSuffix(digits, "000000") + "M"
	case strings.HasSuffix(digits, "000"):
		return strings.TrimSuffix(digits, "000") + "k"
	}
	return digits
}
