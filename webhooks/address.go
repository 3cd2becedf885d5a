package webhooks

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// tokenBytes is the entropy of a token: 128 bits cannot be guessed, and fit into an address that is typed by hand.
const tokenBytes = 16

// NewToken returns a fresh token, 32 lower-case hexadecimal digits. That alphabet cannot spell any of the words that a
// provider bans from addresses; base64 and base32 can.
func NewToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return hex.EncodeToString(b[:])
}

// TokenHash is what payment_sources.token_hash holds: the SHA-256 of the token's text. Looking a token up by its hash
// takes the same time however much of a guess is right.
func TokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func wellFormed(token string) bool {
	return len(token) == 2*tokenBytes && strings.Trim(token, "0123456789abcdef") == ""
}

// TokenRow is the identity that a source's token is sealed to.
func TokenRow(sourceID int64) string { return fmt.Sprintf("payment_sources/%d/token", sourceID) }

// SecretRow is the identity that a source's secret is sealed to, as text, just as [CheckSecret] takes it.
func SecretRow(secretID int64) string { return fmt.Sprintf("source_secrets/%d", secretID) }

// Address is one address that the operator gives to the provider.
type Address struct {
	Name string // what the provider's form calls it
	URL  string
}

// SourceURLs lists the addresses of a source below the public base address of this Qserve. It fails when the provider
// would refuse one of them: see [CheckAddress].
func SourceURLs(publicURL, kind, token string) ([]Address, error) {
	p, err := providerOf(kind)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(publicURL)
	if err != nil || base.Host == "" {
		return nil, errors.New("the public address of this Qserve is no address such as https://pay.example.com; set QSERVE_PUBLIC_URL")
	}
	if !wellFormed(token) {
		return nil, errors.New("a token is 32 lower-case hexadecimal digits")
	}
	var list []Address
	for _, c := range p.calls {
		u := base.JoinPath("in", token, c.path).String()
		if err := CheckAddress(kind, u); err != nil {
			return nil, err
		}
		list = append(list, Address{Name: c.title, URL: u})
	}
	return list, nil
}

// CheckAddress says which word in the host or the path makes the provider refuse the address. Registering one is final
// at some providers, so this is found out before.
func CheckAddress(kind, address string) error {
	p, err := providerOf(kind)
	if err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("this is no web address; it should look like https://pay.example.com")
	}
	text := strings.ToLower(u.Host + u.Path)
	if i := slices.IndexFunc(p.banned, func(word string) bool { return strings.Contains(text, word) }); i >= 0 {
		return fmt.Errorf("the address at %s contains %q, which the provider refuses (and also %s); use another host name or path in QSERVE_PUBLIC_URL",
			u.Host, p.banned[i], strings.Join(slices.Delete(slices.Clone(p.banned), i, i+1), ", "))
	}
	return nil
}

// secretRule is how a provider's secrets look.
type secretRule struct {
	check    func(secret string) error
	generate func() string
}

// CheckSecret says what is wrong with a secret for a source of that kind. An empty or short one is refused, because
// anybody can sign with it. Where the provider signs nothing, any secret is refused: it would protect nothing.
func CheckSecret(kind, secret string) error {
	p, err := providerOf(kind)
	if err != nil {
		return err
	}
	if p.secret == nil {
		if secret != "" {
			return fmt.Errorf("a payment source of kind %s has no secret: its provider signs nothing, and its address is what must stay unknown", kind)
		}
		return nil
	}
	return p.secret.check(secret)
}

// NewSecret returns a fresh secret for a source of that kind; it is empty where the kind has none.
func NewSecret(kind string) string {
	if p, err := providerOf(kind); err == nil && p.secret != nil {
		return p.secret.generate()
	}
	return ""
}
