package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"qserve/cmd/internal/stage"
	"qserve/router"
	"qserve/router/mikrosim"
)

// step is one thing that happens, and what the routers must show afterwards for it to be true.
type step struct {
	name  string
	title string
	play  func(ctx context.Context, s *scene) (result string, err error)
}

// stepTimeout bounds one step; each takes seconds at most on a healthy machine.
const stepTimeout = 90 * time.Second

func (s *scene) tell(ctx context.Context, t *teller) error {
	for _, st := range []step{
		{"online", "Everybody who has paid comes online", everybodyComesOnline},
		{"pay", "An expired customer pays by M-Pesa", expiredCustomerPays},
		{"repeat", "The same confirmation comes 100 times more", sameConfirmationAgain},
		{"eight", "Eight different payments come at once", eightAtOnce},
		{"unreachable", "A payment comes while the router is unreachable", routerIsAway},
		{"expire", "A package runs out", packageRunsOut},
		{"flush", "Redis is emptied in the middle of 200 payments", redisIsEmptied},
		{"package", "A package changes in live sessions", packageChanges},
		{"suspend", "A suspension, and a reconnection", suspendedAndReconnected},
		{"password", "A new PPPoE password", newPassword},
		{"extend", "Three days' credit for an outage", threeDaysCredit},
		{"delete", "An account is deleted while its router is away", deletedWhileAway},
	} {
		within, cancel := context.WithTimeout(ctx, stepTimeout)
		began := time.Now()
		result, err := st.play(within, s)
		cancel()
		t.step(st, result, err, time.Since(began))
		if err != nil {
			return fmt.Errorf("step %q: %w", st.name, err)
		}
	}
	return nil
}

func everybodyComesOnline(ctx context.Context, s *scene) (string, error) {
	if err := s.UntilConfirmed(ctx); err != nil {
		return "", err
	}
	for _, p := range s.paid {
		if err := p.Online(ctx); err != nil {
			return "", err
		}
	}
	online, byRadius := 0, 0
	for _, r := range s.Routers {
		for _, a := range r.State().Active {
			online++
			if a.Radius {
				byRadius++
			}
		}
	}
	if online != len(s.paid) {
		return "", fmt.Errorf("%d are online, but %d have paid", online, len(s.paid))
	}
	return fmt.Sprintf("%d of %d customers on %d routers, %d of them let in by RADIUS, %d by secrets on the router",
		online, len(s.paid)+len(s.expired), len(s.Routers), byRadius, online-byRadius), nil
}

// take removes the first expired customer of a router from the cast.
func (s *scene) take(name string) stage.Person {
	for i, p := range s.expired {
		if p.Router.Name() == name {
			s.expired = append(s.expired[:i:i], s.expired[i+1:]...)
			return p
		}
	}
	panic("the cast has nobody left on " + name)
}

func expiredCustomerPays(ctx context.Context, s *scene) (string, error) {
	result := ""
	for _, r := range s.Routers {
		p, receipt := s.take(r.Name()), stage.Receipt()
		began := time.Now()
		if err := s.Pay(ctx, receipt, p.Account, planPrice); err != nil {
			return "", err
		}
		accepted := time.Since(began)
		confirmed, err := s.UntilPaymentConfirmed(ctx, receipt)
		if err != nil {
			return "", err
		}
		if err := p.Online(ctx); err != nil {
			return "", err
		}
		session, _ := r.State().Session(p.Username)
		result += fmt.Sprintf("%s on %s (mode %s): accepted %s, router confirms %s, online %s with %s at %s\n",
			p.Account, r.Name(), r.Options.Mode, short(accepted), short(confirmed), short(time.Since(began)), session.Address, session.Rate)
		s.paid = append(s.paid, p)
	}
	return result, nil
}

// books is what a customer owns: the sum of the ledger, and the end of the paid time.
func (s *scene) books(ctx context.Context, p stage.Person) (credits int64, until time.Time, err error) {
	err = s.Pool.QueryRow(ctx, `select (select count(*) from ledger_entries l where l.subscriber_id = s.id and l.kind = 'payment'),
		s.expires_at from subscribers s where s.account = $1`, p.Account).Scan(&credits, &until)
	return credits, until, err
}

func sameConfirmationAgain(ctx context.Context, s *scene) (string, error) {
	p, receipt := s.take("Kileleshwa"), stage.Receipt()
	body := stage.Confirmation(receipt, p.Account, planPrice)
	post := func() error { return s.Post(ctx, s.Sources[0].URL+"/confirm", body) }
	if err := post(); err != nil {
		return "", err
	}
	if _, err := s.UntilPaymentConfirmed(ctx, receipt); err != nil {
		return "", err
	}
	_, until, err := s.books(ctx, p)
	if err != nil {
		return "", err
	}
	group, ctx := errgroup.WithContext(ctx)
	for range 100 {
		group.Go(post)
	}
	// The same receipt under another body, as a second door of the provider would tell it.
	group.Go(func() error { return s.Pay(ctx, receipt, " "+p.Account, planPrice) })
	if err := group.Wait(); err != nil {
		return "", err
	}
	again := context.WithoutCancel(ctx)
	if err := s.UntilProcessed(again); err != nil {
		return "", err
	}
	credits, after, err := s.books(again, p)
	if err != nil {
		return "", err
	}
	if credits != 1 || !after.Equal(until) {
		return "", fmt.Errorf("%s has %d credits and is paid until %s, not 1 and %s", p.Account, credits, after, until)
	}
	return fmt.Sprintf("all answered, one credit, %s is still paid until %s", p.Account, s.local(after)), nil
}

