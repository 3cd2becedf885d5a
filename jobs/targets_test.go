package jobs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
	"qserve/db"
	"qserve/internal/seal"
	"qserve/router"
)

func sealed(t *testing.T, keys *seal.Ring, plain, row string) []byte {
	t.Helper()
	value, err := keys.Seal([]byte(plain), row)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestTarget_IsTheRowWithItsSecretsOpen(t *testing.T) {
	t.Parallel()
	keys, ca := newRing(t), "-----BEGIN CERTIFICATE-----"
	row := db.Router{
		ID: 5, Name: "Kilimani", Mode: "radius", Revision: 9, APIAddress: "10.9.0.2:8729", APIUser: "qserve", APIPlain: true,
		APIPinSha256: []byte{1}, APICaPem: &ca, CoaAddress: "10.9.0.2:3799", CoaMessageAuthenticator: true, CoaEventTimestamp: true,
		LocalAddress: "10.0.0.1", Pool: "homes",
		APIPasswordSealed:  sealed(t, keys, "api-secret", db.RouterAPIPasswordRow(5)),
		RadiusSecretSealed: sealed(t, keys, "radius-secret", db.RouterRadiusSecretRow(5)),
	}
	got, err := Target(row, keys)
	if err != nil {
		t.Fatal(err)
	}
	want := router.Target{
		ID: 5, Name: "Kilimani", Mode: router.Radius, Revision: 9, LocalAddress: "10.0.0.1", Pool: "homes",
		API: router.API{
			Address: "10.9.0.2:8729", User: "qserve", Password: "api-secret", Plain: true, PinSHA256: []byte{1}, CAPEM: []byte(ca),
		},
		CoA: router.CoA{Address: "10.9.0.2:3799", Secret: "radius-secret", MessageAuthenticator: true, EventTimestamp: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("target (-want +got):\n%s", diff)
	}
	plain, err := Target(db.Router{ID: 6, Name: "Karen", Mode: "local"}, keys)
	if diff := cmp.Diff(router.Target{ID: 6, Name: "Karen", Mode: router.Local}, plain); diff != "" || err != nil {
		t.Errorf("without secrets (-want +got):\n%s%v", diff, err)
	}
}

func TestSecretThatDoesNotOpen_IsToldByItsRowAndNeverByItsText(t *testing.T) {
	t.Parallel()
	keys, jane := newRing(t), int64(42)
	const secret = "hunter2"
	for name, open := range map[string]func() error{
		`API password of router "Kilimani"`: func() error {
			_, err := Target(db.Router{ID: 5, Name: "Kilimani", APIPasswordSealed: sealed(t, keys, secret, db.RouterAPIPasswordRow(6))}, keys)
			return err
		},
		`RADIUS secret of router "Kilimani"`: func() error {
			_, err := Target(db.Router{ID: 5, Name: "Kilimani", RadiusSecretSealed: sealed(t, newRing(t), secret, db.RouterRadiusSecretRow(5))}, keys)
			return err
		},
		"PPPoE password of subscriber 42": func() error {
			_, err := wantOf(db.UnconfirmedProvisionsRow{
				State: "enabled", SubscriberID: &jane, PasswordSealed: sealed(t, keys, secret, db.SubscriberPasswordRow(43)),
			}, keys)
			return err
		},
		"password of subscriber 42": func() error {
			_, err := wantOf(db.UnconfirmedProvisionsRow{State: "disabled", SubscriberID: &jane, PasswordSealed: []byte(secret)}, keys)
			return err
		},
	} {
		err := open()
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWant_CarriesThePasswordOnlyOfWhatIsPresent(t *testing.T) {
	t.Parallel()
	keys, jane := newRing(t), int64(42)
	row := db.UnconfirmedProvisionsRow{
		ID: 7, Username: "jane", State: "enabled", Rate: "5M/10M", Pool: "homes", Address: "10.1.2.3", CredentialGen: 3, WantGen: 9,
		SubscriberID: &jane, PasswordSealed: sealed(t, keys, "hunter2", db.SubscriberPasswordRow(jane)),
	}
	want := router.Want{
		ProvisionID: 7, Gen: 9, Username: "jane", Password: "hunter2",
		Line: account.Line{State: account.LineEnabled, Rate: "5M/10M", Pool: "homes", Address: "10.1.2.3", CredentialGen: 3},
	}
	got, err := wantOf(row, keys)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("present (-want +got):\n%s%v", diff, err)
	}
	row.State, want.Line.State, want.Password = "absent", account.LineAbsent, ""
	got, err = wantOf(row, keys)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("absent (-want +got):\n%s%v", diff, err)
	}
	gone := db.UnconfirmedProvisionsRow{ID: 7, Username: "jane", State: "absent", WantGen: 10}
	if got, err = wantOf(gone, keys); err != nil || got.Password != "" {
		t.Errorf("of a deleted subscriber: %+v, %v", got, err)
	}
}

func TestRouterWhoseSecretDoesNotOpen_IsReportedAndNotCalled(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.exec("update routers set api_password_sealed = 'hunter2' where id = $1", o.router)
	o.provision(o.router, noon)
	err := o.converge(t.Context(), o.router)
	if err == nil || !strings.Contains(err.Error(), `router "Kilimani"`) || !countsAsFailure(err) {
		t.Errorf("got %v", err)
	}
	got := o.rows("select failures || ' ' || unreachable || ' ' || (next_try_at > $1) || ' ' || last_error from routers", noon)
	if want := fmt.Sprintf("1 false true open the API password of router %q", "Kilimani"); len(got) != 1 || !strings.HasPrefix(got[0], want) || strings.Contains(got[0], "hunter2") {
		t.Errorf("router %q, want %q…", got, want)
	}
	if left := o.rows("select owner from router_leases"); len(left) != 0 {
		t.Errorf("the lease stays with %v", left)
	}
	// The breaker is open now: a further task waits, and counts no failure.
	if err := o.converge(t.Context(), o.router); err != nil && countsAsFailure(err) {
		t.Errorf("before its next try: %v", err)
	}
}

func TestRouterThatAnotherWorkerDrives_IsLeftToIt(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.provision(o.router, noon)
	o.exec("insert into router_leases (router_id, owner, until) values ($1, 'another', $2)", o.router, noon.Add(leaseTime))
	if err := o.converge(t.Context(), o.router); err == nil || countsAsFailure(err) {
		t.Errorf("got %v", err)
	}
	if got := o.rows("select failures::text from routers"); got[0] != "0" {
		t.Errorf("%s failures", got[0])
	}
	o.clock.Advance(leaseTime + time.Millisecond)
	if err := o.converge(t.Context(), o.router); err == nil || !countsAsFailure(err) {
		t.Errorf("after the lease of a dead worker ran out: %v", err)
	}
}

func TestRouterWithNothingToDo_IsNotCalled(t *testing.T) {
	t.Parallel()
	o := setup(t)
	if err := o.converge(t.Context(), o.router); err != nil {
		t.Errorf("got %v", err)
	}
}
