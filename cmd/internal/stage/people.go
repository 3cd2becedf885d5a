package stage

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"qserve/console"
	"qserve/router/mikrosim"
)

// Person is a sample subscriber with a simulated box at home.
type Person struct {
	Account, Username, Password, Plan string
	Router                            *Router
	FixedIP                           string    // empty: from the router's pool
	PaidUntil                         time.Time // zero: never paid
}

// People adds n sample subscribers to a router, paid until the instant that paidUntil returns for each. With dial their
// boxes begin to dial.
func (s *Stage) People(ctx context.Context, r *Router, plan, prefix string, n int, dial bool, paidUntil func(i int) time.Time) ([]Person, error) {
	people := make([]Person, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range n {
		group.Go(func() error {
			number := fmt.Sprintf("%s-%04d", prefix, i+1)
			p := Person{
				Account: number, Username: strings.ToLower(number), Password: rand.Text()[:10], Plan: plan, Router: r,
				PaidUntil: paidUntil(i),
			}
			people[i] = p
			return s.Add(ctx, p, dial)
		})
	}
	return people, group.Wait()
}

// Add adds one sample subscriber.
func (s *Stage) Add(ctx context.Context, p Person, dial bool) error {
	_, err := s.Staff.AddSubscriber(ctx, crew, console.NewSubscriber{
		Account: p.Account, Name: "Sample " + p.Account, Router: p.Router.Name(), Plan: p.Plan, Username: p.Username,
		Password: p.Password, FixedIP: p.FixedIP, PaidUntil: p.PaidUntil,
	})
	if err != nil {
		return err
	}
	p.Router.SetCustomer(p.Username, p.Password, dial)
	return nil
}

// Online waits until the router lists a session of p.
func (p Person) Online(ctx context.Context) error {
	return p.wait(ctx, "online", func(st mikrosim.State) bool {
		_, online := st.Session(p.Username)
		return online
	})
}

// Offline waits until the router lists no session of p.
func (p Person) Offline(ctx context.Context) error {
	return p.wait(ctx, "offline", func(st mikrosim.State) bool {
		_, online := st.Session(p.Username)
		return !online
	})
}

func (p Person) wait(ctx context.Context, what string, reached func(mikrosim.State) bool) error {
	if err := p.Router.Wait(ctx, reached); err != nil {
		return fmt.Errorf("%s is not %s on %s: %w", p.Account, what, p.Router.Name(), err)
	}
	return nil
}

// Refused waits until the router refuses the dials of p's box.
func (p Person) Refused(ctx context.Context) error {
	return p.wait(ctx, "refused", func(st mikrosim.State) bool {
		return slices.ContainsFunc(st.Customers, func(c mikrosim.Customer) bool {
			return c.Name == p.Username && !c.Online && c.LastError != ""
		})
	})
}

// Redial switches p's box off and on again.
func (p Person) Redial() {
	p.Router.SetCustomer(p.Username, p.Password, false)
	p.Router.SetCustomer(p.Username, p.Password, true)
}
