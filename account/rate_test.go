package account_test

import (
	"strings"
	"testing"

	"qserve/account"
)

func TestRates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, want       string
		upload, download int64
	}{
		{"5M/10M", "5M/10M", 5_000_000, 10_000_000},
		{"512k/2M", "512k/2M", 512_000, 2_000_000},
		{"1000000/2000000", "1000000/2000000", 1_000_000, 2_000_000},
		{"5M", "5M", 5_000_000, 5_000_000},
		{" 5M/10M  ", "5M/10M", 5_000_000, 10_000_000},
		{"100000M/100000M", "100000M/100000M", 100_000_000_000, 100_000_000_000},
		{"2M/4M 4M/8M", "2M/4M 4M/8M", 2_000_000, 4_000_000},
		{"2M/4M  4M/8M 1M/3M 8/8 5 1M/1M", "2M/4M 4M/8M 1M/3M 8/8 5 1M/1M", 2_000_000, 4_000_000},
		{"2M/4M 0/0 0/0 0 8 0/0", "2M/4M 0/0 0/0 0 8 0/0", 2_000_000, 4_000_000},
	} {
		rate, err := account.ParseRate(c.text)
		if err != nil || string(rate) != c.want {
			t.Errorf("%q: got %q, %v", c.text, rate, err)
		}
		if up, down := rate.Pair(); up != c.upload || down != c.download {
			t.Errorf("%q is %d up and %d down", c.text, up, down)
		}
	}
}

func TestTextThatIsNoRate_IsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "fast", "5M/", "/10M", "5M/10M/15M", "5G/10G", "5K/10K", "5m/10m", "5.5M/10M", "-5M/10M", "5M /10M",
		"0/10M", "10M/0", "100001M/1M", "1M/100001M", "9999999999999/1",
		"5M/10M 4M/20M", "5M/10M 20M/9M", "5M/10M x", "5M/10M 8M/20M x", "5M/10M 8M/20M 1M/1M x", "5M/10M 8M/20M 1M/1M 8s/8s",
		"5M/10M 8M/20M 1M/1M 8/8 0", "5M/10M 8M/20M 1M/1M 8/8 9", "5M/10M 8M/20M 1M/1M 8/8 10",
		"5M/10M 8M/20M 1M/1M 8/8 8 6M/1M", "5M/10M 8M/20M 1M/1M 8/8 8 1M/11M", "5M/10M 8M/20M 1M/1M 8/8 8 1M/1M 1M/1M",
		"5M/10M\x00", "5M/10M;", strings.Repeat(" ", 250) + "5M/10M",
	} {
		if rate, err := account.ParseRate(text); err == nil || rate != "" {
			t.Errorf("%.40q: got %q, %v", text, rate, err)
		}
	}
}

func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"5M/10M", "512k/2M 1M/4M 256k/1M 8/8 5 128k/512k", "5M", "0/0", "99999999999999999999/1", "\t1/1\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rate, err := account.ParseRate(text)
		if err != nil {
			return
		}
		if again, err := account.ParseRate(string(rate)); err != nil || again != rate {
			t.Fatalf("%q was read as %q and again as %q, %v", text, rate, again, err)
		}
		if strings.Trim(string(rate), "0123456789kM/ ") != "" || len(rate) > 247 {
			t.Fatalf("%q would go to a router as %q", text, rate)
		}
		up, down := rate.Pair()
		if up < 1 || down < 1 || up > 1e11 || down > 1e11 {
			t.Fatalf("%q is %d up and %d down", text, up, down)
		}
	})
}
