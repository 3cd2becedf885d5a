package stage_test

import (
	"crypto/sha256"
	"encoding/pem"
	"strings"
	"testing"

	"qserve/cmd/internal/stage"
	"qserve/router/mikrosim"
	"qserve/router/routeros"
)

func TestPaymentForNobody_WaitsWithAReason(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{})
	receipt := stage.Receipt()
	p.must(p.Pay(p.ctx, receipt, "NO-SUCH-1", planPrice))
	p.must(p.UntilProcessed(p.ctx))
	var reason, reference string
	var minor int64
	p.must(p.Pool.QueryRow(p.ctx, `select unallocated, reference, amount_minor from payments
		where transaction_id = $1 and subscriber_id is null`, receipt).Scan(&reason, &reference, &minor))
	if !strings.Contains(reason, "no account") || reference != "NO-SUCH-1" || minor != planMinor {
		t.Errorf("the payment waits with reason %q, reference %q and amount %d", reason, reference, minor)
	}
	p.everythingIsInOrder()
}

// A secret that an administrator made by hand is his, whatever its name.
func TestSecretMadeByHand_IsLeftAloneAndSaidToBeInTheWay(t *testing.T) {
	t.Parallel()
	p := setup(t, stage.Options{Routers: everyKind[:2]})
	var foreign, others []stage.Person
	var before []mikrosim.Secret
	for _, r := range p.Routers {
		name := strings.ToLower("HAND" + r.Name() + "-0001")
		p.addSecret(r, name)
		secret, _ := r.State().Secret(name)
		before = append(before, secret)
		foreign = append(foreign, p.expired("HAND"+r.Name(), r))
		others = append(others, p.expired("OTHER"+r.Name(), r))
	}
	for i := range foreign {
		p.pays(foreign[i])
		p.confirmed(p.pays(others[i]))
	}
	p.online(others...)
	for i, who := range foreign {
		p.untilNumber("the reason shows", 1, `select count(*) from provisions
			where username = $1 and done_gen < want_gen and attempts > 0 and last_error like '%comment%'`, who.Username)
		after, found := who.Router.State().Secret(who.Username)
		if !found || after != before[i] {
			t.Errorf("the secret made by hand was %+v and is %+v", before[i], after)
		}
		// Once the administrator has moved it out of the way, the payment arrives.
		p.api(who.Router, func(c *routeros.Conn) error { return c.Remove(p.ctx, "/ppp/secret", after.ID) })
	}
	p.online(foreign...)
	p.everythingIsInOrder()
}

func (p play) addSecret(r *stage.Router, name string) {
	p.t.Helper()
	p.api(r, func(c *routeros.Conn) error {
		_, err := c.Add(p.ctx, "/ppp/secret", map[string]string{
			"name": name, "password": "made-by-hand", "service": "pppoe", "comment": "the boss's own line", "disabled": "yes",
		})
		return err
	})
}

// api does something on a router as its administrator.
func (p play) api(r *stage.Router, do func(c *routeros.Conn) error) {
	p.t.Helper()
	block, _ := pem.Decode(r.Certificate())
	pin := sha256.Sum256(block.Bytes)
	c, err := routeros.Dial(p.ctx, routeros.Config{
		Address: r.APITLSAddr(), User: r.Options.Sim.User, Password: r.Options.Sim.Password, PinSHA256: pin[:],
	})
	p.must(err)
	defer c.Close()
	p.must(do(c))
}