func eightAtOnce(ctx context.Context, s *scene) (string, error) {
	p := s.take("Ngong")
	began := time.Now()
	group, posts := errgroup.WithContext(ctx)
	for range 8 {
		group.Go(func() error { return s.Pay(posts, stage.Receipt(), p.Account, planPrice) })
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	if err := s.UntilProcessed(ctx); err != nil {
		return "", err
	}
	credits, until, err := s.books(ctx, p)
	if err != nil {
		return "", err
	}
	days := int(until.Sub(began).Hours()/24 + 0.5)
	if credits != 8 || days != 8*30 {
		return "", fmt.Errorf("%s has %d credits and %d days, not 8 and 240", p.Account, credits, days)
	}
	if err := s.UntilConfirmed(ctx); err != nil {
		return "", err
	}
	if err := p.Online(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("8 credits, %d days, %s is paid until %s and online", days, p.Account, s.local(until)), nil
}

func routerIsAway(ctx context.Context, s *scene) (string, error) {
	away := s.Router("Ngong")
	if err := away.SetFault(mikrosim.Fault{Kind: mikrosim.FaultDown}); err != nil {
		return "", err
	}
	p, other := s.take("Ngong"), s.take("Kileleshwa")
	receipt, otherReceipt := stage.Receipt(), stage.Receipt()
	if err := s.Pay(ctx, receipt, p.Account, planPrice); err != nil {
		return "", err
	}
	if err := s.UntilNumber(ctx, "the router was tried in vain", 1,
		`select count(*) from routers where name = 'Ngong' and failures > 0`); err != nil {
		return "", err
	}
	if err := s.Pay(ctx, otherReceipt, other.Account, planPrice); err != nil {
		return "", err
	}
	meanwhile, err := s.UntilPaymentConfirmed(ctx, otherReceipt)
	if err != nil {
		return "", err
	}
	active, err := s.Number(ctx, `select count(*) from subscribers where account = $1 and expires_at > now()`, p.Account)
	if err != nil || active != 1 {
		return "", fmt.Errorf("%s has paid but is not active (%w)", p.Account, err)
	}
	if err := away.SetFault(mikrosim.Fault{Kind: mikrosim.FaultNone}); err != nil {
		return "", err
	}
	back := time.Now()
	if _, err := s.UntilPaymentConfirmed(ctx, receipt); err != nil {
		return "", err
	}
	if err := p.Online(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is active at once; a payment on another router is confirmed in %s meanwhile; Ngong comes back, %s is online %s later",
		p.Account, short(meanwhile), p.Account, short(time.Since(back))), nil
}

func packageRunsOut(ctx context.Context, s *scene) (string, error) {
	const lasts = 4 * time.Second
	result := ""
	var due []stage.Person
	end := time.Now().Add(lasts).Truncate(time.Millisecond)
	for i, r := range s.Routers {
		number := fmt.Sprintf("END-%04d", i+1)
		p := stage.Person{
			Account: number, Username: fmt.Sprintf("end-%04d", i+1), Password: "sample-password", Plan: planName, Router: r,
			PaidUntil: end,
		}
		if err := s.Add(ctx, p, true); err != nil {
			return "", err
		}
		due = append(due, p)
	}
	for _, p := range due {
		if err := p.Online(ctx); err != nil {
			return "", err
		}
	}
	for _, p := range due {
		if err := p.Offline(ctx); err != nil {
			return "", err
		}
		late := time.Since(end)
		if late < 0 {
			return "", fmt.Errorf("%s was disconnected %s before its time", p.Account, -late)
		}
		result += fmt.Sprintf("%s on %s (mode %s): online until the package ended, disconnected %s after it\n",
			p.Account, p.Router.Name(), p.Router.Options.Mode, short(late))
	}
	if err := s.UntilConfirmed(ctx); err != nil {
		return "", err
	}
	if cut := s.disconnects(); cut == 0 {
		return "", errors.New("no Disconnect-Request was acknowledged")
	}
	return result, nil
}

// disconnects counts the Disconnect-Requests that routers of mode radius have acknowledged.
func (s *scene) disconnects() (n int) {
	for _, r := range s.Routers {
		if r.Options.Mode == router.Radius {
			n += int(r.State().Counters.Disconnect.Acks)
		}
	}
	return n
}

func redisIsEmptied(ctx context.Context, s *scene) (string, error) {
	const payments = 200
	before, err := s.Number(ctx, `select count(*) from ledger_entries where kind = 'payment'`)
	if err != nil {
		return "", err
	}
	people := s.expired[:min(len(s.expired), payments)]
	group, posts := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range payments {
		if i == payments/2 {
			group.Go(func() error { return s.emptyQueues(posts) })
		}
		p := people[i%len(people)]
		group.Go(func() error { return s.Pay(posts, stage.Receipt(), p.Account, planPrice) })
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	if err := s.UntilProcessed(ctx); err != nil {
		return "", err
	}
	after, err := s.Number(ctx, `select count(*) from ledger_entries where kind = 'payment'`)
	if err != nil {
		return "", err
	}
	if after-before != payments {
		return "", fmt.Errorf("%d payments were credited, not %d", after-before, payments)
	}
	if err := s.UntilConfirmed(ctx); err != nil {
		return "", err
	}
	for _, p := range people {
		if err := p.Online(ctx); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d payments, %d credits, every router confirmed, all %d customers online", payments, after-before, len(people)), nil
}

func (s *scene) local(t time.Time) string { return t.In(s.Settings.Zone).Format("2 Jan 2006 15:04") }

func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
