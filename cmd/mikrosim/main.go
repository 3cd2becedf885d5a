// Command mikrosim runs simulated MikroTik routers until it is told to stop, with a back door over HTTP to look into them,
// break them and plug in customers' boxes. The package router/mikrosim tells what they do.
//
//	mikrosim --routers 3 --http 127.0.0.1:8090 --radius-auth 127.0.0.1:1812 --radius-acct 127.0.0.1:1813 --radius-secret s3cret
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"qserve/router/mikrosim"
)

type settings struct {
	HTTP     string        `default:"127.0.0.1:8090" help:"Address of the back door. It has no sign-in and shows passwords: keep it on loopback." placeholder:"ADDR"`
	Router   []string      `help:"A router as name:ip:api-port[:tls-port[:coa-port]], 0 for a free port. May be repeated." placeholder:"NAME:IP:PORT"`
	Routers  int           `help:"Start this many routers, r1 on 127.0.0.11 and so on, instead of --router." placeholder:"N"`
	User     string        `default:"qserve" help:"API user."`
	Password string        `default:"qserve" help:"API password."`
	Version  string        `default:"7.16" help:"RouterOS version to behave like." name:"ros-version"`
	Auth     string        `help:"RADIUS server for logins, ip:port. Without it customers need a secret on the router." name:"radius-auth" placeholder:"ADDR"`
	Acct     string        `help:"RADIUS server for accounting, ip:port." name:"radius-acct" placeholder:"ADDR"`
	Secret   string        `help:"RADIUS secret, also for CoA." name:"radius-secret" env:"MIKROSIM_RADIUS_SECRET"`
	Method   string        `default:"pap" enum:"pap,chap,mschap2" help:"How customers prove their password: ${enum}." name:"auth-method"`
	Interim  time.Duration `help:"How often sessions are accounted unless RADIUS says."`
	Latency  time.Duration `help:"Delay of each API answer."`
	Redial   time.Duration `default:"1s" help:"Delay before a customer dials again."`
	Customer string        `help:"File of customers who dial: router, user and password a line, separated by blanks." name:"customers" placeholder:"FILE" type:"existingfile"`
	Verbose  bool          `help:"Log sessions and refused dials to standard error."`
}

func main() {
	var s settings
	kong.Parse(&s, kong.Name("mikrosim"), kong.Description("Simulated MikroTik routers for tests and demonstrations."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := s.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mikrosim:", err)
		os.Exit(1) //nolint:gocritic // stop only unregisters the signals
	}
}

func (s settings) run(ctx context.Context, out io.Writer) error {
	configs, err := s.configs()
	if err != nil {
		return err
	}
	routers := make([]*mikrosim.Router, 0, len(configs))
	defer func() {
		for _, r := range routers {
			r.Close()
		}
	}()
	for _, cfg := range configs {
		r, err := mikrosim.Start(ctx, cfg)
		if err != nil {
			return err
		}
		routers = append(routers, r)
		fmt.Fprintf(out, "%s  api %s  api-ssl %s  coa %s\n", r.Name(), r.APIAddr(), r.APITLSAddr(), r.CoAAddr())
	}
	if err := s.plugIn(routers); err != nil {
		return err
	}
	return s.serve(ctx, out, routers)
}

// serve runs the back door until ctx ends.
func (s settings) serve(ctx context.Context, out io.Writer, routers []*mikrosim.Router) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.HTTP)
	if err != nil {
		return fmt.Errorf("open the back door: %w", err)
	}
	srv := &http.Server{
		Handler: mikrosim.Backdoor(func() []*mikrosim.Router { return routers }), ReadHeaderTimeout: 10 * time.Second,
	}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	fmt.Fprintf(out, "back door http://%s/routers\n", ln.Addr())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the back door: %w", err)
	}
	return nil
}

// configs makes one configuration for each router asked for, one in all without a wish.
func (s settings) configs() ([]mikrosim.Config, error) {
	base := mikrosim.Config{
		Version: s.Version, User: s.User, Password: s.Password, RadiusAuth: s.Auth, RadiusAcct: s.Acct, RadiusSecret: s.Secret,
		AuthMethod: s.Method, InterimInterval: s.Interim, Latency: s.Latency, RedialDelay: s.Redial,
	}
	if s.Verbose {
		base.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var all []mikrosim.Config
	for _, spec := range s.Router {
		cfg := base
		if err := parseRouter(spec, &cfg); err != nil {
			return nil, err
		}
		all = append(all, cfg)
	}
	count := s.Routers
	if count == 0 && len(all) == 0 {
		count = 1
	}
	if count < 0 || count > 240 {
		return nil, fmt.Errorf("--routers %d: want 1 to 240", count)
	}
	for i := range count {
		cfg := base
		cfg.Name, cfg.Host = fmt.Sprintf("r%d", i+1), fmt.Sprintf("127.0.0.%d", i+11)
		all = append(all, cfg)
	}
	return all, nil
}

// parseRouter reads name:ip:api-port[:tls-port[:coa-port]].
func parseRouter(spec string, cfg *mikrosim.Config) error {
	parts := strings.Split(spec, ":")
	if len(parts) < 3 || len(parts) > 5 || parts[0] == "" {
		return fmt.Errorf("--router %q: want name:ip:api-port[:tls-port[:coa-port]], such as tower:127.0.0.11:8728", spec)
	}
	cfg.Name, cfg.Host = parts[0], parts[1]
	for i, port := range []*int{&cfg.APIPort, &cfg.APITLSPort, &cfg.CoAPort}[:len(parts)-2] {
		n, err := strconv.ParseUint(parts[i+2], 10, 16)
		if err != nil {
			return fmt.Errorf("--router %q: %q is no port", spec, parts[i+2])
		}
		*port = int(n)
	}
	return nil
}

// plugIn reads the file of customers and lets them dial.
func (s settings) plugIn(routers []*mikrosim.Router) error {
	if s.Customer == "" {
		return nil
	}
	file, err := os.Open(s.Customer)
	if err != nil {
		return fmt.Errorf("read the customers: %w", err)
	}
	defer func() { _ = file.Close() }()
	byName := make(map[string]*mikrosim.Router, len(routers))
	for _, r := range routers {
		byName[r.Name()] = r
	}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 3 || byName[fields[0]] == nil {
			return fmt.Errorf("%s, line %d: want the name of a router, a user and a password", s.Customer, n)
		}
		byName[fields[0]].SetCustomer(fields[1], fields[2], true)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the customers: %w", err)
	}
	return nil
}
