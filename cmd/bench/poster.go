package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"qserve/cmd/internal/stage"
)

// poster is a payment provider's connection that is kept alive. It speaks HTTP by hand, because Go's own client would
// take more of the machine than the server that is measured.
type poster struct {
	conn    net.Conn
	answers *bufio.Reader
	path    string
	request bytes.Buffer
}

// answerWithin bounds the wait for one answer.
const answerWithin = 30 * time.Second

func newPoster(ctx context.Context, st *stage.Stage) (*poster, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(st.Program.BaseURL(), "http://"))
	if err != nil {
		return nil, fmt.Errorf("connect to the intake: %w", err)
	}
	return &poster{conn: conn, answers: bufio.NewReader(conn), path: st.Sources[0].URL + "/confirm"}, nil
}

// newPosters opens n connections. close ends them.
func newPosters(ctx context.Context, st *stage.Stage, n int) (posters []*poster, end func(), err error) {
	end = func() {
		for _, p := range posters {
			_ = p.conn.Close()
		}
	}
	for range n {
		p, err := newPoster(ctx, st)
		if err != nil {
			end()
			return nil, nil, err
		}
		posters = append(posters, p)
	}
	return posters, end, nil
}

// pay posts one confirmation and returns when it is accepted.
func (p *poster) pay(reference string) error {
	body := stage.Confirmation(stage.Receipt(), reference, planPrice)
	p.request.Reset()
	fmt.Fprintf(&p.request, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		p.path, len(body), body)
	if err := p.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}
	if _, err := p.conn.Write(p.request.Bytes()); err != nil {
		return fmt.Errorf("post a confirmation: %w", err)
	}
	answer, err := http.ReadResponse(p.answers, nil)
	if err != nil {
		return fmt.Errorf("read the answer to a confirmation: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("a confirmation was answered %s %s: %w", answer.Status, text, err)
	}
	return nil
}
