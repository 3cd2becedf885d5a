package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/db"
)

// Scope is something that a token of the staff API, or a person, may do.
type Scope string

// The scopes. None of them contains another.
const (
	ScopeRead        Scope = "read"        // look at everything but the audit log
	ScopeSubscribers Scope = "subscribers" // add subscribers and give commands to their accounts
	ScopePayments    Scope = "payments"    // enter payments, allocate them, split them, reverse them
	ScopeDelete      Scope = "delete"      // delete a subscriber for good
	ScopeSettings    Scope = "settings"    // keep plans and routers
	ScopeAdmin       Scope = "admin"       // keep payment sources, staff and tokens
	ScopeAudit       Scope = "audit"       // read the audit log
	ScopeOps         Scope = "ops"         // look at the queues, and have waiting work tried now
)

// Scopes lists all of them.
var Scopes = []Scope{ScopeRead, ScopeSubscribers, ScopePayments, ScopeDelete, ScopeSettings, ScopeAdmin, ScopeAudit, ScopeOps}

const (
	// tokenPrefix lets people and secret scanners recognise a token of Qserve.
	tokenPrefix = "qs_"
	// defaultTokenRate is the requests per second of a token that is made without saying.
	defaultTokenRate = 50
	maxTokenRate     = 10_000
	// noteUseEvery is how old the note of a token's last use may become before it is written again.
	noteUseEvery = time.Minute
)

// NewToken is a token to be made for the staff API.
type NewToken struct {
	Name      string
	Scopes    []string   // see [Scopes]; at least one
	ExpiresAt *time.Time // nil: never
	// RatePerSecond is how many requests a second are answered, with bursts of twice as many; 0: 50.
	RatePerSecond int
}

// TokenView is a token of the staff API, without its secret.
type TokenView struct {
	ID            int64      `json:"id" example:"3"`
	Name          string     `json:"name" example:"call-centre" doc:"Who uses it; history and audit log name it. Never used twice."`
	Scopes        []string   `json:"scopes" nullable:"false" enum:"read,subscribers,payments,delete,settings,admin,audit,ops" example:"[\"read\",\"subscribers\"]" doc:"What it may do."`
	RatePerSecond int        `json:"rate_per_second" example:"50" doc:"Requests a second; twice as many in a burst."`
	CreatedAt     time.Time  `json:"created_at"`
	ExpiresAt     *time.Time `json:"expires_at" doc:"Null when it does not expire."`
	RevokedAt     *time.Time `json:"revoked_at" doc:"Null while it is not revoked."`
	LastUsedAt    *time.Time `json:"last_used_at" doc:"To within a minute; null when it was never used."`
}

// MadeToken is a fresh token. Its text is stored nowhere and cannot be shown again.
type MadeToken struct {
	TokenView
	Token string `json:"token" example:"qs_EXAMPLEEXAMPLEEXAMPLEEXAMPLE" doc:"The bearer token, shown this once."`
}

// Caller is who asks: whoever presented a token, or a [Member].
type Caller struct {
	ID            int64 // of the token or the person
	Name          string
	Scopes        []Scope
	RatePerSecond int
}

// May reports whether the caller has one of the scopes.
func (c Caller) May(wanted ...Scope) bool {
	return slices.ContainsFunc(wanted, func(s Scope) bool { return slices.Contains(c.Scopes, s) })
}

// TokenError says why a token is not accepted.
type TokenError struct{ Problem string }

func (e *TokenError) Error() string { return e.Problem }

// MakeToken makes a token for the staff API. Its errors are [*FieldError] where the input is wrong.
func (s *Service) MakeToken(ctx context.Context, by By, n NewToken) (MadeToken, error) {
	now := s.Clock.Now()
	if err := n.check(now); err != nil {
		return MadeToken{}, err
	}
	secret := tokenPrefix + rand.Text() + rand.Text()
	var row db.APIToken
	err := db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) (err error) {
		row, err = q.CreateToken(ctx, db.CreateTokenParams{
			Name: n.Name, Hash: tokenHash(secret), Scopes: n.Scopes, RatePerSecond: int32(n.RatePerSecond),
			CreatedAt: now, ExpiresAt: n.ExpiresAt,
		})
		if err != nil {
			return fmt.Errorf("store token %q: %w", n.Name, taken(err, map[string]error{
				"api_tokens_name_key": conflict("name", "there is a token %q already, and a revoked one keeps its name", n.Name),
			}))
		}
		after := map[string]string{"scopes": strings.Join(n.Scopes, " ")}
		if n.ExpiresAt != nil {
			after["expires_at"] = n.ExpiresAt.UTC().Format(time.RFC3339)
		}
		return note(ctx, q, by, now, "token-make", "token "+n.Name, "Token "+n.Name+" made", nil, after)
	})
	if err != nil {
		return MadeToken{}, err
	}
	return MadeToken{TokenView: viewToken(row), Token: secret}, nil
}

