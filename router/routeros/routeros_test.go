package routeros_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/router/routeros"
	"qserve/router/routeros/routerostest"
)

func TestCommands_AreSentAsTheManualSays(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, words []string) bool {
		switch words[0] {
		case "/ppp/secret/print":
			return routerostest.Say(w, routerostest.Sentence("!re", "=.id=*1F", "=name=joe", "=comment=a=b=c"), routerostest.Sentence("!re", "=.id=*20"),
				routerostest.Sentence("!done"))
		case "/ppp/secret/add":
			return routerostest.Say(w, routerostest.Sentence("!done", "=ret=*21"))
		default:
			return routerostest.Say(w, routerostest.Sentence("!done"))
		}
	}))
	c := dial(t, config(p))
	ctx := t.Context()
	rows, err := c.Print(ctx, "/ppp/secret", []string{".id", "name"}, "?name=joe")
	if err != nil {
		t.Fatal(err)
	}
	want := []routeros.Row{{".id": "*1F", "name": "joe", "comment": "a=b=c"}, {".id": "*20"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	id, err := c.Add(ctx, "/ppp/secret", map[string]string{"name": "ann", "password": "p=1", "disabled": "no"})
	if err != nil || id != "*21" {
		t.Errorf("add returned %q, %v; want *21", id, err)
	}
	for _, err := range []error{
		c.Set(ctx, "/ppp/secret", "*1F", map[string]string{"disabled": "yes"}),
		c.Unset(ctx, "/ppp/secret", "*1F", "remote-address"),
		c.Remove(ctx, "/ppp/active", "*8000"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	sent := [][]string{
		{"/login", "=name=qserve", "=password=" + password},
		{"/ppp/secret/print", "?name=joe", "=.proplist=.id,name"},
		{"/ppp/secret/add", "=disabled=no", "=name=ann", "=password=p=1"},
		{"/ppp/secret/set", "=.id=*1F", "=disabled=yes"},
		{"/ppp/secret/unset", "=.id=*1F", "=value-name=remote-address"},
		{"/ppp/active/remove", "=.id=*8000"},
	}
	if diff := cmp.Diff(sent, p.Sentences()); diff != "" {
		t.Errorf("sentences (-want +got):\n%s", diff)
	}
}

func TestAnEmptyList_IsNoError(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][][]byte{
		"before 7.18": {routerostest.Sentence("!done")},
		"since 7.18":  {routerostest.Sentence("!empty"), routerostest.Sentence("!done")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool { return routerostest.Say(w, answer...) }))
			rows, err := dial(t, config(p)).Print(t.Context(), "/ppp/secret", nil)
			if err != nil || len(rows) != 0 {
				t.Errorf("got %v, %v; want nothing", rows, err)
			}
		})
	}
}

func TestAChangeWithoutExactlyOneID_IsNotSent(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool { return routerostest.Say(w, routerostest.Sentence("!done")) }))
	c := dial(t, config(p))
	for _, id := range []string{"", "joe", "*1,*2", "0"} {
		if err := c.Remove(t.Context(), "/ppp/secret", id); !errors.Is(err, routeros.ErrUnsafe) {
			t.Errorf("remove of id %q: got %v, want ErrUnsafe", id, err)
		}
		if err := c.Set(t.Context(), "/ppp/secret", id, nil); !errors.Is(err, routeros.ErrUnsafe) {
			t.Errorf("set of id %q: got %v, want ErrUnsafe", id, err)
		}
	}
	if sent := p.Sentences(); len(sent) != 1 {
		t.Errorf("sent %q; want only the log-in", sent)
	}
}

func TestWordsThatEndALine_AreNotSentAndNotShown(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool { return routerostest.Say(w, routerostest.Sentence("!done")) }))
	c := dial(t, config(p))
	for _, ending := range []string{"\n", "\r", "\x00"} {
		_, err := c.Add(t.Context(), "/ppp/secret", map[string]string{"name": "joe", "password": "swordfish" + ending})
		if !errors.Is(err, routeros.ErrUnsafe) || !strings.Contains(err.Error(), `"password"`) {
			t.Errorf("password that ends in %q: got %v, want ErrUnsafe that names the property", ending, err)
		}
		noPassword(t, err, "swordfish")
	}
	if err := c.Err(); err != nil {
		t.Errorf("the connection did not survive: %v", err)
	}
}

