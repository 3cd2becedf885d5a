package pages

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"qserve/console"
)

func (s *server) tokenRoutes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(s.guard(console.ScopeAdmin))
		r.Get("/tokens", s.tokens)
		r.Get("/tokens/new", s.askNewToken)
		r.Post("/tokens/new", s.makeToken)
		r.Get("/tokens/{id}/revoke", s.askRevoke)
		r.Post("/tokens/{id}/revoke", s.revoke)
	})
}

// tokenRow is a token in the list.
type tokenRow struct {
	console.TokenView
	State light
}

// Ended is when it can be used no more.
func (t tokenRow) Ended() bool { return t.State.Class == "" }

func (s *server) tokenRow(v console.TokenView) tokenRow {
	now := s.Service.Clock.Now()
	row := tokenRow{TokenView: v}
	switch {
	case v.RevokedAt != nil:
		row.State = light{Word: "Revoked", Shape: "circle-x", Detail: s.words.at(*v.RevokedAt, now)}
	case v.ExpiresAt != nil && !now.Before(*v.ExpiresAt):
		row.State = light{Word: "Expired", Shape: "circle-x", Detail: s.words.at(*v.ExpiresAt, now)}
	case v.ExpiresAt != nil:
		row.State = light{Word: "In force", Shape: "circle-check", Class: "ok", Detail: "until " + s.words.at(*v.ExpiresAt, now)}
	default:
		row.State = light{Word: "In force", Shape: "circle-check", Class: "ok", Detail: "does not expire"}
	}
	return row
}

func (s *server) tokens(w http.ResponseWriter, r *http.Request) {
	all, err := s.Service.Tokens(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	rows := make([]tokenRow, 0, len(all))
	for _, v := range all {
		rows = append(rows, s.tokenRow(v))
	}
	// What can be used stands first.
	slices.SortStableFunc(rows, func(a, b tokenRow) int {
		switch {
		case a.Ended() == b.Ended():
			return 0
		case b.Ended():
			return -1
		}
		return 1
	})
	s.show(w, r, http.StatusOK, "tokens", page{Title: "API tokens", Nav: "tokens", Data: rows})
}

// tokenForm makes a token.
type tokenForm struct {
	Name, Expires, Rate string
	Chosen              []string // scopes
	Field, Problem      string
	Token               string // that was made, to be told once
}

// Scopes are what a token can be allowed, with what each means.
func (tokenForm) Scopes() []choice {
	var scopes []choice
	for _, scope := range console.Scopes {
		scopes = append(scopes, choice{string(scope), scopeWords[scope]})
	}
	return scopes
}

// Has reports whether a scope is chosen.
func (f tokenForm) Has(scope string) bool { return slices.Contains(f.Chosen, scope) }

func (s *server) showTokenForm(w http.ResponseWriter, r *http.Request, status int, f tokenForm) {
	s.show(w, r, status, "token-form", page{Title: "Make an API token", Nav: "tokens", Data: f})
}

func (s *server) askNewToken(w http.ResponseWriter, r *http.Request) {
	s.showTokenForm(w, r, http.StatusOK, tokenForm{Rate: "50", Chosen: []string{string(console.ScopeRead)}})
}

func (s *server) makeToken(w http.ResponseWriter, r *http.Request) {
	f := tokenForm{
		Name: strings.TrimSpace(r.PostFormValue("name")), Expires: r.PostFormValue("expires_at"),
		Rate: strings.TrimSpace(r.PostFormValue("rate_per_second")), Chosen: r.PostForm["scopes"],
	}
	n, err := f.read(s.Service.Zone)
	var made console.MadeToken
	if err == nil {
		made, err = s.Service.MakeToken(r.Context(), s.by(r), n)
	}
	if field, text, ok := refusal(err); ok {
		f.Field, f.Problem = field, text
		s.showTokenForm(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f.Token = made.Token
	s.showTokenForm(w, r, http.StatusOK, f)
}

// read makes the order of the form. A token that expires works until the end of its last day.
func (f tokenForm) read(zone *time.Location) (console.NewToken, error) {
	n := console.NewToken{Name: f.Name, Scopes: slices.Clone(f.Chosen)}
	if f.Rate != "" {
		rate, err := strconv.Atoi(f.Rate)
		if err != nil || rate == 0 {
			return n, &console.FieldError{Field: "rate_per_second", Problem: "must be a whole number from 1 on"}
		}
		n.RatePerSecond = rate
	}
	if f.Expires != "" {
		day, err := time.ParseInLocation(time.DateOnly, f.Expires, zone)
		if err != nil {
			return n, &console.FieldError{Field: "expires_at", Problem: "must be a day, such as 2027-01-31"}
		}
		end := day.AddDate(0, 0, 1)
		n.ExpiresAt = &end
	}
	return n, nil
}

// tokenQuestion is the dialog that revokes a token.
type tokenQuestion struct {
	Token   tokenRow
	Problem string
}

// token is the one of the address, which has the id: a name may have any letters.
func (s *server) token(r *http.Request) (tokenRow, error) {
	all, err := s.Service.Tokens(r.Context())
	if err != nil {
		return tokenRow{}, err
	}
	id := chi.URLParam(r, "id")
	for _, v := range all {
		if strconv.FormatInt(v.ID, 10) == id {
			return s.tokenRow(v), nil
		}
	}
	return tokenRow{}, &console.NotFoundError{What: "token " + strconv.Quote(id)}
}

func (s *server) showRevoke(w http.ResponseWriter, r *http.Request, status int, q tokenQuestion) {
	s.show(w, r, status, "token-revoke", page{Title: "Revoke the token " + q.Token.Name + "?", Nav: "tokens", Data: q})
}

func (s *server) askRevoke(w http.ResponseWriter, r *http.Request) {
	t, err := s.token(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.showRevoke(w, r, http.StatusOK, tokenQuestion{Token: t})
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	t, err := s.token(r)
	if err == nil {
		err = s.Service.RevokeToken(r.Context(), s.by(r), t.Name)
	}
	if _, text, ok := refusal(err); ok {
		s.showRevoke(w, r, http.StatusUnprocessableEntity, tokenQuestion{Token: t, Problem: text})
		return
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.done(w, r, "/tokens", "The token "+t.Name+" is revoked.")
}
