package console_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"qserve/console"
)

func TestToken_IsKnownByItsTextOnly(t *testing.T) {
	t.Parallel()
	o := setup(t)
	made, err := o.MakeToken(t.Context(), clerk, console.NewToken{Name: " call-centre ", Scopes: []string{"subscribers", "read", "read"}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.Token, "qs_") || len(made.Token) < 35 || made.Name != "call-centre" || made.RatePerSecond != 50 || made.ExpiresAt != nil {
		t.Errorf("made %+v", made)
	}
	caller, err := o.Authenticate(t.Context(), made.Token)
	if err != nil || caller.ID != made.ID || caller.Name != "call-centre" || caller.RatePerSecond != 50 {
		t.Errorf("caller %+v, %v", caller, err)
	}
	if !caller.May(console.ScopeRead) || !caller.May(console.ScopeAudit, console.ScopeSubscribers) || caller.May(console.ScopeAudit, console.ScopePayments) {
		t.Errorf("scopes %v", caller.Scopes)
	}
	for _, guess := range []string{"", "qs_", made.Token + "A", made.Token[:len(made.Token)-1], strings.ToLower(made.Token), strings.TrimPrefix(made.Token, "qs_")} {
		if _, err := o.Authenticate(t.Context(), guess); !turnedAway(err) {
			t.Errorf("%q: %v", guess, err)
		}
	}
	var stored int
	if err := o.pool.QueryRow(t.Context(), "select count(*) from api_tokens t, audit a where t::text || a::text like '%' || $1 || '%'",
		strings.TrimPrefix(made.Token, "qs_")).Scan(&stored); err != nil || stored != 0 {
		t.Errorf("the token's text is stored: %d, %v", stored, err)
	}
}

func turnedAway(err error) bool {
	_, ok := errors.AsType[*console.TokenError](err)
	return ok
}

func TestTokenThatCannotBe_IsRefusedByItsField(t *testing.T) {
	t.Parallel()
	o := setup(t)
	past := noon
	for _, c := range []struct {
		field  string
		change func(*console.NewToken)
	}{
		{"name", func(n *console.NewToken) { n.Name = " " }},
		{"name", func(n *console.NewToken) { n.Name = "a\nb" }},
		{"scopes", func(n *console.NewToken) { n.Scopes = nil }},
		{"scopes", func(n *console.NewToken) { n.Scopes = []string{"everything"} }},
		{"expires_at", func(n *console.NewToken) { n.ExpiresAt = &past }},
		{"rate_per_second", func(n *console.NewToken) { n.RatePerSecond = -1 }},
		{"rate_per_second", func(n *console.NewToken) { n.RatePerSecond = 10_001 }},
	} {
		n := console.NewToken{Name: "x", Scopes: []string{"read"}}
		c.change(&n)
		if _, err := o.MakeToken(t.Context(), clerk, n); field(err) != c.field {
			t.Errorf("%+v: %v", n, err)
		}
	}
}

func TestToken_EndsAtItsTimeOrWhenItIsRevoked(t *testing.T) {
	t.Parallel()
	o := setup(t)
	until := noon.Add(time.Hour)
	expiring, err := o.MakeToken(t.Context(), clerk, console.NewToken{Name: "a", Scopes: []string{"read"}, ExpiresAt: &until})
	if err != nil {
		t.Fatal(err)
	}
	endless, err := o.MakeToken(t.Context(), clerk, console.NewToken{Name: "b", Scopes: []string{"read"}})
	if err != nil {
		t.Fatal(err)
	}
	o.clock.Set(until.Add(-time.Nanosecond))
	if _, err := o.Authenticate(t.Context(), expiring.Token); err != nil {
		t.Errorf("a moment before its end: %v", err)
	}
	o.clock.Set(until)
	if _, err := o.Authenticate(t.Context(), expiring.Token); !turnedAway(err) {
		t.Errorf("at its end: %v", err)
	}
	if err := o.RevokeToken(t.Context(), clerk, "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Authenticate(t.Context(), endless.Token); !turnedAway(err) {
		t.Errorf("revoked: %v", err)
	}
	if _, conflict := errors.AsType[*console.ConflictError](o.RevokeToken(t.Context(), clerk, "b")); !conflict {
		t.Error("it was revoked twice")
	}
	if _, missing := errors.AsType[*console.NotFoundError](o.RevokeToken(t.Context(), clerk, "c")); !missing {
		t.Error("nobody's token was revoked")
	}
	// A name in the history stays somebody's for ever.
	_, err = o.MakeToken(t.Context(), clerk, console.NewToken{Name: "b", Scopes: []string{"read"}})
	if taken, ok := errors.AsType[*console.ConflictError](err); !ok || taken.Field != "name" {
		t.Errorf("the name again: %v", err)
	}
}

func TestUseOfAToken_IsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	o := setup(t)
	made, err := o.MakeToken(t.Context(), clerk, console.NewToken{Name: "a", Scopes: []string{"read"}})
	if err != nil {
		t.Fatal(err)
	}
	used := func(at time.Time) *time.Time {
		t.Helper()
		o.clock.Set(at)
		if _, err := o.Authenticate(t.Context(), made.Token); err != nil {
			t.Fatal(err)
		}
		list, err := o.Tokens(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		return list[0].LastUsedAt
	}
	if made.LastUsedAt != nil {
		t.Errorf("before its first use: %v", made.LastUsedAt)
	}
	for _, after := range []time.Duration{0, 59 * time.Second} {
		if got := used(noon.Add(after)); got == nil || !got.Equal(noon) {
			t.Errorf("after %s: %v", after, got)
		}
	}
	if got := used(noon.Add(time.Minute)); got == nil || !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("after a minute: %v", got)
	}
}