func TestARefusal_IsATrapOfItsKindAndLeavesTheConnectionUsable(t *testing.T) {
	t.Parallel()
	kinds := map[string]error{
		"no such item (4)": routeros.ErrNoSuchItem,
		"no such item":     routeros.ErrNoSuchItem,
		"failure: secret with the same name already exists":         routeros.ErrAlreadyExists,
		"failure: already have user with this name for this server": routeros.ErrAlreadyExists,
		"not enough permissions (9)":                                routeros.ErrDenied,
		"no such command prefix":                                    routeros.ErrUnsupported,
		"unknown parameter require-message-auth":                    routeros.ErrUnsupported,
		"input does not match any value of profile":                 routeros.ErrValue,
		"invalid value for argument remote-address":                 routeros.ErrValue,
		"failure: can not change dynamic simple queue":              routeros.ErrDynamic,
		"something never seen":                                      nil,
		"":                                                          nil,
	}
	for message, kind := range kinds {
		refuse := true
		p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool {
			if refuse {
				refuse = false
				return routerostest.Say(w, routerostest.Sentence("!trap", "=category=4", "=message="+message), routerostest.Sentence("!done"))
			}
			return routerostest.Say(w, routerostest.Sentence("!done"))
		}))
		c := dial(t, config(p))
		err := c.Set(t.Context(), "/ppp/secret", "*1", map[string]string{"profile": "x"})
		var trap *routeros.Trap
		if !errors.As(err, &trap) || trap.Category != "4" || trap.Command != "/ppp/secret/set" {
			t.Fatalf("%q: got %#v, want a trap of /ppp/secret/set", message, err)
		}
		for _, other := range kinds {
			if other != nil && errors.Is(err, other) != (other == kind) { //nolint:errorlint // which one is the question
				t.Errorf("%q: errors.Is(%v) is %v", message, other, errors.Is(err, other))
			}
		}
		if err := c.Remove(t.Context(), "/ppp/secret", "*1"); err != nil {
			t.Errorf("%q: the next command failed: %v", message, err)
		}
	}
}

func TestARouterThatQuotesPasswords_DoesNotMakeUsShowThem(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, words []string) bool {
		return routerostest.Say(w, routerostest.Sentence("!trap", "=message=cannot take "+strings.Join(words, " ")+" "+password), routerostest.Sentence("!done"))
	}))
	_, err := dial(t, config(p)).Add(t.Context(), "/ppp/secret", map[string]string{"name": "joe", "password": "swordfish"})
	if err == nil {
		t.Fatal("no error")
	}
	noPassword(t, err, "swordfish")
}

func TestASilentRouter_IsGivenUpAtTheDeadline(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(io.Writer, []string) bool { return true }))
	ctx, cfg := soon(t, config(p))
	c := dial(t, cfg)
	err := c.Set(ctx, "/ppp/secret", "*1", map[string]string{"password": "swordfish"})
	if !errors.Is(err, routeros.ErrLost) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v, want ErrLost for the deadline", err)
	}
	noPassword(t, err, "swordfish")
	if _, err := c.Print(ctx, "/ppp/secret", nil); !errors.Is(err, routeros.ErrLost) {
		t.Errorf("the next command returned %v; want ErrLost", err)
	}
	if sent := p.Sentences(); len(sent) != 2 {
		t.Errorf("sent %q after the connection was given up", sent)
	}
}

func TestACancelledContext_EndsTheCommandAndTheConnection(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := routerostest.Listen(t, routerostest.LoggedIn(func(io.Writer, []string) bool { cancel(); return true }))
	c := dial(t, config(p))
	_, err := c.Print(ctx, "/ppp/secret", nil)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, routeros.ErrLost) {
		t.Errorf("got %v, want ErrLost for the cancelled context", err)
	}
	if _, err := c.Print(ctx, "/ppp/secret", nil); err == nil {
		t.Error("a command was sent with a cancelled context")
	}
	if !errors.Is(c.Err(), routeros.ErrLost) {
		t.Errorf("the connection says %v; want ErrLost", c.Err())
	}
}

