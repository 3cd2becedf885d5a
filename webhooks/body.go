package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"qserve/account"
)

const (
	maxKey           = 256 // bytes of a delivery key, as the schema has it
	maxTransactionID = 200 // bytes, as the schema has it
	maxReference     = 200 // characters; longer than any that could match, so that cutting one makes no match
	maxName          = 200 // characters
)

// errNotPositive marks an amount that was read and is zero or less.
var errNotPositive = errors.New("is not more than zero")

// text is a scalar that providers write as a JSON string in one version and as a number in the next. A number keeps its
// digits: a float64 would make 2.0261124101500e+13 of a time and a cent less of an amount. Anything else is empty, so
// that an odd name does not cost a payment whose amount is plain.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	switch c := raw[0]; {
	case c == '"':
		return json.Unmarshal(raw, (*string)(t))
	case c == '-' || c >= '0' && c <= '9':
		*t = text(raw)
	default:
		*t = ""
	}
	return nil
}

// BodyKey is the delivery key where the provider gives none: the hexadecimal SHA-256 of the body.
func BodyKey(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// unreadable drops what encoding/json quotes of the body: it may be a name or a number.
func unreadable(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the body is not JSON: it breaks off or goes wrong at byte %d", syntax.Offset)
	}
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && shape.Field != "" {
		return fmt.Errorf("the body has %s where %s should hold something else", shape.Value, shape.Field)
	}
	return errors.New("the body is JSON, but not of the documented shape")
}

// positive reads an amount that was paid.
func positive(amount text, currency string) (account.Money, error) {
	money, err := account.ParseMoney(strings.TrimSpace(string(amount)), currency)
	if err != nil {
		return account.Money{}, err
	}
	if money.Minor <= 0 {
		return account.Money{}, fmt.Errorf("%w: %.40q %w", account.ErrAmount, amount, errNotPositive)
	}
	return money, nil
}

// transactionID accepts what can be a key for ever; field names it in the error.
func transactionID(id text, field string) (string, error) {
	trimmed := strings.TrimSpace(string(id))
	if len(trimmed) > maxTransactionID || !printable(trimmed) {
		return "", fmt.Errorf("%s is not 1 to %d printable ASCII characters without spaces", field, maxTransactionID)
	}
	return trimmed, nil
}

// printable reports whether s is ASCII that can be seen, and not empty.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// references keeps those that somebody typed, in order.
func references(typed ...text) []string {
	var list []string
	for _, t := range typed {
		if r := clean(t, maxReference); strings.TrimSpace(r) != "" {
			list = append(list, r)
		}
	}
	return list
}

// clean drops control characters, which PostgreSQL (NUL) or a terminal would choke on, and cuts to most characters.
func clean(t text, most int) string {
	kept := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, string(t))
	if runes := []rune(kept); len(runes) > most {
		return string(runes[:most])
	}
	return kept
}
