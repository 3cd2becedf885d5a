package webhooks_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qserve/webhooks"
)

var banned = []string{"mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query"}

func TestAddresses_ContainNoWordThatSafaricomRefuses(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[0-9a-f]{32}$`)
	seen := map[string]bool{}
	for range 20_000 {
		token := webhooks.NewToken()
		if !shape.MatchString(token) || seen[token] {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
		list, err := webhooks.SourceURLs("https://pay.example.com/", "mpesa", token)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			for _, word := range banned {
				if strings.Contains(strings.ToLower(a.URL), word) {
					t.Fatalf("%s contains %s", a.URL, word)
				}
			}
		}
	}
}

func TestSourceURLs_AreTheNamesThatStay(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("0a", 16)
	for _, c := range []struct {
		base, kind string
		want       []webhooks.Address
	}{
		{"https://pay.example.com", "mpesa", []webhooks.Address{
			{Name: "validation", URL: "https://pay.example.com/in/" + token + "/validate"},
			{Name: "confirmation", URL: "https://pay.example.com/in/" + token + "/confirm"},
		}},
		{"https://example.com/billing/", "standard", []webhooks.Address{{Name: "webhook", URL: "https://example.com/billing/in/" + token}}},
	} {
		got, err := webhooks.SourceURLs(c.base, c.kind, token)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
	for _, c := range [][3]string{
		{"", "mpesa", token}, {"pay.example.com", "mpesa", token}, {"https://a", "paypal", token}, {"https://a", "mpesa", ""}, {"https://a", "mpesa", strings.ToUpper(token)},
	} {
		if got, err := webhooks.SourceURLs(c[0], c[1], c[2]); err == nil {
			t.Errorf("%v: %v", c, got)
		}
	}
}

func TestCheckAddress_NamesTheWord(t *testing.T) {
	t.Parallel()
	for address, word := range map[string]string{
		"https://mpesa.example.com/in/0":      "mpesa",
		"https://pay.example.com/M-Pesa":      "m-pesa",
		"https://SAFARICOM.example.com":       "safaricom",
		"https://executive.example.com":       "exe",
		"https://mysql.example.com/in/0":      "sql",
		"https://pay.example.com/cmd/in/0":    "cmd",
		"https://jquery.example.com:8443/in":  "query",
		"https://pay.example.com/%65xe/in/00": "exe",
	} {
		err := webhooks.CheckAddress("mpesa", address)
		if err == nil || !strings.Contains(err.Error(), `contains "`+word+`"`) {
			t.Errorf("%s: %v", address, err)
		}
		if err := webhooks.CheckAddress("standard", address); err != nil {
			t.Errorf("%s for a provider that bans nothing: %v", address, err)
		}
	}
}

func TestCheckAddress_FindsABannedWordAnywhereInAnyCase(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := []rune(rapid.SampledFrom(banned).Draw(t, "word"))
		for i, upper := range rapid.SliceOfN(rapid.Bool(), len(word), len(word)).Draw(t, "upper") {
			if upper {
				word[i] = []rune(strings.ToUpper(string(word[i])))[0]
			}
		}
		before, after := rapid.StringMatching(`[a-z0-9/]{0,8}`).Draw(t, "before"), rapid.StringMatching(`[a-z0-9/]{0,8}`).Draw(t, "after")
		if err := webhooks.CheckAddress("mpesa", "https://pay.example.com/"+before+string(word)+after); err == nil {
			t.Fatal("accepted")
		}
	})
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	bytes := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct {
		kind, secret string
		good         bool
	}{
		{"standard", webhooks.NewSecret("standard"), true},
		{"standard", bytes(24), true},
		{"standard", bytes(64), true},
		{"standard", "", false},
		{"standard", "whsec_", false},
		{"standard", bytes(23), false},
		{"standard", bytes(65), false},
		{"standard", strings.TrimPrefix(bytes(32), "whsec_"), false},
		{"standard", "whsec_not base64 at all, but long enough to be one", false},
		{"standard", strings.TrimRight(bytes(32), "="), false},
		{"standard", bytes(32) + "\n", false},
		{"mpesa", webhooks.NewSecret("mpesa"), true},
		{"mpesa", "hunter2", false},
		{"paypal", bytes(32), false},
	} {
		err := webhooks.CheckSecret(c.kind, c.secret)
		if (err == nil) != c.good {
			t.Errorf("%s %q: %v", c.kind, c.secret, err)
		}
		if err != nil && len(c.secret) > 10 && strings.Contains(err.Error(), c.secret[6:]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	if one, other := webhooks.NewSecret("standard"), webhooks.NewSecret("standard"); one == other {
		t.Error("two new secrets are the same")
	}
}
