package console_test

import (
	"cmp"
	"strconv"
	"sync"
	"testing"
	"time"

	"qserve/console"
)

// answered is everything that somebody is told who tries to sign in.
func (o *office) answered(login string, source int) console.SignInError {
	o.t.Helper()
	_, err := o.SignIn(o.t.Context(), console.SignIn{Login: login, Password: "a guess", Source: "host-" + strconv.Itoa(source)})
	refused := refusal(err)
	if refused == nil {
		o.t.Fatalf("%s: %v", login, err)
	}
	return *refused
}

func TestLockOfALogin_DoesNotTellWhetherItIsSomebodys(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	o.hire("leaver", console.RoleSupport)
	if err := o.RemoveStaff(t.Context(), clerk, "leaver"); err != nil {
		t.Fatal(err)
	}
	locks := 0
	for i, pause := range []time.Duration{
		0, 0, 0, 0, 0, time.Second, time.Minute - time.Second - 1, 1, time.Minute, time.Minute, 4 * time.Minute, time.Hour, time.Hour, 29 * time.Minute, time.Minute, 0,
	} {
		o.clock.Advance(pause)
		want := o.answered("amina", i)
		if !want.RetryAt.IsZero() {
			locks++
		}
		for _, login := range []string{"nobody", "leaver", " Nobody2"} {
			if got := o.answered(login, i); got != want {
				t.Errorf("attempt %d of %q is answered %+v, and of somebody's login %+v", i+1, login, got, want)
			}
		}
	}
	if locks < 8 {
		t.Errorf("only %d attempts met a lock", locks)
	}
	if got := o.answered("another", 0); !got.RetryAt.IsZero() {
		t.Errorf("a login that nobody tried is locked: %+v", got)
	}
	if n := o.number("select count(*) from audit where kind = 'sign-in-locked' and object <> 'staff amina'"); n != 0 {
		t.Errorf("%d lines of the audit log are about nobody", n)
	}
}

func TestLockOfNobodysLogin_CountsEachOfTheGuessesThatComeAtOnce(t *testing.T) {
	t.Parallel()
	o := setup(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	told := map[time.Time]int{}
	for i := range 20 {
		wg.Go(func() {
			got := o.answered("nobody", i)
			mu.Lock()
			defer mu.Unlock()
			told[got.RetryAt]++
		})
	}
	wg.Wait()
	if told[time.Time{}] != 4 || told[noon.Add(time.Minute)] != 16 {
		t.Errorf("told %v", told)
	}
}

// Somebody may have typed a password in the place of the login, and of a login that cannot be anybody's there is nothing
// to keep.
func TestLoginThatIsNobodys_IsNotKept(t *testing.T) {
	t.Parallel()
	o := setup(t)
	for i, login := range []string{"secret-password", "", "a\x00b", "\xff"} {
		o.answered(login, i)
	}
	if n := o.number("select count(*) from nobodys_sign_ins"); n != 1 {
		t.Errorf("%d logins are counted", n)
	}
	if n := o.number("select count(*) from nobodys_sign_ins n where n::text like '%secret%'"); n != 0 {
		t.Error("what was typed is stored")
	}
	first := cmp.Or(o.number("select nobodys_bucket('secret-password')"), -1)
	o.exec("update money_salt set salt = sha256(salt)")
	if again := o.number("select nobodys_bucket('secret-password')"); again == first {
		t.Error("anybody can compute in which bucket a login is")
	}
}
