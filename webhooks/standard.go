package webhooks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"qserve/account"
	"qserve/internal/phone"
)

// standardProvider is the documented intake for anything home-made: Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), symmetric signatures.
var standardProvider = provider{
	Adapter: standard{},
	calls:   []call{{path: "", title: "webhook"}},
	secret:  &secretRule{check: checkStandardSecret, generate: newStandardSecret},
}

const (
	// standardTolerance is how far a signature's time may lie from ours, either way. The specification leaves it to
	// the receiver; its reference libraries use this.
	standardTolerance = 5 * time.Minute

	standardSecretPrefix = "whsec_"
	// The specification's bounds of a secret, in bytes.
	standardSecretMin, standardSecretMax = 24, 64
	standardSecretNew                    = 32
)

func checkStandardSecret(secret string) error {
	_, err := standardKey(secret)
	return err
}

func newStandardSecret() string {
	var b [standardSecretNew]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	return standardSecretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

func standardKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, standardSecretPrefix)
	if !ok {
		return nil, errors.New("a Standard Webhooks secret begins with whsec_")
	}
	// The decoder's own error quotes its input.
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return nil, errors.New("a Standard Webhooks secret is whsec_ and base64; what follows whsec_ here is not base64")
	}
	if len(key) < standardSecretMin || len(key) > standardSecretMax {
		return nil, fmt.Errorf("a Standard Webhooks secret has %d to %d bytes; this one has %d", standardSecretMin, standardSecretMax, len(key))
	}
	return key, nil
}

type standard struct{}

func (standard) Verify(r Request, s Source) error {
	id := r.Header.Get("Webhook-Id")
	if len(id) > maxKey || !printable(id) {
		return &Refusal{Reason: "id"}
	}
	stamp := r.Header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return &Refusal{Reason: "timestamp"}
	}
	if off := r.ReceivedAt.Sub(time.Unix(seconds, 0)); off > standardTolerance || off < -standardTolerance {
		return &Refusal{Reason: "timestamp"}
	}
	secrets := s.secretsAt(r.ReceivedAt)
	if len(secrets) == 0 {
		return &Refusal{Reason: "no-secret", Alarm: true}
	}
	offered := strings.Fields(strings.Join(r.Header.Values("Webhook-Signature"), " "))
	for _, secret := range secrets {
		key, err := standardKey(secret)
		if err != nil {
			return &Refusal{Reason: "no-secret", Alarm: true}
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(r.Body)
		want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		for _, signature := range offered {
			if hmac.Equal([]byte(signature), want) {
				return nil
			}
		}
	}
	return &Refusal{Reason: "signature"}
}

func (standard) Key(r Request) string { return r.Header.Get("Webhook-Id") }

func (standard) Ack(_ Request, o Outcome) Answer {
	return Answer{Status: http.StatusOK, JSON: `{"status":"` + string(o) + `"}`}
}

// standardBody is the documented body (docs/webhooks.md).
type standardBody struct {
	Type      text `json:"type"`
	Timestamp text `json:"timestamp"`
	Data      struct {
		ID       text `json:"id"`
		Amount   text `json:"amount"`
		Currency text `json:"currency"`
		Account  text `json:"account"`
		Phone    text `json:"phone"`
		PaidAt   text `json:"paid_at"`
		Payer    struct {
			Name  text `json:"name"`
			Phone text `json:"phone"`
		} `json:"payer"`
	} `json:"data"`
}

func (standard) Parse(e Envelope) ([]account.Notice, error) {
	// Another type's data may have any shape, so the type is read alone first.
	var head struct {
		Type text `json:"type"`
	}
	if err := json.Unmarshal(e.Body, &head); err != nil {
		return nil, unreadable(err)
	}
	switch head.Type {
	case "payment.succeeded":
	case "":
		return nil, errors.New(`the webhook has no "type"`)
	default:
		return []account.Notice{{Kind: account.PaymentIgnored, Merchant: e.Merchant}}, nil
	}
	var body standardBody
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return nil, unreadable(err)
	}
	data := body.Data
	id, err := transactionID(data.ID, "data.id")
	if err != nil {
		return nil, err
	}
	currency := strings.ToUpper(string(data.Currency))
	if currency == "" {
		currency = e.Currency
	}
	amount, err := positive(data.Amount, currency)
	if err != nil {
		return nil, fmt.Errorf("data.amount: %w", err)
	}
	notice := account.Notice{
		Kind:          account.PaymentReceived,
		Merchant:      e.Merchant,
		TransactionID: id,
		Amount:        amount,
		OccurredAt:    firstTime(data.PaidAt, body.Timestamp),
		References:    references(data.Account, data.Phone),
		PayerName:     clean(data.Payer.Name, maxName),
	}
	// A number without its country code is nobody's in particular: this intake has no country of its own.
	if number, ok := phone.E164(string(data.Payer.Phone), ""); ok {
		notice.PayerPhone = number
	}
	return []account.Notice{notice}, nil
}

// firstTime returns the first that is RFC 3339, or zero.
func firstTime(texts ...text) time.Time {
	for _, t := range texts {
		if at, err := time.Parse(time.RFC3339, string(t)); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
