package phone_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"qserve/internal/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOneKenyanNumber_IsReadHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"0712345678", "0712 345 678", "0712-345-678", " 0712345678\n", "(0712) 345678", "712345678",
		"254712345678", "254 712 345 678", "+254712345678", "+254 (0) 712 345 678", "+254-712-345-678",
		"00254712345678", "000254712345678", "tel:+254712345678", "0712.345.678", "٠٧١٢٣٤٥٦٧٨", "+２５４７１２３４５６７８",
	} {
		if got, ok := phone.E164(text, "KE"); !ok || got != "+254712345678" {
			t.Errorf("%q: got %q, %v", text, got, ok)
		}
	}
}

func TestNumbersOfOtherCountries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, region, want string }{
		{"0110123456", "KE", "+254110123456"},
		{"+256 772 123456", "KE", "+256772123456"},
		{"256772123456", "KE", "+256772123456"},
		{"0772 123456", "UG", "+256772123456"},
		{"0803 123 4567", "NG", "+2348031234567"},
		{"(201) 555-0123", "US", "+12015550123"},
		{"2348031234567", "KE", "+2348031234567"},
	} {
		if got, ok := phone.E164(c.text, c.region); !ok || got != c.want {
			t.Errorf("%q in %s: got %q, %v, want %q", c.text, c.region, got, ok, c.want)
		}
	}
}

func TestTextThatIsNoNumber_IsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "+", "0", "00", "1", "hello", "071234", "0712345678901234567", "254000000000", "ACC-0042",
		"07123456\xff8", "07121 hash", strings.Repeat("0", 1<<20), "0712345678 ext 5", "0712345678;drop",
		// A digest of the number, as one provider sends it, is not the number.
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
	} {
		if got, ok := phone.E164(text, "KE"); ok {
			t.Errorf("%.40q was read as %q", text, got)
		}
	}
}

func TestMask_ShowsTheEndsOnly(t *testing.T) {
	t.Parallel()
	for e164, want := range map[string]string{
		"+254712345678": "+254712•••678",
		"+12015550123":  "+12015•••123",
		"+123456":       "+•••456",
		"123456":        "••••••",
		"12":            "••",
		"":              "",
	} {
		if got := phone.Mask(e164); got != want {
			t.Errorf("%q: got %q, want %q", e164, got, want)
		}
	}
}

func TestRegion_KnowsCountriesOnly(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]bool{"KE": true, "UG": true, "US": true, "ke": false, "XX": false, "": false} {
		if got := phone.Region(region); got != want {
			t.Errorf("%q: got %v, want %v", region, got, want)
		}
	}
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func FuzzE164(f *testing.F) {
	for _, text := range []string{"0712 345 678", "254712345678", "+1 (201) 555-0123", "tel:0712345678;ext=1", "٠٧١٢"} {
		f.Add(text, "KE")
	}
	f.Fuzz(func(t *testing.T, text, region string) {
		number, ok := phone.E164(text, region)
		if !ok {
			if number != "" {
				t.Fatalf("refused, and yet %q", number)
			}
			return
		}
		if !e164.MatchString(number) {
			t.Fatalf("%q is not E.164", number)
		}
		if again, ok := phone.E164(number, "US"); !ok || again != number {
			t.Fatalf("%q read again is %q, %v", number, again, ok)
		}
		if masked := phone.Mask(number); masked == number || utf8.RuneCountInString(masked) != len(number) {
			t.Fatalf("%q masked is %q", number, masked)
		}
	})
}
