package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"qserve/console"
	"qserve/db"
	"qserve/webhooks"
)

type sourceCommands struct {
	Add    sourceAdd    `cmd:"" help:"Add a payment source and print the address to give to its provider."`
	List   sourceList   `cmd:"" help:"List the payment sources with their addresses."`
	Rotate sourceRotate `cmd:"" help:"Give a source a new signing secret; the old one stays in force for a while."`
}

type sourceAdd struct {
	Name       string `arg:"" help:"Name of the source, as staff will see it beside a payment."`
	Kind       string `required:"" enum:"mpesa,standard" help:"mpesa: Safaricom's C2B. standard: Standard Webhooks, for anything home-made."`
	Merchant   string `help:"The provider's name for the receiver of the money; for M-Pesa the short code. Default: the name."`
	SecretFile string `name:"secret-file" type:"existingfile" help:"File with the signing secret (whsec_…); one is made when not given."`
}

type sourceView struct {
	Name     string       `json:"name"`
	Kind     string       `json:"kind"`
	Merchant string       `json:"merchant"`
	URLs     []addressURL `json:"urls"`
	Secret   string       `json:"secret,omitempty"`
}

type addressURL struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

func (c *sourceAdd) Run(ctx context.Context, sh *shell) error {
	n := webhooks.NewSource{Name: strings.TrimSpace(c.Name), Kind: c.Kind, Merchant: c.Merchant}
	if c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return fmt.Errorf("read the secret: %w", err)
		}
		n.Secret = strings.TrimSpace(string(text))
		if n.Secret == "" {
			return &console.FieldError{Field: "secret-file", Problem: "is empty"}
		}
		if err := webhooks.CheckSecret(c.Kind, n.Secret); err != nil {
			return &console.FieldError{Field: "secret-file", Problem: err.Error()}
		}
	}
	if n.Merchant == "" {
		if c.Kind == "mpesa" {
			return &console.FieldError{Field: "merchant", Problem: "give the short code (paybill or till number) that the money goes to"}
		}
		n.Merchant = n.Name
	}
	return withStaff(ctx, sh, func(s staff) error {
		n.Currency = s.Currency
		// The address is looked at first: a provider that refuses it would only say so at registration.
		if _, err := webhooks.SourceURLs(s.settings.PublicURL.String(), c.Kind, webhooks.NewToken()); err != nil {
			return err
		}
		done, err := webhooks.Register(ctx, s.pool, s.Keys, n, s.Clock.Now())
		if err != nil {
			return err
		}
		view, err := viewSource(s, done.Source, done.Token)
		if err != nil {
			return err
		}
		view.Secret = done.Secret
		lines := []string{fmt.Sprintf("Added payment source %s. Give to the provider:", view.Name)}
		for _, a := range view.URLs {
			lines = append(lines, fmt.Sprintf("  %-14s %s", a.Name, a.URL))
		}
		if view.Secret != "" {
			lines = append(lines, fmt.Sprintf("  %-14s %s   (shown this once)", "secret", view.Secret))
		}
		return sh.print(view, "%s", strings.Join(lines, "\n"))
	})
}

func viewSource(s staff, row db.PaymentSource, token string) (sourceView, error) {
	urls, err := webhooks.SourceURLs(s.settings.PublicURL.String(), row.Kind, token)
	if err != nil {
		return sourceView{}, err
	}
	view := sourceView{Name: row.Name, Kind: row.Kind, Merchant: row.Merchant}
	for _, u := range urls {
		view.URLs = append(view.URLs, addressURL{u.Name, u.URL})
	}
	return view, nil
}

type sourceList struct{}

func (*sourceList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		sources, err := db.New(s.pool).ListSources(ctx)
		if err != nil {
			return fmt.Errorf("list payment sources: %w", err)
		}
		items, rows := []sourceView{}, [][]string{}
		for _, row := range sources {
			token, err := s.Keys.Open(row.TokenSealed, webhooks.TokenRow(row.ID))
			if err != nil {
				return fmt.Errorf("open the address of payment source %q: %w", row.Name, err)
			}
			view, err := viewSource(s, row, string(token))
			if err != nil {
				return err
			}
			items = append(items, view)
			for _, a := range view.URLs {
				rows = append(rows, []string{view.Name, view.Kind, view.Merchant, a.Name, a.URL})
			}
		}
		return sh.list(items, "SOURCE\tKIND\tMERCHANT\tCALL\tADDRESS", rows)
	})
}

type sourceRotate struct {
	Name    string        `arg:"" help:"Name of the source."`
	Overlap time.Duration `default:"72h" help:"How long the old secret stays in force: a provider's retries still carry it."`
}

func (c *sourceRotate) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		sources, err := db.New(s.pool).ListSources(ctx)
		if err != nil {
			return fmt.Errorf("list payment sources: %w", err)
		}
		for _, row := range sources {
			if row.Name != c.Name {
				continue
			}
			secret, err := webhooks.RotateSecret(ctx, s.pool, s.Keys, row, c.Overlap, s.Clock.Now())
			if err != nil {
				return err
			}
			return sh.print(map[string]string{"name": row.Name, "secret": secret},
				"New secret of %s (shown this once): %s\nThe old one stays in force for %s.", row.Name, secret, c.Overlap)
		}
		return &console.FieldError{Field: "name", Problem: fmt.Sprintf("there is no payment source %q", c.Name)}
	})
}
