package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"qserve/cmd/internal/program"
	"qserve/cmd/internal/stage"
	"qserve/console"
)

// page measures how long the profile's page of an account with ten years of history takes, against the staff API's answer
// for the same account, in turns.
func page(ctx context.Context, b *bench) (results []result, err error) {
	st, err := b.open(ctx, stage.Options{Roles: []program.Role{program.Console}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r := &registry{pool: st.Pool, staff: st.Staff, people: 5_000}
	if err := r.fill(ctx); err != nil {
		return nil, err
	}
	agent, err := signedIn(ctx, st)
	if err != nil {
		return nil, err
	}
	const account = "BEN-0000001"
	var pages, answers turns
	var bytes int64
	for round := range rounds + 1 {
		var ours, raw sample
		err := b.profiled(func() error {
			for range size(b, 2_000, 50) {
				began := time.Now()
				if bytes, err = load(ctx, agent, st.Program.BaseURL()+"/customers/"+account); err != nil {
					return err
				}
				ours = append(ours, time.Since(began))
				began = time.Now()
				if err := st.Ask(ctx, http.MethodGet, "subscribers/"+account, nil, nil); err != nil {
					return err
				}
				raw = append(raw, time.Since(began))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if round > 0 { // the first warms both
			pages, answers = append(pages, turn{each: ours}), append(answers, turn{each: raw})
		}
	}
	b.note("Half of the profile's pages took %s, of the API's answers %s; a page is %.1f kB as it travels.",
		ms(pages.at(0.5)), ms(answers.at(0.5)), float64(bytes)/1024)
	return []result{atMost("The profile's page, ten years of history, p99", pages.at(0.99), answers.at(0.99),
		"p99 of the API's answer for the account", 3)}, nil
}

// signedIn is an agent's browser.
func signedIn(ctx context.Context, st *stage.Stage) (*http.Client, error) {
	who, err := st.Hire(ctx, "agent", "Agent", console.RoleSupport)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("make a cookie jar: %w", err)
	}
	agent := &http.Client{Jar: jar, Timeout: 15 * time.Second}
	form := url.Values{"login": {who.User}, "password": {who.Password}, "to": {"/customers"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, st.Program.BaseURL()+"/sign-in", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("make the sign-in: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := agent.Do(request)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing of it is needed
	if answer.StatusCode != http.StatusOK || answer.Request.URL.Path != "/customers" {
		return nil, fmt.Errorf("signing in leads to %s: %s", answer.Request.URL.Path, answer.Status)
	}
	return agent, nil
}

// load reads a page to its end, and returns how many bytes it has.
func load(ctx context.Context, agent *http.Client, address string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, fmt.Errorf("make the request of a page: %w", err)
	}
	request.Header.Set("Accept-Encoding", "gzip") // said here, it leaves the unpacking, which is the browser's, out of what is measured
	answer, err := agent.Do(request)
	if err != nil {
		return 0, fmt.Errorf("load a page: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end, or is of no use
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("load %s: %s", request.URL.Path, answer.Status)
	}
	return n, err
}
