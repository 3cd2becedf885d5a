package account

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Rate is a rate limit in RouterOS' own order and grammar: the subscriber's upload, then download ("5M/10M"),
// optionally followed by burst limit, burst threshold, burst time, priority and minimum rate.
// The same text serves a PPP profile's rate-limit and the RADIUS attribute Mikrotik-Rate-Limit
// (RouterOS manual, "PPP AAA" and "RADIUS").
type Rate string

// maxRateBytes is what fits into one vendor attribute (RFC 2865 §5.26: 255 less the two headers).
const maxRateBytes = 247

var (
	ratePair = regexp.MustCompile(`^([0-9]{1,12})([kM]?)(?:/([0-9]{1,12})([kM]?))?$`)
	timePair = regexp.MustCompile(`^[0-9]{1,5}(/[0-9]{1,5})?$`)
)

// ParseRate checks text against the grammar; what a router does with a wrong one is undocumented, so none is ever sent.
func ParseRate(text string) (Rate, error) {
	bad := func(why string) (Rate, error) {
		return "", fmt.Errorf("rate limit %.60q %s; write upload/download, for example 5M/10M", text, why)
	}
	fields := strings.Fields(text)
	if len(fields) == 0 || len(fields) > 6 || len(text) > maxRateBytes {
		return bad("does not have one to six fields")
	}
	rate, ok := pairOf(fields[0])
	if !ok || rate[0] < 1 || rate[1] < 1 || rate[0] > 1e11 || rate[1] > 1e11 {
		return bad("does not begin with two rates between 1 and 100000M")
	}
	for i, field := range fields[1:] {
		switch i + 1 {
		case 1, 2, 5:
			pair, ok := pairOf(field)
			if !ok {
				return bad(fmt.Sprintf("has %.20q where a pair of rates belongs", field))
			}
			for side := range pair {
				if i+1 == 1 && pair[side] != 0 && pair[side] < rate[side] {
					return bad("has a burst limit below its rate")
				}
				if i+1 == 5 && pair[side] > rate[side] {
					return bad("has a minimum above its rate")
				}
			}
		case 3:
			if !timePair.MatchString(field) {
				return bad(fmt.Sprintf("has %.20q where a burst time in seconds belongs", field))
			}
		case 4:
			if len(field) != 1 || field < "1" || field > "8" {
				return bad("has a priority that is not 1…8")
			}
		}
	}
	return Rate(strings.Join(fields, " ")), nil
}

// Pair returns the plain upload and download limits in bit/s.
func (r Rate) Pair() (upload, download int64) {
	first, _, _ := strings.Cut(string(r), " ")
	pair, _ := pairOf(first)
	return pair[0], pair[1]
}

func pairOf(field string) ([2]int64, bool) {
	m := ratePair.FindStringSubmatch(field)
	if m == nil {
		return [2]int64{}, false
	}
	scale := map[string]int64{"": 1, "k": 1_000, "M": 1_000_000}
	first, _ := strconv.ParseInt(m[1], 10, 64)
	first *= scale[m[2]]
	if m[3] == "" {
		return [2]int64{first, first}, true
	}
	second, _ := strconv.ParseInt(m[3], 10, 64)
	return [2]int64{first, second * scale[m[4]]}, true
}
