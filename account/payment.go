package account

import (
	"strings"
	"time"
)

// Notice is what a payment provider told us, in our words: the result of parsing one delivery.
// A delivery may carry several.
type Notice struct {
	Kind NoticeKind
	// Merchant and TransactionID, together with the provider, are the money key: it credits once, for ever.
	Merchant      string
	TransactionID string
	Amount        Money
	OccurredAt    time.Time
	// References name the account, best first, as the payer typed them: an account number, a phone, a user name.
	References []string
	// PayerPhone is E.164 where the provider tells it in clear; PayerPhoneHash is the lower-case hex SHA-256 of its
	// digits (254712345678), as Safaricom sends it in C2B version 1.
	PayerPhone     string
	PayerPhoneHash string
	PayerName      string
}

// NoticeKind is what a notice means.
type NoticeKind string

// The kinds. Ignored is stored and answered, and changes nothing.
const (
	PaymentReceived NoticeKind = "payment"
	PaymentIgnored  NoticeKind = "ignored"
)

// NormalizeReference folds an account reference as people type it: letters and digits only, upper case.
// " acc-0042 " and "ACC 0042" are the same account. The schema computes subscribers.account_key by the same rule.
func NormalizeReference(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			return r
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return -1
	}, text)
}