func (n *NewToken) check(now time.Time) error {
	n.Name = strings.TrimSpace(n.Name)
	if err := checkLine("name", n.Name, 1, 100); err != nil {
		return err
	}
	n.Scopes = slices.Compact(slices.Sorted(slices.Values(n.Scopes)))
	if len(n.Scopes) == 0 {
		return bad("scopes", "must name at least one of %s", words(Scopes))
	}
	for _, scope := range n.Scopes {
		if !slices.Contains(Scopes, Scope(scope)) {
			return bad("scopes", "there is no scope %q; the scopes are %s", scope, words(Scopes))
		}
	}
	if n.ExpiresAt != nil && !n.ExpiresAt.After(now) {
		return bad("expires_at", "must lie ahead")
	}
	if n.RatePerSecond == 0 {
		n.RatePerSecond = defaultTokenRate
	}
	if n.RatePerSecond < 1 || n.RatePerSecond > maxTokenRate {
		return bad("rate_per_second", "must be between 1 and %d", maxTokenRate)
	}
	return nil
}

// RevokeToken ends a token at once and for good.
func (s *Service) RevokeToken(ctx context.Context, by By, name string) error {
	now := s.Clock.Now()
	return db.InTx(ctx, s.Pool, func(_ pgx.Tx, q *db.Queries) error {
		_, err := q.RevokeToken(ctx, db.RevokeTokenParams{Name: name, Now: now})
		if errors.Is(err, pgx.ErrNoRows) {
			return revokedBefore(ctx, q, name)
		}
		if err != nil {
			return fmt.Errorf("revoke token %q: %w", name, err)
		}
		return note(ctx, q, by, now, "token-revoke", "token "+name, "Token "+name+" revoked", nil, nil)
	})
}

// revokedBefore says why no token of that name could be revoked.
func revokedBefore(ctx context.Context, q *db.Queries, name string) error {
	row, err := q.TokenByName(ctx, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return missing("token %q", name)
	}
	if err != nil {
		return fmt.Errorf("read token %q: %w", name, err)
	}
	return conflict("", "token %q has been revoked since %s", name, row.RevokedAt.UTC().Format(time.RFC3339))
}

// Tokens lists all tokens, expired and revoked ones too, by name.
func (s *Service) Tokens(ctx context.Context) ([]TokenView, error) {
	rows, err := db.New(s.Pool).ListTokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	views := make([]TokenView, 0, len(rows))
	for _, row := range rows {
		views = append(views, viewToken(row))
	}
	return views, nil
}

// Authenticate returns who a token belongs to, or a [*TokenError]. It asks the database each time, so a revocation
// counts from the next request on.
func (s *Service) Authenticate(ctx context.Context, token string) (Caller, error) {
	unknown := &TokenError{"the token is not known"}
	if !strings.HasPrefix(token, tokenPrefix) || len(token) > 200 {
		return Caller{}, unknown
	}
	q := db.New(s.Pool)
	row, err := q.TokenByHash(ctx, tokenHash(token))
	if errors.Is(err, pgx.ErrNoRows) {
		return Caller{}, unknown
	}
	if err != nil {
		return Caller{}, fmt.Errorf("look a token up: %w", err)
	}
	now := s.Clock.Now()
	switch {
	case row.RevokedAt != nil:
		return Caller{}, &TokenError{"the token has been revoked"}
	case row.ExpiresAt != nil && !now.Before(*row.ExpiresAt):
		return Caller{}, &TokenError{"the token has expired"}
	}
	if old := now.Add(-noteUseEvery); row.LastUsedAt == nil || !row.LastUsedAt.After(old) {
		// A request is not refused because it could not be noted.
		if err := q.TokenUsed(ctx, db.TokenUsedParams{ID: row.ID, Now: now, Before: old}); err != nil {
			s.Log.Warn("the use of a token could not be noted", "token", row.Name, "error", err)
		}
	}
	caller := Caller{ID: row.ID, Name: row.Name, RatePerSecond: int(row.RatePerSecond)}
	for _, scope := range row.Scopes {
		caller.Scopes = append(caller.Scopes, Scope(scope))
	}
	return caller, nil
}

// tokenHash is what is stored of a token. Looking it up takes the same time however much of a guess is right; a slow
// hash is for passwords that people choose, and these are random.
func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func viewToken(row db.APIToken) TokenView {
	return TokenView{
		ID: row.ID, Name: row.Name, Scopes: row.Scopes, RatePerSecond: int(row.RatePerSecond), CreatedAt: row.CreatedAt.UTC(),
		ExpiresAt: utc(row.ExpiresAt), RevokedAt: utc(row.RevokedAt), LastUsedAt: utc(row.LastUsedAt),
	}
}
