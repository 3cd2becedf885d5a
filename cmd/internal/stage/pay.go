package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
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

// Pay posts an M-Pesa confirmation and returns once it is accepted.
func (s *Stage) Pay(ctx context.Context, receipt, reference, amount string) error {
	return s.Post(ctx, s.Sources[0].URL+"/confirm", Confirmation(receipt, reference, amount))
}

// Post posts a webhook, and fails when it is not accepted.
func (s *Stage) Post(ctx context.Context, path string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Program.BaseURL()+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(request)
	if err != nil {
		return fmt.Errorf("post the webhook: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err != nil {
		return fmt.Errorf("read the answer to the webhook: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the webhook was answered %s: %s", answer.Status, text)
	}
	return nil
}
