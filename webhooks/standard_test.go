package webhooks_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/db"
	"qserve/webhooks"
)

func now() time.Time { return time.Now() }

// signature is written from the specification, apart from the code under test.
func signature(t testing.TB, secret, id string, at time.Time, body []byte) string {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func headers(id, timestamp string, signatures ...string) http.Header {
	return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {strings.Join(signatures, " ")}}
}

func sign(t testing.TB, secret, id string, at time.Time, body []byte) http.Header {
	t.Helper()
	return headers(id, strconv.FormatInt(at.Unix(), 10), signature(t, secret, id, at, body))
}

// The vector of the reference libraries (standard-webhooks/libraries/go/webhook_test.go).
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestStandardWebhooks_SignaturesThatAreAndAreNotAccepted(t *testing.T) {
	t.Parallel()
	then := time.Unix(vectorTime, 0)
	h := setup(t, at(&hands{}, then))
	s := h.source("standard", "shop")
	h.addSecret(s.id, vectorSecret, then.Add(-time.Hour), nil)
	stamp := strconv.Itoa(vectorTime)
	otherID := func(id string) string { return signature(t, vectorSecret, id, then, []byte(vectorBody)) }
	shifted := func(d time.Duration) http.Header {
		return sign(t, vectorSecret, "shifted"+d.String(), then.Add(d), []byte(vectorBody))
	}
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		status int
	}{
		{"the published vector", headers(vectorID, stamp, vectorSignature), vectorBody, 200},
		{"the same again", headers(vectorID, stamp, vectorSignature), vectorBody, 200},
		{"the source's first secret", sign(t, s.secret, "first", then, []byte(vectorBody)), vectorBody, 200},
		{"a good one behind a bad one", headers(vectorID, stamp, "v1,Zm9v", vectorSignature), vectorBody, 200},
		{"a good one before rubbish", headers(vectorID, stamp, vectorSignature, "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==", "nonsense"), vectorBody, 200},
		{"in two header lines", http.Header{"Webhook-Id": {vectorID}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {"v1,Zm9v", vectorSignature}}, vectorBody, 200},
		{"five minutes old", shifted(-5 * time.Minute), vectorBody, 200},
		{"five minutes ahead", shifted(5 * time.Minute), vectorBody, 200},
		{"the longest id", headers(long, stamp, otherID(long)), vectorBody, 200},

		{"more than five minutes old", shifted(-5*time.Minute - time.Second), vectorBody, 401},
		{"more than five minutes ahead", shifted(5*time.Minute + time.Second), vectorBody, 401},
		{"a byte more in the body", headers(vectorID, stamp, vectorSignature), vectorBody + " ", 401},
		{"another id", headers("msg_2", stamp, vectorSignature), vectorBody, 401},
		{"another time", headers(vectorID, strconv.Itoa(vectorTime+1), vectorSignature), vectorBody, 401},
		{"an unknown secret", sign(t, webhooks.NewSecret("standard"), vectorID, then, []byte(vectorBody)), vectorBody, 401},
		{"an empty secret", sign(t, "whsec_", vectorID, then, []byte(vectorBody)), vectorBody, 401},
		{"no version", headers(vectorID, stamp, strings.TrimPrefix(vectorSignature, "v1,")), vectorBody, 401},
		{"another version", headers(vectorID, stamp, "v2"+vectorSignature[2:]), vectorBody, 401},
		{"half a signature", headers(vectorID, stamp, vectorSignature[:20]), vectorBody, 401},
		{"a version alone", headers(vectorID, stamp, "v1,"), vectorBody, 401},
		{"no signature", headers(vectorID, stamp, ""), vectorBody, 401},
		{"no id", headers("", stamp, vectorSignature), vectorBody, 401},
		{"too long an id", headers(long+"x", stamp, otherID(long+"x")), vectorBody, 401},
		{"an id with a space", headers("a b", stamp, otherID("a b")), vectorBody, 401},
		{"no time", headers(vectorID, "", vectorSignature), vectorBody, 401},
		{"a time in words", headers(vectorID, "yesterday", vectorSignature), vectorBody, 401},
		{"a time beyond all bounds", headers(vectorID, "99999999999999999999", vectorSignature), vectorBody, 401},
	} {
		if a := h.post(s.path, []byte(c.body), c.header); a.status != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, a.status, a.body, c.status)
		}
	}
	if n := h.count("select count(*) from deliveries where delivery_key = $1", vectorID); n != 1 {
		t.Errorf("%d deliveries of %s", n, vectorID)
	}
}

func TestStandardWebhooks_BothSecretsCountDuringARotationAndTheOldOneEnds(t *testing.T) {
	t.Parallel()
	then, c := time.Unix(vectorTime, 0), &hands{}
	h := setup(t, at(c, then))
	s := h.source("standard", "shop")
	end := then.Add(time.Hour)
	old := webhooks.NewSecret("standard")
	h.addSecret(s.id, old, then.Add(-time.Hour), &end)
	body := []byte(`{"type":"test"}`)
	for i, secret := range []string{s.secret, old} {
		if a := h.post(s.path, body, sign(t, secret, fmt.Sprint("during", i), then, body)); a.status != 200 {
			t.Errorf("during the rotation, secret %d: %d", i, a.status)
		}
	}
	c.set(end)
	if a := h.post(s.path, body, sign(t, old, "after", end, body)); a.status != 401 {
		t.Errorf("after the rotation the old secret is answered %d", a.status)
	}
	if a := h.post(s.path, body, sign(t, s.secret, "after", end, body)); a.status != 200 {
		t.Errorf("after the rotation the new secret is answered %d", a.status)
	}
}

