package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"qserve/console"
)

// addToken makes a token that may do everything in the staff API.
func (s *Stage) addToken(ctx context.Context) error {
	n := console.NewToken{Name: "stage", RatePerSecond: 10_000}
	for _, scope := range console.Scopes {
		n.Scopes = append(n.Scopes, string(scope))
	}
	made, err := s.Staff.MakeToken(ctx, crew, n)
	s.APIToken = made.Token
	return err
}

// Problem is an answer of the staff API that says no.
type Problem struct {
	Status int
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

func (p *Problem) Error() string {
	return fmt.Sprintf("the API answers %d: %s %v", p.Status, p.Detail, p.Errors)
}

// Ask calls the staff API, for example GET subscribers/ACC-0042. body and answer may be nil. A no is a [*Problem].
func (s *Stage) Ask(ctx context.Context, method, path string, body, answer any) error {
	response, err := s.call(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to its end, or is of no use
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	if response.StatusCode >= 300 {
		problem := &Problem{Status: response.StatusCode}
		if err := json.Unmarshal(text, problem); err != nil {
			return fmt.Errorf("%s %s: %s %.200s", method, path, response.Status, text)
		}
		return problem
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}

func (s *Stage) call(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Program.BaseURL()+"/api/v1/"+path, sent)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.APIToken)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return s.http.Do(request)
}

// Command gives a command by the staff API, and follows it by its events until a router has confirmed it or it is refused.
func (s *Stage) Command(ctx context.Context, method, path string, body any) (console.ActionView, error) {
	var given console.ActionView
	if err := s.Ask(ctx, method, path, body, &given); err != nil {
		return given, err
	}
	return s.Follow(ctx, given.ID)
}

// Follow reads the events of an action until it is final.
func (s *Stage) Follow(ctx context.Context, action int64) (console.ActionView, error) {
	var last console.ActionView
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	response, err := s.call(ctx, http.MethodGet, fmt.Sprintf("actions/%d/events", action), nil)
	if err != nil {
		return last, err
	}
	defer response.Body.Close() //nolint:errcheck // a stream is left when it has said enough
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		if err := json.Unmarshal([]byte(data), &last); err != nil {
			return last, fmt.Errorf("read an event of action %d: %w", action, err)
		}
	}
	switch {
	case last.State == "refused":
		return last, fmt.Errorf("action %d was refused: %s", action, last.Reason)
	case last.State != "confirmed":
		return last, errors.Join(fmt.Errorf("the events of action %d ended while it was %q", action, last.State), ctx.Err())
	}
	return last, nil
}