func TestAnAnswerThatBreaksOff_IsNoAnswer(t *testing.T) {
	t.Parallel()
	row := routerostest.Sentence("!re", "=.id=*1", "=name=joe")
	for name, bytes := range map[string][]byte{
		"after a row":       row,
		"within a row":      row[:len(row)-5],
		"fatal":             routerostest.Sentence("!fatal", "session terminated on request"),
		"fatal as a map":    routerostest.Sentence("!fatal", "=message=out of memory"),
		"unknown word":      routerostest.Sentence("!what"),
		"reserved length":   {0xF8, 1, 2, 3, 4, 5, 6, 7, 8},
		"2 GiB word":        {0xF0, 0x80, 0, 0, 0, 'x'},
		"a word over 1 MiB": {0xE0, 0x10, 0, 1, 'x'},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool { routerostest.Say(w, bytes); return false }))
			c := dial(t, config(p))
			rows, err := c.Print(t.Context(), "/ppp/secret", nil)
			if rows != nil || !errors.Is(err, routeros.ErrLost) {
				t.Errorf("got %v, %v; want no rows and ErrLost", rows, err)
			}
		})
	}
}

func TestAReservedLength_EndsTheConnectionThoughTheRouterKeepsItOpen(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool { return routerostest.Say(w, []byte{0xF0, 0x7F, 0xFF, 0xFF, 0xFF}) }))
	_, err := dial(t, config(p)).Print(t.Context(), "/ppp/secret", nil)
	if !errors.Is(err, routeros.ErrLost) || strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v, want ErrLost for the length", err)
	}
}

func TestAnAnswerWithoutEnd_IsGivenUp(t *testing.T) {
	t.Parallel()
	row := routerostest.Sentence("!re", "=comment="+strings.Repeat("x", 1<<14))
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool {
		for routerostest.Say(w, row) {
		}
		return false
	}))
	cfg := config(p)
	cfg.CommandTimeout = time.Minute
	if _, err := dial(t, cfg).Print(t.Context(), "/ppp/secret", nil); !errors.Is(err, routeros.ErrLost) ||
		strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v, want ErrLost for the size of the answer", err)
	}
}

func TestLongAndStrangeWords_ComeThroughUnchanged(t *testing.T) {
	t.Parallel()
	values := []string{"", "=", "jos\xe9", "日本", strings.Repeat("a", 127), strings.Repeat("b", 128),
		strings.Repeat("c", 16383), strings.Repeat("d", 16384), strings.Repeat("e", 1<<19)}
	next := 0
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool {
		answer := append(routerostest.Sentence("!re", "=comment="+values[next]), routerostest.Sentence("!done")...)
		next++
		// Small pieces show that no length is lost where two reads meet.
		for len(answer) > 0 && len(answer) < 40000 {
			n := min(len(answer), 1+len(answer)%7)
			if !routerostest.Say(w, answer[:n]) {
				return false
			}
			answer = answer[n:]
		}
		return routerostest.Say(w, answer)
	}))
	c := dial(t, config(p))
	for _, value := range values {
		rows, err := c.Print(t.Context(), "/ppp/secret", nil)
		if err != nil || len(rows) != 1 || rows[0]["comment"] != value {
			t.Errorf("a value of %d bytes came back as %d rows, %v", len(value), len(rows), err)
		}
	}
}

func TestCommandsFromManyGoroutines_GetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, words []string) bool {
		return routerostest.Say(w, routerostest.Sentence("!re", "=menu="+words[0]), routerostest.Sentence("!done"))
	}))
	c := dial(t, config(p))
	errs := make(chan error)
	for i := range 8 {
		go func() {
			menu := "/" + strings.Repeat("m", i+1)
			rows, err := c.Print(t.Context(), menu, nil)
			if err == nil && rows[0]["menu"] != menu+"/print" {
				err = errors.New("another's answer")
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestAClosedConnection_SendsNothing(t *testing.T) {
	t.Parallel()
	p := routerostest.Listen(t, routerostest.LoggedIn(func(w io.Writer, _ []string) bool { return routerostest.Say(w, routerostest.Sentence("!done")) }))
	c := dial(t, config(p))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(t.Context(), "/ppp/secret", "*1"); !errors.Is(err, routeros.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestNobodyListening_IsUnreachable(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = routeros.Dial(t.Context(), routeros.Config{
		Address: address, User: "qserve", Password: password, Plain: true, ConnectTimeout: time.Second,
	})
	if !errors.Is(err, routeros.ErrUnreachable) || errors.Is(err, routeros.ErrLost) {
		t.Errorf("got %v, want ErrUnreachable alone", err)
	}
	noPassword(t, err)
}
