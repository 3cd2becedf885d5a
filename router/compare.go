package router

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"qserve/account"
)

// rateFits compares a running session's rate by its first pair, which is what a queue shows as max-limit; a session
// without a rate fits nothing, for no line is without.
func (s Session) rateFits(line account.Line) bool {
	upload, download := s.Rate.Pair()
	wantUpload, wantDownload := line.Rate.Pair()
	return upload == wantUpload && download == wantDownload
}

// addressFits is true while the address is unknown, and for a line without a fixed one.
func (s Session) addressFits(line account.Line) bool {
	return line.Address == "" || !s.Address.IsValid() || sameAddress(s.Address.String(), line.Address)
}

func sameAddress(a, b string) bool {
	first, errFirst := netip.ParseAddr(a)
	second, errSecond := netip.ParseAddr(b)
	if errFirst != nil || errSecond != nil {
		return a == b
	}
	return first == second
}

// shortRate writes a queue's max-limit, plain bit/s, as people write rates: 5M/10M.
func shortRate(maxLimit string) account.Rate {
	upload, download := account.Rate(maxLimit).Pair()
	if upload == 0 && download == 0 {
		return ""
	}
	return account.Rate(shortBits(upload) + "/" + shortBits(download))
}

func shortBits(n int64) string {
	switch {
	case n != 0 && n%1_000_000 == 0:
		return strconv.FormatInt(n/1_000_000, 10) + "M"
	case n != 0 && n%1_000 == 0:
		return strconv.FormatInt(n/1_000, 10) + "k"
	default:
		return strconv.FormatInt(n, 10)
	}
}

// parseUptime reads a duration as RouterOS writes it: 3w4d12h23m12s, 1d00:05:10 and 00:05:10.
func parseUptime(text string) (time.Duration, bool) {
	units := map[byte]time.Duration{
		'w': 7 * 24 * time.Hour, 'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second,
	}
	var total time.Duration
	for rest := text; rest != ""; {
		if parts := strings.Split(rest, ":"); len(parts) == 3 {
			rest = parts[0] + "h" + parts[1] + "m" + parts[2] + "s"
		}
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil || digits == len(rest) {
			return 0, false
		}
		unit := units[rest[digits]]
		if unit == 0 || n > int64((math.MaxInt64-total)/unit) {
			return 0, false
		}
		total += time.Duration(n) * unit
		rest = rest[digits+1:]
	}
	return total, text != ""
}
