package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"qserve/console"
)

type sourceCommands struct {
	Add     sourceAdd     `cmd:"" help:"Add a payment source and print the address to give to its provider."`
	List    sourceList    `cmd:"" help:"List the payment sources with their addresses."`
	Show    sourceShow    `cmd:"" help:"Show one payment source."`
	Rename  sourceRename  `cmd:"" help:"Give a payment source another name; its addresses stay."`
	Archive sourceArchive `cmd:"" help:"Make a source's addresses take nothing any more."`
	Rotate  sourceRotate  `cmd:"" help:"Give a source a new signing secret; the old one stays in force for a while."`
}

type sourceAdd struct {
	Name       string `arg:"" help:"Name of the source, as staff will see it beside a payment."`
	Kind       string `required:"" enum:"mpesa,standard" help:"mpesa: Safaricom's C2B. standard: Standard Webhooks, for anything home-made."`
	Merchant   string `help:"The provider's name for the receiver of the money; for M-Pesa the short code. Default: the name."`
	SecretFile string `name:"secret-file" type:"existingfile" help:"File with the signing secret (whsec_…); one is made when not given."`
}

func (c *sourceAdd) Run(ctx context.Context, sh *shell) error {
	secret, err := readFile("secret_file", c.SecretFile)
	if err != nil {
		return err
	}
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.AddSource(ctx, s.by, console.NewSource{Name: c.Name, Kind: c.Kind, Merchant: c.Merchant, Secret: secret})
		if err != nil {
			return err
		}
		lines := []string{fmt.Sprintf("Added payment source %s. Give to the provider:", v.Name)}
		lines = append(lines, addresses(v.SourceView)...)
		if v.Secret != "" {
			lines = append(lines, fmt.Sprintf("  %-14s %s   (shown this once)", "secret", v.Secret))
		}
		return sh.print(v, "%s", strings.Join(lines, "\n"))
	})
}

func addresses(v console.SourceView) []string {
	var lines []string
	for _, a := range v.URLs {
		lines = append(lines, fmt.Sprintf("  %-14s %s", a.Name, a.URL))
	}
	return lines
}

type sourceList struct {
	Archived bool `help:"Also those that take nothing any more."`
}

func (c *sourceList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		sources, err := s.Sources(ctx, c.Archived)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range sources {
			last, waiting := s.day(v.LastDeliveryAt), strconv.FormatInt(v.Waiting, 10)
			for _, a := range v.URLs {
				rows = append(rows, []string{v.Name, v.Kind, v.Merchant, last, waiting, s.day(v.ArchivedAt), a.Name, a.URL})
			}
		}
		return sh.list(sources, "SOURCE\tKIND\tMERCHANT\tLAST DELIVERY\tWAITING\tARCHIVED\tCALL\tADDRESS", rows)
	})
}

type sourceShow struct {
	Name string `arg:"" help:"Name of the source."`
}

func (c *sourceShow) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.Source(ctx, c.Name)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%s: %s for %s, in %s. %d deliveries wait.", v.Name, v.Kind, v.Merchant, v.Currency, v.Waiting)
		if v.LastDeliveryAt != nil {
			text += " The last one came at " + s.when(*v.LastDeliveryAt) + "."
		}
		if v.ArchivedAt != nil {
			text += " Archived since " + s.when(*v.ArchivedAt) + "."
		}
		return sh.print(v, "%s", strings.Join(append([]string{text}, addresses(v)...), "\n"))
	})
}

type sourceRename struct {
	Name string `arg:"" help:"Name of the source."`
	To   string `arg:"" help:"New name."`
}

func (c *sourceRename) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.ChangeSource(ctx, s.by, c.Name, console.SourceChange{Name: &c.To})
		if err != nil {
			return err
		}
		return sh.print(v, "Payment source %s is called %s.", c.Name, v.Name)
	})
}

type sourceArchive struct {
	Name string `arg:"" help:"Name of the source."`
}

func (c *sourceArchive) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.ArchiveSource(ctx, s.by, c.Name)
		if err != nil {
			return err
		}
		return sh.print(v, "The addresses of %s take nothing any more, within seconds.", v.Name)
	})
}

type sourceRotate struct {
	Name    string        `arg:"" help:"Name of the source."`
	Overlap time.Duration `default:"72h" help:"How long the old secret stays in force: a provider's retries still carry it."`
}

func (c *sourceRotate) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.RotateSecret(ctx, s.by, c.Name, c.Overlap)
		if err != nil {
			return err
		}
		return sh.print(v, "New secret of %s (shown this once): %s\nThe old one stays in force for %s.", v.Name, v.Secret, c.Overlap)
	})
}
