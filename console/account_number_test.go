package console_test

import "testing"

func (o *office) customer(account string) {
	o.t.Helper()
	n := jane()
	n.Account, n.Phone = account, ""
	if _, err := o.AddSubscriber(o.t.Context(), clerk, n); err != nil {
		o.t.Fatal(err)
	}
}

func TestNextAccount_CountsOnAsTheProviderDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		has  []string // accounts, oldest first
		want string
	}{
		"the first one":                   {nil, "ACC-0001"},
		"after one":                       {[]string{"ACC-0042"}, "ACC-0043"},
		"more digits":                     {[]string{"ACC-0099", "ACC-9999"}, "ACC-10000"},
		"digits only":                     {[]string{"2026001"}, "2026002"},
		"another form since":              {[]string{"ACC-0042", "HOME7"}, "HOME8"},
		"one that cannot be counted on":   {[]string{"ACC-0042", "VIP"}, "ACC-0044"},
		"none that can be counted on":     {[]string{"VIP"}, "ACC-0002"},
		"one that is taken in other form": {[]string{"acc0043", "ACC-0042"}, "ACC-0044"},
		"a number typed far ahead":        {[]string{"ACC-0500", "ACC-0042"}, "ACC-0502"},
		"very many digits":                {[]string{"X1234567890123456789"}, "X1234567890123456790"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := setup(t)
			o.furnish()
			for _, account := range c.has {
				o.customer(account)
			}
			got, err := o.NextAccount(t.Context())
			if err != nil || got != c.want {
				t.Errorf("the next account is %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestNextAccount_LeavesOutNumbersOfThoseWhoAreGone(t *testing.T) {
	t.Parallel()
	o := open(t)
	// A subscriber who came after Jane and was deleted leaves nothing but a number of a subscriber.
	if _, err := o.pool.Exec(t.Context(), `select nextval(pg_get_serial_sequence('subscribers', 'id'))`); err != nil {
		t.Fatal(err)
	}
	if got, err := o.NextAccount(t.Context()); err != nil || got != "ACC-0044" {
		t.Errorf("the next account is %q, %v", got, err)
	}
}

func TestSubscriberByID_IsNotTheAccountOfThatNumber(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.customer("1")
	v, err := o.SubscriberByID(t.Context(), 1)
	if err != nil || v.Account != "ACC-0042" {
		t.Errorf("subscriber 1 is %q, %v", v.Account, err)
	}
	if _, err := o.SubscriberByID(t.Context(), 99); !isMissing(err) {
		t.Errorf("subscriber 99: %v", err)
	}
}
