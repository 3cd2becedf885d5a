package webhooks

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"qserve/account"
)

// Adapter is what differs from one payment provider to the next. It works on its arguments alone: no clock, no
// network, no database. A provider that can only be believed after asking it back is stored like any other, and asked
// by the worker.
type Adapter interface {
	// Verify returns nil when the source's provider sent r, or a *Refusal. It has the raw body, because a signature
	// holds for those bytes only. A body that cannot be read is no reason to refuse a sender that has proved itself:
	// the delivery is stored, and a person looks at it.
	Verify(r Request, s Source) error

	// Key names the delivery among all of its source, for ever: the provider's event id, or [BodyKey] where there is
	// none. It is called after Verify and is 1 to 256 bytes of printable ASCII.
	Key(r Request) string

	// Parse reads a stored delivery. Its errors are permanent: the same bytes fail again.
	Parse(e Envelope) ([]account.Notice, error)

	// Ack is the answer that the provider expects to r, once it has come to that outcome.
	Ack(r Request, o Outcome) Answer
}

// Request is one call of a provider, as it arrived.
type Request struct {
	Call       string // the address's last part; empty for the address itself
	Header     http.Header
	Body       []byte
	ReceivedAt time.Time
	Peer       netip.Addr // who called, as far as the declared proxies can be believed
}

// Source is one payment source of an operator, opened for use.
type Source struct {
	ID       int64
	Name     string
	Kind     string
	Merchant string // the provider's name for the receiver of the money
	Currency string // ISO 4217
	Secrets  []Secret
}

// Secret is one key of a source, as [CheckSecret] accepts it. Two are in force while a key is rotated.
type Secret struct {
	Text      string
	NotBefore time.Time
	NotAfter  time.Time // zero: no end
}

// secretsAt returns the secrets in force at that moment.
func (s Source) secretsAt(now time.Time) []string {
	var in []string
	for _, secret := range s.Secrets {
		if !now.Before(secret.NotBefore) && (secret.NotAfter.IsZero() || now.Before(secret.NotAfter)) {
			in = append(in, secret.Text)
		}
	}
	return in
}

// Envelope is a stored delivery.
type Envelope struct {
	Call     string
	Body     []byte
	Merchant string
	Currency string
}

// Outcome is what became of a call that was believed.
type Outcome string

// The outcomes. The first three mean that the delivery is safe; the others answer a question.
const (
	Stored    Outcome = "stored"
	Duplicate Outcome = "duplicate" // stored before
	Spooled   Outcome = "spooled"   // on this machine's disk until the database is back

	Welcome   Outcome = "welcome"    // nothing speaks against the payment
	InDoubt   Outcome = "in-doubt"   // nothing is known, so the payer is not turned away
	NoAccount Outcome = "no-account" // the account certainly does not exist
	NoAmount  Outcome = "no-amount"  // zero or less
)

// Answer is an HTTP answer.
type Answer struct {
	Status int
	JSON   string
	// RetryAfter, in whole seconds, asks the sender to come back later; zero says nothing.
	RetryAfter time.Duration
}

// Refusal is why a call is not believed. The sender is told none of it; it is counted and logged by Reason.
type Refusal struct {
	Reason string // a few lower-case letters, a metric's label
	// Alarm marks what no stranger can cause, so somebody's set-up is wrong or a token is known to the wrong people.
	Alarm bool
}

func (r *Refusal) Error() string { return "call refused: " + r.Reason }

// provider is an adapter with the facts that the intake and the operator's commands need about it.
type provider struct {
	Adapter
	calls []call
	// secret is nil where the provider signs nothing, so that the address is all there is to know.
	secret *secretRule
	// banned are words that the provider refuses anywhere in an address, in any case.
	banned []string
}

// call is one of the requests that a provider makes.
type call struct {
	path  string // after the token; empty for the address itself
	title string // for the operator, who has to enter the address at the provider's
	// question marks a call that announces a payment and asks whether it is welcome. It is never stored.
	question bool
	// spooled marks a delivery that the provider does not repeat: without the database it is kept on disk.
	spooled bool
}

func (p provider) call(path string) (call, bool) {
	for _, c := range p.calls {
		if c.path == path {
			return c, true
		}
	}
	return call{}, false
}

// providers is the one table of what is spoken here, by the kind of a payment source. The kind is also the provider in
// the key under which money is credited once.
var providers = map[string]provider{
	"mpesa":    mpesaProvider,
	"standard": standardProvider,
}

// Kinds lists the kinds of payment source, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(providers)) }

func providerOf(kind string) (provider, error) {
	p, ok := providers[kind]
	if !ok {
		return provider{}, fmt.Errorf("there is no payment source of kind %.40q; the kinds are %v", kind, Kinds())
	}
	return p, nil
}

// errQuestion keeps a question that was somehow stored from ever becoming money.
var errQuestion = errors.New("this call asks whether a payment is welcome; it is not a payment")

// Parse reads a stored delivery of a source of that kind. Its errors are permanent: the same bytes fail again, so a
// person has to look. A notice's OccurredAt is zero where the provider did not say it legibly; the moment of receipt
// takes its place.
func Parse(kind, call string, body []byte, merchant, currency string) ([]account.Notice, error) {
	p, err := providerOf(kind)
	if err != nil {
		return nil, err
	}
	c, ok := p.call(call)
	if !ok {
		return nil, fmt.Errorf("a payment source of kind %s has no call %.40q", kind, call)
	}
	if c.question {
		return nil, errQuestion
	}
	return p.Parse(Envelope{Call: call, Body: body, Merchant: merchant, Currency: currency})
}
