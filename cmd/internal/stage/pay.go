package stage

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Receipt returns a fresh M-Pesa transaction id.
func Receipt() string { return "QS" + rand.Text()[:8] }

// Confirmation is the body of an M-Pesa confirmation, as Safaricom's C2B version 2 sends it.
func Confirmation(receipt, reference, amount string) []byte {
	nairobi := time.FixedZone("EAT", 3*60*60)
	body, err := json.Marshal(map[string]string{
		"TransactionType": "Pay Bill", "TransID": receipt, "TransTime": time.Now().In(nairobi).Format("20060102150405"),
		"TransAmount": amount, "BusinessShortCode": shortCode, "BillRefNumber": reference, "InvoiceNumber": "",
		"OrgAccountBalance": "25000.00", "ThirdPartyTransID": "", "MSISDN": "2547 ***** 126", "FirstName": "SAMPLE",
		"MiddleName": "", "LastName": "",
	})
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return body
}

// Call is a webhook as a provider sends it.
type Call struct {
	Path   string
	Header http.Header
	Body   []byte
}

// Mpesa is the call that tells of a payment by M-Pesa.
func (s *Stage) Mpesa(receipt, reference, amount string) Call {
	return Call{Path: s.Sources[0].URL + "/confirm", Body: Confirmation(receipt, reference, amount)}
}

// Standard is the call that tells of the same payment by Standard Webhooks, signed now.
func (s *Stage) Standard(receipt, reference, amount string) (Call, error) {
	now := time.Now()
	body, err := json.Marshal(map[string]any{
		"type": "payment.succeeded", "timestamp": now.UTC().Format(time.RFC3339),
		"data": map[string]any{"id": receipt, "amount": amount, "currency": s.Settings.Currency, "account": reference},
	})
	if err != nil {
		return Call{}, fmt.Errorf("write the webhook: %w", err)
	}
	source := s.Sources[1]
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(source.Secret, "whsec_"))
	if err != nil {
		return Call{}, fmt.Errorf("read the secret of %s: %w", source.Name, err)
	}
	id, stamp := "msg_"+receipt, strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	header := http.Header{}
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", stamp)
	header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return Call{Path: source.URL, Header: header, Body: body}, nil
}

// Reply is what a call was answered.
type Reply struct {
	Status int
	Header http.Header
	Text   string
}

// Deliver sends a call to the program at base.
func (s *Stage) Deliver(ctx context.Context, base string, c Call) (Reply, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+c.Path, bytes.NewReader(c.Body))
	if err != nil {
		return Reply{}, fmt.Errorf("make the request: %w", err)
	}
	if c.Header != nil {
		request.Header = c.Header.Clone()
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(request)
	if err != nil {
		return Reply{}, fmt.Errorf("post the webhook: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err != nil {
		return Reply{}, fmt.Errorf("read the answer to the webhook: %w", err)
	}
	return Reply{Status: answer.StatusCode, Header: answer.Header, Text: string(text)}, nil
}

// Pay posts an M-Pesa confirmation and returns once it is accepted.
func (s *Stage) Pay(ctx context.Context, receipt, reference, amount string) error {
	return s.accepted(ctx, s.Mpesa(receipt, reference, amount))
}

// Post posts a webhook, and fails when it is not accepted.
func (s *Stage) Post(ctx context.Context, path string, body []byte) error {
	return s.accepted(ctx, Call{Path: path, Body: body})
}

func (s *Stage) accepted(ctx context.Context, c Call) error {
	reply, err := s.Deliver(ctx, s.Program.BaseURL(), c)
	if err != nil {
		return err
	}
	if reply.Status != http.StatusOK {
		return fmt.Errorf("the webhook was answered %d: %s", reply.Status, reply.Text)
	}
	return nil
}
