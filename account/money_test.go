package account_test

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"qserve/account"
)

func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, currency string
		minor          int64
		decimal        string
	}{
		{"10", "KES", 1000, "10.00"},
		{"10.00", "KES", 1000, "10.00"},
		{"10.0", "KES", 1000, "10.00"},
		{"10.50000", "KES", 1050, "10.50"},
		{"0.05", "KES", 5, "0.05"},
		{"-0.05", "KES", -5, "-0.05"},
		{"-20.50", "KES", -2050, "-20.50"},
		{"-0", "KES", 0, "0.00"},
		{"0010", "KES", 1000, "10.00"},
		{"500", "UGX", 500, "500"},
		{"500.00", "UGX", 500, "500"},
		{"-500", "XOF", -500, "-500"},
		{"1.234", "KWD", 1234, "1.234"},
		{"1", "TND", 1000, "1.000"},
		{"0.001", "BHD", 1, "0.001"},
		{"92233720368547758.07", "KES", math.MaxInt64, "92233720368547758.07"},
		{"-92233720368547758.08", "KES", math.MinInt64, "-92233720368547758.08"},
		{"9223372036854775807", "JPY", math.MaxInt64, "9223372036854775807"},
	} {
		m, err := account.ParseMoney(c.text, c.currency)
		if err != nil || m != (account.Money{Minor: c.minor, Currency: c.currency}) {
			t.Errorf("%q %s: got %+v, %v", c.text, c.currency, m, err)
		}
		if got := m.Decimal(); got != c.decimal {
			t.Errorf("%q %s is written %q, want %q", c.text, c.currency, got, c.decimal)
		}
		if got, want := m.String(), c.currency+" "+c.decimal; got != want {
			t.Errorf("%q reads %q, want %q", c.text, got, want)
		}
	}
}

func TestTextThatIsNoAmount_IsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, currency string }{
		{"", "KES"}, {"-", "KES"}, {".", "KES"}, {".5", "KES"}, {"5.", "KES"}, {"+5", "KES"}, {"--5", "KES"},
		{"1e3", "KES"}, {"1E3", "KES"}, {"0x10", "KES"}, {"1,000", "KES"}, {"1 000", "KES"}, {" 1", "KES"},
		{"1\n", "KES"}, {"1.2.3", "KES"}, {"٣", "KES"}, {"NaN", "KES"}, {"Inf", "KES"}, {"null", "KES"},
		{"10.005", "KES"}, {"10.00x", "KES"}, {"0.1", "UGX"}, {"1.2345", "KWD"},
		{"92233720368547758.08", "KES"}, {"-92233720368547758.09", "KES"}, {"9223372036854775808", "JPY"},
		{strings.Repeat("9", 400), "KES"},
		{"10", ""}, {"10", "kes"}, {"10", "KE"}, {"10", "KESX"}, {"10", "K1S"}, {"10", "K€"},
	} {
		m, err := account.ParseMoney(c.text, c.currency)
		if !errors.Is(err, account.ErrAmount) || m != (account.Money{}) {
			t.Errorf("%.40q %s: got %+v, %v", c.text, c.currency, m, err)
			continue
		}
		if len(err.Error()) > 250 {
			t.Errorf("%.40q: the error has %d bytes", c.text, len(err.Error()))
		}
	}
}

func TestAmountWrittenAndReadAgain_IsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := account.Money{
			Minor:    rapid.Int64().Draw(t, "minor"),
			Currency: rapid.SampledFrom([]string{"KES", "UGX", "KWD"}).Draw(t, "currency"),
		}
		again, err := account.ParseMoney(m.Decimal(), m.Currency)
		if err != nil || again != m {
			t.Fatalf("%+v is written %q and read as %+v, %v", m, m.Decimal(), again, err)
		}
	})
}

func FuzzParseMoney(f *testing.F) {
	for _, text := range []string{"10", "10.00", "10.005", "-1", "1e3", "", "92233720368547758.08", "0.0000", "-.1", "00.10"} {
		for exponent := range uint8(3) {
			f.Add(text, exponent)
		}
	}
	f.Fuzz(func(t *testing.T, text string, which uint8) {
		c := []struct {
			currency string
			scale    int64
		}{{"UGX", 1}, {"KES", 100}, {"KWD", 1000}}[which%3]
		m, err := account.ParseMoney(text, c.currency)
		if err != nil {
			return
		}
		// Exact arithmetic that shares nothing with the code under test.
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%q is no number, and yet %+v", text, m)
		}
		if want.Mul(want, new(big.Rat).SetInt64(c.scale)).Cmp(new(big.Rat).SetInt64(m.Minor)) != 0 {
			t.Fatalf("%q %s was read as %d minor units", text, c.currency, m.Minor)
		}
		if again, err := account.ParseMoney(m.Decimal(), c.currency); err != nil || again != m {
			t.Fatalf("%q was read as %+v and again as %+v, %v", text, m, again, err)
		}
	})
}
