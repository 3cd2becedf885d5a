package webhooks

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"qserve/account"
	"qserve/internal/phone"
)

// mpesaProvider is Safaricom M-Pesa customer-to-business (Daraja C2B), versions 1 and 2. The provider signs nothing,
// names no event and does not promise to call twice, so a confirmation is kept whatever happens here.
var mpesaProvider = provider{
	Adapter: mpesa{},
	calls: []call{
		{path: "validate", title: "validation", question: true},
		{path: "confirm", title: "confirmation", spooled: true},
	},
	// Daraja portal, "Customer To Business Register URL": URL rules.
	banned: []string{"mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query"},
}

// nairobi is the zone of TransTime, which carries none. Kenya has had +03:00 without summer time since 1960.
var nairobi = time.FixedZone("EAT", 3*60*60)

const mpesaTime = "20060102150405"

type mpesa struct{}

// mpesaBody is the body of both calls. Version 1 has the SHA-256 of the payer's number in MSISDN, version 2 the number
// with its middle masked. OrgAccountBalance is not read: it is nobody's business here.
type mpesaBody struct {
	TransID           text
	TransTime         text
	TransAmount       text
	BusinessShortCode text
	BillRefNumber     text
	MSISDN            text
	FirstName         text
	MiddleName        text
	LastName          text
}

func (mpesa) Verify(r Request, s Source) error {
	var body mpesaBody
	if json.Unmarshal(r.Body, &body) != nil {
		return nil
	}
	if body.otherMerchant(s.Merchant) {
		return &Refusal{Reason: "merchant", Alarm: true}
	}
	return nil
}

func (b mpesaBody) otherMerchant(merchant string) bool {
	code := strings.TrimSpace(string(b.BusinessShortCode))
	return code != "" && code != merchant
}

func (mpesa) Key(r Request) string { return BodyKey(r.Body) }

func (mpesa) Ack(r Request, o Outcome) Answer {
	if r.Call == "confirm" {
		return Answer{Status: http.StatusOK, JSON: `{"ResultCode":0,"ResultDesc":"Success"}`}
	}
	answer := `{"ResultCode":"0","ResultDesc":"Accepted"}`
	switch o {
	case NoAccount:
		answer = `{"ResultCode":"C2B00012","ResultDesc":"Rejected"}`
	case NoAmount:
		answer = `{"ResultCode":"C2B00013","ResultDesc":"Rejected"}`
	case Stored, Duplicate, Spooled, Welcome, InDoubt:
	}
	return Answer{Status: http.StatusOK, JSON: answer}
}

func (mpesa) Parse(e Envelope) ([]account.Notice, error) {
	var body mpesaBody
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return nil, unreadable(err)
	}
	if strings.TrimSpace(string(body.BusinessShortCode)) == "" {
		return nil, errors.New("the confirmation has no BusinessShortCode")
	}
	if body.otherMerchant(e.Merchant) {
		return nil, fmt.Errorf("BusinessShortCode is %.20q, but this source's merchant is %q", body.BusinessShortCode, e.Merchant)
	}
	id, err := transactionID(body.TransID, "TransID")
	if err != nil {
		return nil, err
	}
	amount, err := positive(body.TransAmount, e.Currency)
	if err != nil {
		return nil, fmt.Errorf("TransAmount: %w", err)
	}
	notice := account.Notice{
		Kind:          account.PaymentReceived,
		Merchant:      e.Merchant,
		TransactionID: id,
		Amount:        amount,
		References:    references(body.BillRefNumber),
		PayerName:     clean(text(strings.Join(strings.Fields(string(body.FirstName+" "+body.MiddleName+" "+body.LastName)), " ")), maxName),
	}
	// A time that cannot be read is no reason to leave a payment lying.
	if at, err := time.ParseInLocation(mpesaTime, string(body.TransTime), nairobi); err == nil {
		notice.OccurredAt = at.UTC()
	}
	notice.PayerPhone, notice.PayerPhoneHash = mpesaPayer(body.MSISDN)
	return []account.Notice{notice}, nil
}

// mpesaPayer reads an MSISDN: a number in clear, its hash, or nothing when it is masked or neither.
func mpesaPayer(msisdn text) (number, hash string) {
	s := strings.TrimSpace(string(msisdn))
	if sum, err := hex.DecodeString(s); err == nil && len(sum) == 32 {
		return "", strings.ToLower(s)
	}
	if strings.Trim(s, "+0123456789") == "" {
		if number, ok := phone.E164(s, "KE"); ok {
			return number, ""
		}
	}
	return "", ""
}