func TestRotatedSecret_IsInForceAtOnceBesideTheOldOne(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := h.source("standard", "shop")
	body := []byte(`{"type":"test"}`)
	shop := db.PaymentSource{ID: s.id, Name: "shop", Kind: "standard"}
	fresh, err := webhooks.RotateSecret(t.Context(), h.pool, h.keys, shop, time.Hour, now())
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"new": fresh, "old": s.secret} {
		if a := h.post(s.path, body, sign(t, secret, name, now(), body)); a.status != 200 {
			t.Errorf("the %s secret is answered %d", name, a.status)
		}
	}
}

func TestSourceWithAnUnusableSecret_AcceptsNothingAndSaysSo(t *testing.T) {
	t.Parallel()
	h := prepare(t, freshDatabase(t))
	s := h.source("standard", "shop")
	if _, err := h.pool.Exec(t.Context(), "update source_secrets set sealed = '\\x00' where source_id = $1", s.id); err != nil {
		t.Fatal(err)
	}
	h.start()
	body := []byte(`{"type":"test"}`)
	if a := h.post(s.path, body, sign(t, s.secret, "id", now(), body)); a.status != 401 {
		t.Errorf("answer %d", a.status)
	}
	if !strings.Contains(h.log.String(), "a payment source cannot be used as it is") {
		t.Error("nobody is told")
	}
}

const standardExample = `{
	"type": "payment.succeeded", "timestamp": "2026-11-24T07:16:00Z",
	"data": {"id": "KCB-778812", "amount": "1500.00", "currency": "KES", "account": "ACC-0042", "phone": "+254712345678",
		"payer": {"name": "JANE", "phone": "254708374149"}, "paid_at": "2026-11-24T10:15:00+03:00"}}`

func TestStandardWebhooks_DocumentedBodyIsRead(t *testing.T) {
	t.Parallel()
	got, err := webhooks.Parse("standard", "", []byte(standardExample), "shop", "KES")
	if err != nil {
		t.Fatal(err)
	}
	want := []account.Notice{{
		Kind: account.PaymentReceived, Merchant: "shop", TransactionID: "KCB-778812",
		Amount:     account.Money{Minor: 150000, Currency: "KES"},
		OccurredAt: time.Date(2026, 11, 24, 7, 15, 0, 0, time.UTC), References: []string{"ACC-0042", "+254712345678"},
		PayerName: "JANE", PayerPhone: "+254708374149",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStandardWebhooks_Bodies(t *testing.T) {
	t.Parallel()
	data := func(fields string) string { return `{"type":"payment.succeeded","data":{` + fields + `}}` }
	for _, c := range []struct{ name, body, want string }{
		{"least", data(`"id":"1","amount":"10"`), "KES 10.00 []"},
		{"amount as a number", data(`"id":"1","amount":10.5`), "KES 10.50 []"},
		{"another currency", data(`"id":"1","amount":"10","currency":"ugx"`), "UGX 10 []"},
		{"account as a number", data(`"id":1,"amount":"10","account":42`), "KES 10.00 [42]"},
		{"null fields", data(`"id":"1","amount":"10","account":null,"payer":null`), "KES 10.00 []"},
		{"another type", `{"type":"payment.failed","data":"whatever"}`, "ignored"},
		{"type with other data", `{"type":"account.created","data":[1,2]}`, "ignored"},
		{"no type", `{"data":{"id":"1","amount":"10"}}`, "error"},
		{"no id", data(`"amount":"10"`), "error"},
		{"an id with a line break", data(`"id":"a\nb","amount":"10"`), "error"},
		{"too long an id", data(`"id":"` + strings.Repeat("x", 201) + `","amount":"10"`), "error"},
		{"no amount", data(`"id":"1"`), "error"},
		{"nothing paid", data(`"id":"1","amount":"0.00"`), "error"},
		{"less than nothing", data(`"id":"1","amount":"-10"`), "error"},
		{"more decimals than the currency has", data(`"id":"1","amount":"10.005"`), "error"},
		{"an exponent", data(`"id":"1","amount":1e3`), "error"},
		{"no currency's code", data(`"id":"1","amount":"1","currency":"shilling"`), "error"},
		{"broken off", `{"type":"payment.succeeded","data":`, "error"},
		{"two bodies", data(`"id":"1","amount":"10"`) + `{}`, "error"},
		{"no object", `[]`, "error"},
		{"data of another shape", `{"type":"payment.succeeded","data":7}`, "error"},
	} {
		if got := outcomeOf(webhooks.Parse("standard", "", []byte(c.body), "shop", "KES")); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// outcomeOf is a notice in a line.
func outcomeOf(notices []account.Notice, err error) string {
	switch {
	case err != nil:
		return "error"
	case len(notices) != 1:
		return fmt.Sprintf("%d notices", len(notices))
	case notices[0].Kind == account.PaymentIgnored:
		return "ignored"
	}
	return fmt.Sprintf("%s %v", notices[0].Amount, notices[0].References)
}
