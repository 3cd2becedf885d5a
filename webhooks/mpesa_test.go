package webhooks_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/webhooks"
)

// testNumberHash is the SHA-256 of 254708374149, Safaricom's test number, as version 1 sends it.
const testNumberHash = "bbff37cea44ac0b2d964ee0dfb8d2df8513dc7ba1b36129a929fc3fbd6dd4af4"

func TestMpesa_ConfirmationIsReadInBothVersions(t *testing.T) {
	t.Parallel()
	notice := func(change func(*account.Notice)) []account.Notice {
		n := account.Notice{
			Kind: account.PaymentReceived, Merchant: "600100", TransactionID: "QSV1TEST01",
			Amount:     account.Money{Minor: 150000, Currency: "KES"},
			OccurredAt: time.Date(2026, 11, 24, 7, 15, 0, 0, time.UTC), References: []string{" acc-0042 "}, PayerName: "JANE",
		}
		if change != nil {
			change(&n)
		}
		return []account.Notice{n}
	}
	for _, c := range []struct {
		name   string
		change map[string]any
		want   []account.Notice
	}{
		{"version 2, masked number", nil, notice(nil)},
		{"version 1, hashed number", map[string]any{"MSISDN": strings.ToUpper(testNumberHash)}, notice(func(n *account.Notice) { n.PayerPhoneHash = testNumberHash })},
		{"number in clear", map[string]any{"MSISDN": "254708374149"}, notice(func(n *account.Notice) { n.PayerPhone = "+254708374149" })},
		{"number as a number", map[string]any{"MSISDN": 254708374149}, notice(func(n *account.Notice) { n.PayerPhone = "+254708374149" })},
		{"a hash cut short", map[string]any{"MSISDN": testNumberHash[:62]}, notice(nil)},
		{"three names", map[string]any{"FirstName": "JANE", "MiddleName": " W ", "LastName": "DOE"}, notice(func(n *account.Notice) { n.PayerName = "JANE W DOE" })},
		{"no names", map[string]any{"FirstName": nil}, notice(func(n *account.Notice) { n.PayerName = "" })},
		{"odd names", map[string]any{"FirstName": map[string]any{}}, notice(func(n *account.Notice) { n.PayerName = "" })},
		{"a till", map[string]any{"BillRefNumber": ""}, notice(func(n *account.Notice) { n.References = nil })},
		{"spaces for a reference", map[string]any{"BillRefNumber": "  "}, notice(func(n *account.Notice) { n.References = nil })},
		{"reference as a number", map[string]any{"BillRefNumber": 42}, notice(func(n *account.Notice) { n.References = []string{"42"} })},
		{"time as a number", map[string]any{"TransTime": 20261124101500}, notice(nil)},
		{"no time", map[string]any{"TransTime": ""}, notice(func(n *account.Notice) { n.OccurredAt = time.Time{} })},
		{"amount as a number", map[string]any{"TransAmount": 1500}, notice(nil)},
		{"code as a number", map[string]any{"BusinessShortCode": 600100}, notice(nil)},
	} {
		got, err := webhooks.Parse("mpesa", "confirm", confirmation(t, c.change), "600100", "KES")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestMpesa_Amounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount any
		want   string
	}{
		{"10", "KES 10.00 [ acc-0042 ]"}, {"10.00", "KES 10.00 [ acc-0042 ]"}, {"5.5", "KES 5.50 [ acc-0042 ]"}, {10.25, "KES 10.25 [ acc-0042 ]"},
		{"10.005", "error"}, {"-1", "error"}, {"0", "error"}, {"0.00", "error"}, {0, "error"}, {"1e3", "error"}, {1e30, "error"}, {"", "error"},
		{nil, "error"}, {"1,500", "error"}, {"KES 10", "error"}, {"99999999999999999999", "error"}, {"NaN", "error"}, {[]int{10}, "error"},
	} {
		body := confirmation(t, map[string]any{"TransAmount": c.amount})
		if got := outcomeOf(webhooks.Parse("mpesa", "confirm", body, "600100", "KES")); got != c.want {
			t.Errorf("%v: %s, want %s", c.amount, got, c.want)
		}
	}
}

func TestMpesa_BodiesThatAreNoPayment(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]any{
		"no receipt":       {"TransID": ""},
		"odd receipt":      {"TransID": "QSV1 TEST"},
		"another merchant": {"BusinessShortCode": "600999"},
		"no merchant":      {"BusinessShortCode": nil},
	} {
		if got, err := webhooks.Parse("mpesa", "confirm", confirmation(t, change), "600100", "KES"); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got, err := webhooks.Parse("mpesa", "validate", confirmation(t, nil), "600100", "KES"); err == nil {
		t.Errorf("a question became money: %+v", got)
	}
	for _, c := range [][2]string{{"mpesa", ""}, {"mpesa", "stk"}, {"paystack", ""}, {"", ""}} {
		if got, err := webhooks.Parse(c[0], c[1], confirmation(t, nil), "600100", "KES"); err == nil {
			t.Errorf("%v: %+v", c, got)
		}
	}
}

