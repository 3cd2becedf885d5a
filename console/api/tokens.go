package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"qserve/console"
)

func (s *server) tokenRoutes() {
	huma.Register(s.document, operation(tagAdmin, http.MethodGet, "/tokens", "list-tokens", "List tokens",
		"Expired and revoked ones too, without their secrets.", console.ScopeAdmin), s.listTokens)
	add := operation(tagAdmin, http.MethodPost, "/tokens", "make-token", "Make a token",
		"Its text is in this answer only. A token can give only scopes that it has itself.", console.ScopeAdmin)
	add.DefaultStatus = http.StatusCreated
	huma.Register(s.document, add, s.makeToken)
	huma.Register(s.document, operation(tagAdmin, http.MethodDelete, "/tokens/{name}", "revoke-token", "Revoke a token",
		"At once and for good.", console.ScopeAdmin), s.revokeToken)
}

func (s *server) listTokens(ctx context.Context, _ *struct{}) (*page[console.TokenView], error) {
	list, err := s.Service.Tokens(ctx)
	if err != nil {
		return nil, s.problem(ctx, err, inQuery)
	}
	return whole(list), nil
}

type newTokenInput struct {
	Keyed
	Body struct {
		Name          string     `json:"name" minLength:"1" maxLength:"100" example:"call-centre" doc:"Who uses it; history and audit log name it."`
		Scopes        []string   `json:"scopes" nullable:"false" minItems:"1" enum:"read,subscribers,payments,delete,settings,admin,audit,ops" example:"[\"read\",\"subscribers\"]" doc:"What it may do."`
		ExpiresAt     *time.Time `json:"expires_at,omitempty" example:"2027-12-04T15:00:00Z" doc:"Absent: it does not expire."`
		RatePerSecond int        `json:"rate_per_second,omitempty" minimum:"1" maximum:"10000" default:"50" example:"50" doc:"Requests a second; twice as many in a burst."`
	}
}

type tokenOutput struct{ Body console.MadeToken }

func (s *server) makeToken(ctx context.Context, in *newTokenInput) (*tokenOutput, error) {
	for _, scope := range in.Body.Scopes {
		if caller := callOf(ctx).caller; !caller.May(console.Scope(scope)) {
			return nil, forbidden(console.Scope(scope), "token "+caller.Name+" has no scope "+scope+" to give")
		}
	}
	token, err := s.Service.MakeToken(ctx, by(ctx), console.NewToken{
		Name: in.Body.Name, Scopes: in.Body.Scopes, ExpiresAt: in.Body.ExpiresAt, RatePerSecond: in.Body.RatePerSecond,
	})
	if err != nil {
		return nil, s.problem(ctx, err, inBody)
	}
	return &tokenOutput{token}, nil
}

func (s *server) revokeToken(ctx context.Context, in *endInput) (*struct{}, error) {
	if err := s.Service.RevokeToken(ctx, by(ctx), in.Name); err != nil {
		return nil, s.problem(ctx, err, inPath)
	}
	return nil, nil
}
