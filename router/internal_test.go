package router

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qserve/account"
)

func TestAMarker_IsReadAsPeopleLeaveIt(t *testing.T) {
	t.Parallel()
	for comment, test := range map[string]struct {
		ours   bool
		marker marker
	}{
		"":                              {},
		"joe's house":                   {},
		"Qserve:7 gen=1":                {},
		" qserve:7 gen=1":               {},
		"qserve:7 gen=12":               {true, marker{provision: 7, gen: 12}},
		"qserve:7 gen=12 corner house":  {true, marker{provision: 7, gen: 12, note: "corner house"}},
		"qserve:7 gen=12  two  blanks ": {true, marker{provision: 7, gen: 12, note: "two  blanks"}},
		"qserve:7 corner gen=12":        {true, marker{provision: 7, note: "corner gen=12"}},
		"qserve:":                       {true, marker{}},
		"qserve: mine":                  {true, marker{note: "mine"}},
		"qserve:x gen=y":                {true, marker{}},
		"qserve:7 gen=1x note":          {true, marker{provision: 7, note: "note"}},
		"qserve:profile":                {true, marker{}},
		"qserve:99999999999999999999":   {true, marker{provision: 1<<63 - 1}},
	} {
		if got, ours := parseMarker(comment); ours != test.ours || got != test.marker {
			t.Errorf("%q: got %+v, %v; want %+v, %v", comment, got, ours, test.marker, test.ours)
		}
	}
}

func TestAMarker_ComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := marker{
			provision: rapid.Int64Min(1).Draw(t, "provision"), gen: rapid.Int64Min(1).Draw(t, "gen"),
			note: rapid.String().Draw(t, "note"),
		}
		text := m.String()
		if strings.ContainsAny(text, "\r\n\x00") {
			t.Fatalf("%q has more than one line", text)
		}
		got, ours := parseMarker(text)
		if !ours || !got.same(m.provision, m.gen) {
			t.Fatalf("%q came back as %+v, %v", text, got, ours)
		}
		if again, _ := parseMarker(got.String()); again != got {
			t.Fatalf("the note moves: %q, then %q", got.note, again.note)
		}
	})
}

func FuzzMarker(f *testing.F) {
	f.Add("qserve:7 gen=12 corner house")
	f.Fuzz(func(t *testing.T, comment string) {
		m, ours := parseMarker(comment)
		if again, still := parseMarker(m.String()); ours && (!still || !again.same(m.provision, m.gen)) {
			t.Errorf("%q: %+v became %+v", comment, m, again)
		}
	})
}

func TestProfileNames_AreReadableAndDiffer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line account.Line
		name string
	}{
		{account.Line{Rate: "5M/10M"}, "qserve-5M-10M"},
		{account.Line{Rate: "512k/2M"}, "qserve-512k-2M"},
		{account.Line{Rate: "5M"}, "qserve-5M"},
		{account.Line{Rate: "5M/10M", Pool: "fibre"}, "qserve-5M-10M@fibre"},
		{account.Line{Rate: "256k/256k", Pool: "fibre", AddressList: account.GardenList}, "qserve-256k-256k+garden@fibre"},
		{account.Line{Rate: "5M/10M", Pool: "fibre", Address: "10.0.0.9", AddressList: account.GardenList}, "qserve-fixed"},
	} {
		if got := profileName(test.line); got != test.name {
			t.Errorf("%+v: got %s, want %s", test.line, got, test.name)
		}
	}
	seen := make(map[string]string)
	for _, rate := range []account.Rate{"5M/10M", "5M/10M 8M/16M", "5M/10M 8M/16M 4M/8M 10/10", "5M/10M 9M/16M", "5M", "5M/5M"} {
		for _, pool := range []string{"", "fibre", "fibre@x", "x", "+garden"} {
			for _, list := range []string{"", account.GardenList} {
				line := account.Line{Rate: rate, Pool: pool, AddressList: list}
				name := profileName(line)
				if other := seen[name]; other != "" {
					t.Errorf("%s is the profile of %s and of %+v", name, other, line)
				}
				seen[name] = fmt.Sprintf("%+v", line)
			}
		}
	}
}

func TestRatesThatMeanTheSame_AreTheSame(t *testing.T) {
	t.Parallel()
	for _, same := range [][2]string{
		{"5M/10M", "5000k/10000000"}, {"5M", "5M/5M"}, {"5M/5M 8M 4M 10", "5M 8M/8M 4000k 10/10"}, {"", ""},
	} {
		if canonicalRate(same[0]) != canonicalRate(same[1]) {
			t.Errorf("%q and %q differ", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{"5M/10M", "10M/5M"}, {"5M/10M", "5M/10M 8M/16M"}, {"5M/10M", ""}} {
		if canonicalRate(other[0]) == canonicalRate(other[1]) {
			t.Errorf("%q and %q are the same", other[0], other[1])
		}
	}
	for limit, rate := range map[string]account.Rate{
		"5000000/10000000": "5M/10M", "512000/1500": "512k/1500", "0/0": "", "": "", "unlimited": "", "0/1000000": "0/1M",
	} {
		if got := shortRate(limit); got != rate {
			t.Errorf("max-limit %q is %q, want %q", limit, got, rate)
		}
	}
}

func TestUptimes_AreReadInEveryForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"3w4d12h23m12s": 25*24*time.Hour + 12*time.Hour + 23*time.Minute + 12*time.Second,
		"5m":            5 * time.Minute, "0s": 0, "00:05:10": 5*time.Minute + 10*time.Second,
		"1d00:00:01": 24*time.Hour + time.Second,
	} {
		if got, ok := parseUptime(text); !ok || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "soon", "5", "5x", "1:2", "s", "99999999999w", "15000w15000w", ":::"} {
		if got, ok := parseUptime(text); ok {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func FuzzUptime(f *testing.F) {
	f.Add("3w4d12h23m12s")
	f.Add("1d00:00:01")
	f.Fuzz(func(t *testing.T, text string) {
		if d, ok := parseUptime(text); ok && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
	})
}

func TestNames_AreQuotedForTheTerminal(t *testing.T) {
	t.Parallel()
	if got := quoted(`a"b$c\d`); got != `"a\"b\$c\\d"` {
		t.Errorf("got %s", got)
	}
}