func TestParse_ErrorsQuoteNothingOfThePayer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"FirstName":"JANE"`, `"JANE"`, `{"TransID":"QSV1TEST01","FirstName":"JANE","BusinessShortCode":"600100"}`, `{"data":"JANE","type":"payment.succeeded"}`} {
		for _, kind := range [][2]string{{"mpesa", "confirm"}, {"standard", ""}} {
			if _, err := webhooks.Parse(kind[0], kind[1], []byte(body), "600100", "KES"); err == nil || strings.Contains(err.Error(), "JANE") {
				t.Errorf("%s %s: %v", kind[0], body, err)
			}
		}
	}
}

const (
	welcome   = `{"ResultCode":"0","ResultDesc":"Accepted"}`
	noAccount = `{"ResultCode":"C2B00012","ResultDesc":"Rejected"}`
	noAmount  = `{"ResultCode":"C2B00013","ResultDesc":"Rejected"}`
)

func TestMpesa_ValidationTurnsAwayOnlyWhatIsCertainlyWrong(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("mpesa", "600100")
	h.subscriber("ACC-0042", "jane@fibre", "+254712345678")
	h.subscriber("ACC-0043", "john", "+254733000111")
	h.subscriber("ACC-0044", "john", "+254733000111")
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"account number", confirmation(t, nil), welcome},
		{"phone as account", confirmation(t, map[string]any{"BillRefNumber": "0712345678"}), welcome},
		{"user name", confirmation(t, map[string]any{"BillRefNumber": "JANE@fibre"}), welcome},
		{"two of that user name", confirmation(t, map[string]any{"BillRefNumber": "john"}), welcome},
		{"two of that phone", confirmation(t, map[string]any{"BillRefNumber": "0733000111"}), welcome},
		{"a till", confirmation(t, map[string]any{"BillRefNumber": ""}), welcome},
		{"nobody's account", confirmation(t, map[string]any{"BillRefNumber": "ACC-0099"}), noAccount},
		{"a message", confirmation(t, map[string]any{"BillRefNumber": strings.Repeat("internet ", 20)}), noAccount},
		{"emoji", confirmation(t, map[string]any{"BillRefNumber": "ACC-0042 🙏"}), noAccount},
		{"nothing paid", confirmation(t, map[string]any{"TransAmount": "0"}), noAmount},
		{"less than nothing", confirmation(t, map[string]any{"TransAmount": "-5"}), noAmount},
		{"an amount nobody can read", confirmation(t, map[string]any{"TransAmount": "ten"}), welcome},
		{"a body nobody can read", []byte(`{"TransID":`), welcome},
		{"no body", nil, welcome},
	} {
		if a := h.post(s.path+"/validate", c.body, nil); a.status != 200 || a.body != c.want {
			t.Errorf("%s: %d %s, want %s", c.name, a.status, a.body, c.want)
		}
	}
	if n := h.deliveries(); n != 0 {
		t.Errorf("questions left %d deliveries", n)
	}
}

func TestMpesa_ValidationLetsThroughWhatItCannotCheck(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(context.Context, string) error{"down": down, "silent": hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			s := h.source("mpesa", "600100")
			stranger := confirmation(t, map[string]any{"BillRefNumber": "ACC-0099"})
			if a := h.post(s.path+"/validate", stranger, nil); a.body != noAccount {
				t.Fatalf("with a working database: %s", a.body)
			}
			h.gate.set(hold)
			if a := h.post(s.path+"/validate", stranger, nil); a.status != 200 || a.body != welcome {
				t.Errorf("answer %d %s", a.status, a.body)
			}
		})
	}
}

func FuzzMpesaParse(f *testing.F) {
	f.Add([]byte(`{"TransID":"QSV1TEST01","TransTime":"20261124101500","TransAmount":"1500.00","BusinessShortCode":"600100","BillRefNumber":" acc-0042 ","MSISDN":"2547 ***** 126","FirstName":"JANE"}`))
	f.Add([]byte(`{"TransID":"A","TransAmount":1e3,"BusinessShortCode":600100,"MSISDN":"` + testNumberHash + `"}`))
	f.Add([]byte(`{"TransID":"\u0000","TransAmount":"1","BusinessShortCode":"600100","BillRefNumber":"a\u0000b"}`))
	f.Fuzz(func(t *testing.T, body []byte) { checkParse(t, "mpesa", "confirm", "600100", body) })
}

func FuzzStandardParse(f *testing.F) {
	f.Add([]byte(standardExample))
	f.Add([]byte(`{"type":"payment.succeeded","data":{"id":1,"amount":1}}`))
	f.Add([]byte(`{"type":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) { checkParse(t, "standard", "", "shop", body) })
}

// checkParse holds what the worker and the schema rely on, whatever the bytes.
func checkParse(t *testing.T, kind, call, merchant string, body []byte) {
	t.Helper()
	notices, err := webhooks.Parse(kind, call, body, merchant, "KES")
	if err != nil {
		if errors.Unwrap(err) == nil && err.Error() == "" {
			t.Error("an error without words")
		}
		return
	}
	for _, n := range notices {
		if n.Merchant != merchant {
			t.Errorf("merchant %q", n.Merchant)
		}
		if n.Kind != account.PaymentReceived {
			continue
		}
		if n.Amount.Minor <= 0 || len(n.Amount.Currency) != 3 {
			t.Errorf("amount %v", n.Amount)
		}
		if l := len(n.TransactionID); l < 1 || l > 200 {
			t.Errorf("a transaction id of %d bytes", l)
		}
		if len(n.PayerPhoneHash) != 0 && len(n.PayerPhoneHash) != 64 {
			t.Errorf("a phone's hash of %d digits", len(n.PayerPhoneHash))
		}
		for _, text := range append(n.References, n.TransactionID, n.PayerName, n.PayerPhone) {
			if strings.ContainsRune(text, 0) || strings.ToValidUTF8(text, "") != text || len(text) > 4*200 {
				t.Errorf("text %q does not fit the database", text)
			}
		}
	}
}
