package account

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Money is an amount in minor units (cents) of an ISO 4217 currency.
type Money struct {
	Minor    int64
	Currency string
}

// ErrAmount is wrapped by every error of [ParseMoney].
var ErrAmount = errors.New("not an amount of money")

// exponents lists the ISO 4217 currencies whose minor unit is not a hundredth.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
	"UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

func exponent(currency string) int {
	if e, ok := exponents[currency]; ok {
		return e
	}
	return 2
}

// ParseMoney reads a plain decimal such as "1500", "1500.0" or "-20.50". It refuses signs other than a leading minus,
// exponents, thousands separators, more decimals than the currency has (unless they are zeros), and what does not
// fit into an int64 of minor units.
func ParseMoney(text, currency string) (Money, error) {
	bad := func(why string) (Money, error) {
		return Money{}, fmt.Errorf("%w: %.40q %s", ErrAmount, text, why)
	}
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return bad(fmt.Sprintf("in currency %.10q, which is not an ISO 4217 code", currency))
	}
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, hasPoint := strings.Cut(digits, ".")
	if whole == "" || (hasPoint && fraction == "") {
		return bad("is not a decimal number")
	}
	exp := exponent(currency)
	if len(fraction) > exp {
		if strings.Trim(fraction[exp:], "0") != "" {
			return bad(fmt.Sprintf("has more than %d decimals", exp))
		}
		fraction = fraction[:exp]
	}
	fraction += strings.Repeat("0", exp-len(fraction))
	// The sum is kept negative, because there is one more negative number than there are positive ones.
	var minor int64
	for _, c := range whole + fraction {
		if c < '0' || c > '9' {
			return bad("is not a decimal number")
		}
		d := int64(c - '0')
		if minor < (math.MinInt64+d)/10 {
			return bad("is too large")
		}
		minor = minor*10 - d
	}
	if !negative {
		if minor == math.MinInt64 {
			return bad("is too large")
		}
		minor = -minor
	}
	return Money{Minor: minor, Currency: currency}, nil
}

// Decimal writes the amount without its currency, always with all its decimals: "1500.00".
func (m Money) Decimal() string {
	exp := exponent(m.Currency)
	sign, abs := "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, abs = "-", -abs
	}
	digits := fmt.Sprintf("%0*d", exp+1, abs)
	if exp == 0 {
		return sign + digits
	}
	return sign + digits[:len(digits)-exp] + "." + digits[len(digits)-exp:]
}

// String writes the amount as people read it: "KES 1500.00".
func (m Money) String() string { return m.Currency + " " + m.Decimal() }
