package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"qserve/router/mikrosim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProgram_PrintsItsAddressesServesTheBackDoorAndEndsWhenTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "customers")
	if err := os.WriteFile(file, []byte("# who dials\nr2 joe pw\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		s := settings{HTTP: "127.0.0.1:0", Routers: 2, Customer: file, Version: "7.16", Method: "pap"}
		ended <- s.run(ctx, in)
	}()
	lines := bufio.NewScanner(out)
	var door string
	for range 3 {
		if !lines.Scan() {
			t.Fatal("the program stopped printing")
		}
		_, door, _ = strings.Cut(lines.Text(), "back door ")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, door+"/r2", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var st mikrosim.State
	err = json.NewDecoder(resp.Body).Decode(&st)
	_ = resp.Body.Close()
	if err != nil || st.Name != "r2" || len(st.Customers) != 1 || !st.Customers[0].Dial {
		t.Errorf("got %+v, %v; want r2 with joe, who dials", st, err)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

func TestRouterFlag_TakesPortsAndRefusesNonsense(t *testing.T) {
	t.Parallel()
	s := settings{Router: []string{"tower:127.0.0.9:8728:8729:3799", "hill:127.0.0.8:0"}}
	configs, err := s.configs()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range configs {
		got = append(got, c.Name+" "+c.Host)
	}
	if diff := cmp.Diff([]string{"tower 127.0.0.9", "hill 127.0.0.8"}, got); diff != "" || configs[0].APITLSPort != 8729 || configs[0].CoAPort != 3799 {
		t.Errorf("%s, first is %+v", diff, configs[0])
	}
	for _, spec := range []string{"tower", "tower:127.0.0.9", ":127.0.0.9:1", "tower:127.0.0.9:port", "tower:127.0.0.9:1:2:3:4"} {
		if _, err := (settings{Router: []string{spec}}).configs(); err == nil {
			t.Errorf("%q was taken", spec)
		}
	}
}

func TestCustomersFile_NamesTheLineThatIsWrong(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "customers")
	if err := os.WriteFile(file, []byte("\nr9 joe pw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := settings{HTTP: "127.0.0.1:0", Router: []string{"r1:127.0.0.1:0"}, Customer: file, Version: "7.16", Method: "pap"}
	if err := s.run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v, want an error that names line 2", err)
	}
}
