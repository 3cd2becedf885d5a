// Package routeros speaks the RouterOS API so that no call can hang, no password shows, and no change can hit an item
// that was not named.
//
// It uses go-routeros for the protocol's words and sentences in the one way that was found safe: a connection of our
// own, one command at a time, a deadline before each, and a connection that is given up at the first error that is not
// the router's own answer. A command that was sent and not answered has an unknown outcome ([ErrLost]): look before
// trying again. A refusal by the router is a [*Trap], and errors.Is tells which of the usual ones it is.
//
// What the menus mean, and when to connect again, is left to package router.
package routeros

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	ros "github.com/go-routeros/routeros/v3"

	"qserve/internal/clock"
)

// The errors of a connection. Those of a refused command are in trap.go.
var (
	// ErrLost is a connection that ended, or an answer that did not come in time. Whether the router carried out the
	// command is unknown. Every later call on the connection returns it too.
	ErrLost = errors.New("the connection to the router was lost")
	// ErrUnreachable is a connection that could not be made; the router was asked for nothing.
	ErrUnreachable = errors.New("the router cannot be reached")
	// ErrCertificate is a router that did not prove to be the one that was set up.
	ErrCertificate = errors.New("the router's certificate is not the expected one")
	// ErrUnsafe is a command that was not sent, because it has no id to act on or has bytes that end a line.
	ErrUnsafe = errors.New("not sent")

	errNoAnswer = errors.New("no answer in time")
)

// Row is one item of a menu. A property that the router left out is absent, which is not the same as empty to it.
type Row map[string]string

// ID is the item's internal number, for example *1F: good for this connection, no identity beyond it.
func (r Row) ID() string { return r[".id"] }

// True reports whether a flag is set, in the words of any version.
func (r Row) True(property string) bool { return r[property] == "true" || r[property] == "yes" }

// Conn is a logged-in connection to one router. Create it with Dial. It carries one command at a time; further callers
// wait.
type Conn struct {
	command time.Duration
	clock   clock.Clock
	secret  string // never shown, see redact

	mu     sync.Mutex
	client *ros.Client
	nc     net.Conn
	frames *frameGuard
	lost   error
}

// Print lists the items of a menu ("/ppp/secret"), with the given properties only, where all queries ("?name=joe")
// match. It never returns a part of the answer.
func (c *Conn) Print(ctx context.Context, menu string, properties []string, queries ...string) ([]Row, error) {
	words := append([]string{menu + "/print"}, queries...)
	if len(properties) > 0 {
		words = append(words, "=.proplist="+strings.Join(properties, ","))
	}
	reply, err := c.run(ctx, menu+"/print", words, "")
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(reply.Re))
	for i, sentence := range reply.Re {
		rows[i] = sentence.Map
	}
	return rows, nil
}

// Add creates an item and returns its id.
func (c *Conn) Add(ctx context.Context, menu string, properties map[string]string) (id string, err error) {
	reply, err := c.run(ctx, menu+"/add", attributes(menu+"/add", "", properties), properties["password"])
	if err != nil {
		return "", err
	}
	return reply.Done.Map["ret"], nil
}

// Set changes properties of the item with the given id. To clear one, use Unset: an empty value is not the same.
func (c *Conn) Set(ctx context.Context, menu, id string, properties map[string]string) error {
	return c.change(ctx, menu+"/set", id, properties)
}

// Unset clears a property of the item with the given id.
func (c *Conn) Unset(ctx context.Context, menu, id, property string) error {
	return c.change(ctx, menu+"/unset", id, map[string]string{"value-name": property})
}

// Remove removes the item with the given id; in /ppp/active that ends the session.
func (c *Conn) Remove(ctx context.Context, menu, id string) error {
	return c.change(ctx, menu+"/remove", id, nil)
}

