package aaa

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"

	"qserve/account"
	"qserve/internal/clock"
)

var (
	noon  = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	local = netip.MustParseAddrPort("127.0.0.1:1024")
)

func TestReplays_AreBoundedAndForgetTheOldestFirst(t *testing.T) {
	t.Parallel()
	r := newReplays(clock.NewManual(noon), time.Hour)
	datagram := make([]byte, headerSize)
	at := func(i int) []byte {
		binary.BigEndian.PutUint32(datagram[4:], uint32(i))
		return datagram
	}
	const many = 5*generation + 1
	for i := range many {
		if _, fresh := r.begin(local, at(i)); !fresh {
			t.Fatalf("request %d counts as a repetition", i)
		}
		if held := len(r.young) + len(r.old); held > 2*generation {
			t.Fatalf("%d requests are held", held)
		}
	}
	if _, fresh := r.begin(local, at(many-generation)); fresh {
		t.Error("a request of the last generation was forgotten")
	}
	if _, fresh := r.begin(local, at(0)); !fresh {
		t.Error("the first request was not forgotten")
	}
}

func TestQuiet_IsBoundedHoweverManyStrangersThereAre(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	manual := clock.NewManual(noon)
	q := newQuiet(slog.New(slog.NewTextHandler(&log, nil)), manual)
	for i := range 3 * subjects {
		q.warn("who is it", strconv.Itoa(i))
	}
	if len(q.said) > subjects+1 {
		t.Errorf("%d subjects are held", len(q.said))
	}
	if lines := strings.Count(log.String(), "\n"); lines > subjects+1 {
		t.Errorf("%d lines", lines)
	}
	manual.Advance(time.Minute)
	q.warn("who is it", "a new one")
	if len(q.said) != 1 {
		t.Errorf("%d subjects are held after their minute, want 1", len(q.said))
	}
}

const key = "secret"

// everybody is a Directory in which each address is a router and each name a customer.
type everybody struct{}

func (everybody) Client(context.Context, netip.Addr) (Client, error) {
	return Client{RouterID: 1, Name: "north", Secret: key, Pool: "pppoe", Interim: time.Minute}, nil
}

func (everybody) Dial(context.Context, int64, string) (Dial, error) {
	return Dial{Subscriber: 1, Password: "pw", Line: account.Line{State: account.LineEnabled, Rate: "5M/10M"}}, nil
}

func (everybody) Account(context.Context, Record) error { return nil }

func dialRequest(t testing.TB) *radius.Packet {
	t.Helper()
	p := radius.New(radius.CodeAccessRequest, []byte(key))
	if err := rfc2865.UserName_SetString(p, "joe"); err != nil {
		t.Fatal(err)
	}
	if err := rfc2865.UserPassword_SetString(p, "pw"); err != nil {
		t.Fatal(err)
	}
	return p
}

// FuzzAnswer holds that no datagram makes the server panic, that none is answered which is not an authentic request,
// and that every answer is one to its request. Each input is tried as it is, and as the attributes of a dial and of an
// accounting record by who knows the secret.
func FuzzAnswer(f *testing.F) {
	server, err := New(Config{Directory: everybody{}, Clock: clock.NewManual(noon)})
	if err != nil {
		f.Fatal(err)
	}
	dial, err := dialRequest(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(dial)
	f.Add(dial[headerSize:])
	f.Add([]byte("\x1a\x3a\x00\x00\x01\x37\x19\x34" + strings.Repeat("\x00", 50) + "\x1a\x18\x00\x00\x01\x37\x0b\x12" + strings.Repeat("\x00", 16)))
	f.Add([]byte("\x28\x06\x00\x00\x00\x02\x2c\x0481\x34\x06\x00\x00\x00\x01\x08\x06\x64\x40\x00\x07\x31\x06\x00\x00\x00\x06"))
	f.Add([]byte("\x50\x12" + strings.Repeat("\x00", 16) + "\x4f\x03x\x21\x03y"))
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, kind := range []service{access, accounting} {
			wires := [][]byte{input}
			if attributes, err := radius.ParseAttributes(input); err == nil {
				wires = append(wires, authentic(kind, attributes)...)
			}
			for _, wire := range wires {
				answer, outcome := server.answer(t.Context(), kind, local, wire)
				if answer == nil {
					continue
				}
				length := int(binary.BigEndian.Uint16(wire[2:4]))
				if kind == accounting && wire[0] == byte(radius.CodeAccountingRequest) &&
					!radius.IsAuthenticRequest(wire[:length], []byte(key)) {
					t.Errorf("%s: accounting that is not authentic is answered", outcome)
				}
				if !radius.IsAuthenticResponse(answer, wire, []byte(key)) {
					t.Errorf("%s: the answer is not authentic", outcome)
				}
				if _, err := radius.Parse(answer, nil); err != nil {
					t.Errorf("%s: the answer is malformed: %v", outcome, err)
				}
			}
		}
	})
}

// authentic returns requests that carry the attributes, as a router would sign them.
func authentic(kind service, attributes radius.Attributes) [][]byte {
	code := radius.CodeAccessRequest
	if kind == accounting {
		code = radius.CodeAccountingRequest
	}
	p := radius.New(code, []byte(key))
	p.Attributes = attributes
	plain, err := p.Encode()
	if err != nil {
		return nil
	}
	p.Attributes = append(radius.Attributes{{
		Type: rfc2869.MessageAuthenticator_Type, Attribute: make(radius.Attribute, signatureSize),
	}}, attributes...)
	signed, err := p.Encode()
	if err != nil {
		return [][]byte{plain}
	}
	copy(signed[headerSize+2:], signature(signed, headerSize+2, []byte(key)))
	return [][]byte{plain, signed}
}

func BenchmarkDial(b *testing.B) {
	server, err := New(Config{Directory: everybody{}})
	if err != nil {
		b.Fatal(err)
	}
	dial, err := dialRequest(b).Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, outcome := server.answer(b.Context(), access, local, dial); outcome != accepted {
			b.Fatal(outcome)
		}
	}
}

func BenchmarkAccounting(b *testing.B) {
	server, err := New(Config{Directory: everybody{}})
	if err != nil {
		b.Fatal(err)
	}
	p := radius.New(radius.CodeAccountingRequest, []byte(key))
	if err := rfc2866.AcctStatusType_Set(p, rfc2866.AcctStatusType_Value_InterimUpdate); err != nil {
		b.Fatal(err)
	}
	if err := rfc2866.AcctSessionID_SetString(p, "81d00003"); err != nil {
		b.Fatal(err)
	}
	interim, err := p.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, outcome := server.answer(b.Context(), accounting, local, interim); outcome != recorded {
			b.Fatal(outcome)
		}
	}
}
