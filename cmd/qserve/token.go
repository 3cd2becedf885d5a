package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"qserve/console"
)

type tokenCommands struct {
	Make   tokenMake   `cmd:"" help:"Make a token and print it once."`
	List   tokenList   `cmd:"" help:"List the tokens."`
	Revoke tokenRevoke `cmd:"" help:"End a token at once and for good."`
}

type tokenMake struct {
	Name      string    `arg:"" help:"Who uses it; history and audit log name it."`
	Scopes    []string  `name:"scope" required:"" help:"What it may do: read, subscribers, payments, delete, settings, admin, audit, ops; several with commas."`
	ExpiresAt time.Time `name:"expires-at" help:"When it ends, RFC 3339. Default: never."`
	Rate      int       `name:"rate-per-second" help:"How many requests a second are answered. Default: 50."`
}

func (c *tokenMake) Run(ctx context.Context, sh *shell) error {
	n := console.NewToken{Name: c.Name, Scopes: c.Scopes, RatePerSecond: c.Rate}
	if !c.ExpiresAt.IsZero() {
		n.ExpiresAt = &c.ExpiresAt
	}
	return withStaff(ctx, sh, func(s staff) error {
		v, err := s.MakeToken(ctx, s.by, n)
		if err != nil {
			return err
		}
		return sh.print(v, "Token %s (shown this once): %s", v.Name, v.Token)
	})
}

type tokenList struct{}

func (*tokenList) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		tokens, err := s.Tokens(ctx)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, v := range tokens {
			rows = append(rows, []string{
				v.Name, strings.Join(v.Scopes, " "), strconv.Itoa(v.RatePerSecond), s.day(v.ExpiresAt), s.day(v.RevokedAt), s.day(v.LastUsedAt),
			})
		}
		return sh.list(tokens, "TOKEN\tSCOPES\tA SECOND\tEXPIRES\tREVOKED\tLAST USED", rows)
	})
}

type tokenRevoke struct {
	Name string `arg:"" help:"Name of the token."`
}

func (c *tokenRevoke) Run(ctx context.Context, sh *shell) error {
	return withStaff(ctx, sh, func(s staff) error {
		if err := s.RevokeToken(ctx, s.by, c.Name); err != nil {
			return err
		}
		return sh.print(map[string]string{"name": c.Name}, "Token %s is revoked.", c.Name)
	})
}