// change refuses anything but one id, because what the router does with none depends on the menu and the version.
func (c *Conn) change(ctx context.Context, command, id string, properties map[string]string) error {
	if !strings.HasPrefix(id, "*") || strings.Contains(id, ",") {
		return fmt.Errorf("%s: %w: %q is not the id of one item", command, ErrUnsafe, id)
	}
	_, err := c.run(ctx, command, attributes(command, id, properties), properties["password"])
	return err
}

func attributes(command, id string, properties map[string]string) []string {
	words := []string{command}
	if id != "" {
		words = append(words, "=.id="+id)
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		words = append(words, "="+name+"="+properties[name])
	}
	return words
}

// Err returns why the connection is of no more use, or nil.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Close ends the connection. A command that another goroutine waits for ends first.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return nil
	}
	c.lost = fmt.Errorf("%w: it was closed", ErrLost)
	return c.nc.Close()
}

// run sends one command and waits for its whole answer. Texts of errors name the command but none of its values, and
// never contain secret.
func (c *Conn) run(ctx context.Context, command string, words []string, secret string) (*ros.Reply, error) {
	for _, word := range words {
		if strings.ContainsAny(word, "\x00\r\n") {
			name, _, _ := strings.Cut(strings.TrimLeft(word, "=?"), "=")
			return nil, fmt.Errorf("%s: %w: the value of %q has a line break or a zero byte", command, ErrUnsafe, name)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		return nil, fmt.Errorf("%s: %w", command, c.lost)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s: not sent: %w", command, err)
	}
	reply, err := c.exchange(ctx, c.command, func() (*ros.Reply, error) { return c.client.RunArgs(words) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, c.explain(command, err, secret))
	}
	return reply, nil
}

// exchange lets ask use the connection for no longer than timeout and ctx allow, and gives the connection up unless ask
// ended with the router's own word. The library itself knows neither deadlines nor contexts in this mode.
func (c *Conn) exchange(
	ctx context.Context, timeout time.Duration, ask func() (*ros.Reply, error),
) (*ros.Reply, error) {
	c.frames.reset()
	if err := c.nc.SetDeadline(c.clock.Now().Add(timeout)); err != nil {
		return nil, c.giveUp(err)
	}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		c.nc.Close() //nolint:errcheck // the reader below reports the end of the connection
	})
	reply, err := ask()
	if !stop() {
		<-closed
		if err == nil {
			c.giveUp(context.Cause(ctx)) //nolint:errcheck // this answer came whole; the next call reports it
			return reply, nil
		}
		return nil, c.giveUp(context.Cause(ctx))
	}
	var device *ros.DeviceError
	switch {
	case err == nil, errors.As(err, &device) && device.Sentence.Word == "!trap":
		return reply, err
	case isTimeout(err):
		return nil, c.giveUp(fmt.Errorf("%w: %v passed", errNoAnswer, timeout))
	default:
		return nil, c.giveUp(err)
	}
}

// giveUp closes the connection for good.
func (c *Conn) giveUp(why error) error {
	c.lost = fmt.Errorf("%w: %w", ErrLost, why)
	c.nc.Close() //nolint:errcheck // it is of no more use either way
	return c.lost
}

// explain turns a refusal by the router into a Trap.
func (c *Conn) explain(command string, err error, secret string) error {
	var device *ros.DeviceError
	if !errors.As(err, &device) || device.Sentence.Word != "!trap" {
		return err
	}
	message := device.Sentence.Map["message"]
	if message == "" {
		message = "refused without a reason"
	}
	return &Trap{
		Command:  command,
		Message:  redact(redact(message, secret), c.secret),
		Category: device.Sentence.Map["category"],
	}
}

// redact keeps a router that quotes what it refuses from quoting a password.
func redact(text, secret string) string {
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, "(hidden)")
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// silence keeps go-routeros from logging, which at its debug level prints passwords.
func silence(client *ros.Client) { client.SetLogHandler(slog.DiscardHandler) }
