package console_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"pgregory.net/rapid"

	"qserve/console"
	"qserve/db"
)

func (o *office) forgetSessions() (int64, error) {
	return db.New(o.pool).DeleteExpiredSessions(o.t.Context(), o.clock.Now())
}

// weak is the hash of a password as another program made it, long ago.
func (o *office) weak(password string) string {
	o.t.Helper()
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		o.t.Fatal(err)
	}
	return hash
}

func TestSignIn_DoesNotTellWhichOfTheTwoIsWrong(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	var told []string
	for _, in := range []console.SignIn{
		{Login: "amina", Password: "not the password"},
		{Login: "amina"},
		{Login: "amina", Password: strings.Repeat("x", 1<<20)},
		{Login: "nobody", Password: "amina password"},
		{Login: "", Password: ""},
		{Login: "a\x00b\xff", Password: "\x00\xff"},
		{Login: "nobody", Password: "", Code: "123456"},
	} {
		_, err := o.SignIn(t.Context(), in)
		refused := refusal(err)
		if refused == nil || refused.NeedsCode || !refused.RetryAt.IsZero() {
			t.Fatalf("%.20q: %v", in.Login, err)
		}
		told = append(told, refused.Problem)
	}
	for _, words := range told {
		if words != "The login or the password is wrong." {
			t.Errorf("told %q", words)
		}
	}
	if n := o.number("select failures from staff where login = 'amina'"); n != 3 {
		t.Errorf("%d failures", n)
	}
}

// Not parallel: nobody else may hash meanwhile.
func TestSignInOfNobody_TakesItsTurnAtHashingToo(t *testing.T) {
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	release := console.OccupyHashers()
	defer release()
	for _, login := range []string{"amina", "nobody"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := o.SignIn(ctx, console.SignIn{Login: login, Password: "x"})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", login, err)
		}
	}
}

func TestPasswordWithAWeakHash_IsHashedAnewAtTheNextSignIn(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	old := o.weak("amina password")
	o.exec("update staff set password_hash = $1", old)
	if _, err := o.enter("amina", "wrong"); refusal(err) == nil {
		t.Fatal(err)
	}
	if n := o.number("select count(*) from staff where password_hash = $1", old); n != 1 {
		t.Error("a wrong password was hashed")
	}
	var wg sync.WaitGroup
	for range 4 { // who comes while it is hashed anew gets in too
		wg.Go(func() {
			if _, err := o.enter("amina", "amina password"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := o.number("select count(*) from staff where password_hash like '$argon2id$v=19$m=19456,t=2,p=1$%'"); n != 1 {
		t.Error("the hash is as weak as before")
	}
	m, err := o.enter("amina", "amina password")
	if err != nil {
		t.Error(err)
	}
	if _, err := o.Member(t.Context(), m.ID, m.Generation); err != nil {
		t.Error(err)
	}
}

func TestLock_CountsEachOfTheGuessesThatComeAtOnce(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	var wg sync.WaitGroup
	var mu sync.Mutex
	plain, lockedOut := 0, 0
	for i := range 20 {
		wg.Go(func() {
			_, err := o.enter("amina", "guess "+strconv.Itoa(i))
			mu.Lock()
			defer mu.Unlock()
			switch refused := refusal(err); {
			case refused == nil:
				t.Errorf("guess %d: %v", i, err)
			case refused.RetryAt.IsZero():
				plain++
			case refused.RetryAt.Equal(noon.Add(time.Minute)):
				lockedOut++
			}
		})
	}
	wg.Wait()
	if n := o.number("select failures from staff where login = 'amina'"); n != 5 || plain != 4 || lockedOut != 16 {
		t.Errorf("%d failures; told %d that it is wrong and %d of the lock", n, plain, lockedOut)
	}
	if n := o.number("select count(*) from audit where kind = 'sign-in-locked' and object = 'staff amina' and source = '10.0.0.7'"); n != 1 {
		t.Errorf("%d lines in the audit log", n)
	}
	if _, err := o.enter("amina", "amina password"); refusal(err) == nil || !refusal(err).RetryAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("the right password during the lock: %v", err)
	}
	if v, err := o.StaffMember(t.Context(), "amina"); err != nil || v.LockedUntil == nil || !v.LockedUntil.Equal(noon.Add(time.Minute)) {
		t.Errorf("shown %+v, %v", v, err)
	}
	if made, err := o.ChangeStaff(t.Context(), clerk, "amina", console.StaffChange{Unlock: true}); err != nil || made.LockedUntil != nil || made.Password != "" {
		t.Errorf("unlocked %+v, %v", made, err)
	}
	if _, err := o.enter("amina", "amina password"); err != nil {
		t.Errorf("after the lock was ended: %v", err)
	}
}

// meanwhile does something that has to wait for amina's row, changes the row while it waits, and returns what came of it.
func (o *office) meanwhile(change string, arg any, do func() error) error {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 20*time.Second)
	defer cancel()
	tx, err := o.pool.Begin(ctx)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // committed by then, unless the test failed
	if _, err := tx.Exec(ctx, "select from staff where login = 'amina' for update"); err != nil {
		o.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	for waiting := false; !waiting; {
		select {
		case err := <-done:
			o.t.Errorf("it did not wait, and came to %v", err)
			return err
		default:
		}
		const waits = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"
		if err := o.pool.QueryRow(ctx, waits).Scan(&waiting); err != nil {
			o.t.Fatal(err)
		}
	}
	if _, err := tx.Exec(ctx, change, arg); err != nil {
		o.t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		o.t.Fatal(err)
	}
	return <-done
}

func TestSignInAndAChangeAtOnce_GoByTheChange(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	old := func() error { return second(o.enter("amina", "amina password")) }
	if err := o.meanwhile("update staff set password_hash = $1", o.weak("another password"), old); refusal(err) == nil {
		t.Errorf("the password of before: %v", err)
	}
	if err := o.meanwhile("update staff set password_hash = $1", o.weak("amina password"), func() error {
		return second(o.enter("amina", "another password"))
	}); refusal(err) == nil {
		t.Errorf("the password of before, another time: %v", err)
	}
	if err := o.meanwhile("update staff set password_hash = $1", o.weak("amina password"), old); err != nil {
		t.Errorf("the same password with another hash: %v", err)
	}
	if err := o.meanwhile("update staff set removed_at = $1", noon, old); refusal(err) == nil {
		t.Errorf("somebody who was removed: %v", err)
	}
}

func TestLock_EndsWithAPasswordThatIsReset(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	o.exec("update staff set failures = 9, locked_until = $1", noon.Add(time.Hour))
	made, err := o.ChangeStaff(t.Context(), clerk, "amina", console.StaffChange{ResetPassword: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.enter("amina", made.Password); err != nil {
		t.Error(err)
	}
}

// Against a model: whatever is tried, and whenever, the account is locked for as long as it should be.
func TestLock_FollowsItsRule(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	old := o.weak("amina password") // quick to compare
	attempt := 0
	rapid.Check(t, func(rt *rapid.T) {
		o.exec("update staff set failures = 0, locked_until = null, password_hash = $1", old)
		failures, until := 0, time.Time{}
		if rapid.Bool().Draw(rt, "begins with failures") {
			failures = 4
			o.exec("update staff set failures = 4")
		}
		for range rapid.IntRange(1, 12).Draw(rt, "attempts") {
			o.clock.Advance(rapid.SampledFrom([]time.Duration{
				0, time.Second, time.Minute - time.Microsecond, time.Minute, 2 * time.Minute, 8 * time.Minute, 30 * time.Minute,
			}).Draw(rt, "after"))
			now := o.clock.Now()
			password := rapid.SampledFrom([]string{"wrong", "wrong", "wrong", "amina password"}).Draw(rt, "password")
			attempt++
			_, err := o.SignIn(o.t.Context(), console.SignIn{Login: "amina", Password: password, Source: "host-" + strconv.Itoa(attempt)})
			refused := refusal(err)
			switch {
			case now.Before(until):
			case password != "wrong":
				failures, until = 0, time.Time{}
				o.exec("update staff set password_hash = $1", old)
			default:
				if failures++; failures >= 5 {
					until = now.Add(min(time.Minute*time.Duration(1<<(failures-5)), 30*time.Minute))
				}
			}
			switch {
			case now.Before(until):
				if refused == nil || !refused.RetryAt.Equal(until) {
					rt.Fatalf("locked until %s, and told %v", until, err)
				}
			case password == "wrong":
				if refused == nil || !refused.RetryAt.IsZero() {
					rt.Fatalf("a wrong password: %v", err)
				}
			case err != nil:
				rt.Fatalf("the right password: %v", err)
			}
		}
		if n := o.number("select failures from staff where login = 'amina'"); n != int64(failures) {
			rt.Fatalf("%d failures are stored, want %d", n, failures)
		}
	})
}

func TestPasswordOfAnOpenSession_IsGuessedNoLongerThanAtTheSignIn(t *testing.T) {
	t.Parallel()
	o := setup(t)
	m := o.hire("amina", console.RoleSupport)
	secret, code := o.newFactor(m)
	if err := o.SetSecondFactor(t.Context(), clerk, m, secret, code); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		var err error
		want := "old"
		if i%2 == 0 {
			_, err = o.ChangeOwnPassword(t.Context(), clerk, m, "guess", "another password")
		} else {
			err, want = o.DropSecondFactor(t.Context(), clerk, m, "guess"), "password"
		}
		if field(err) != want {
			t.Errorf("guess %d: %v", i, err)
		}
		if locked := strings.Contains(err.Error(), "try again after 12:01:00"); locked != (i >= 4) {
			t.Errorf("guess %d: %v", i, err)
		}
	}
	if _, err := o.ChangeOwnPassword(t.Context(), clerk, m, "amina password", "another password"); field(err) != "old" {
		t.Errorf("the right password during the lock: %v", err)
	}
}

func TestAddressThatTriesTooOften_IsAskedToWait(t *testing.T) {
	t.Parallel()
	o := setup(t)
	o.hire("amina", console.RoleSupport)
	o.exec("update staff set failures = 9, locked_until = $1", noon.Add(time.Hour))
	try := func(source string) *console.SignInError {
		_, err := o.SignIn(t.Context(), console.SignIn{Login: "amina", Password: "x", Source: source})
		return refusal(err)
	}
	fromHere := 0
	for range 60 {
		if refused := try("10.0.0.9"); refused.Problem == "Too many attempts from this address." {
			if fromHere++; !refused.RetryAt.Equal(noon.Add(2 * time.Second)) {
				t.Errorf("to come back at %s", refused.RetryAt)
			}
		}
	}
	if fromHere != 10 {
		t.Errorf("%d of 60 were turned away for their address", fromHere)
	}
	if refused := try("10.0.0.10"); refused.Problem == "Too many attempts from this address." {
		t.Error("another address was turned away")
	}
	o.clock.Advance(2 * time.Second)
	if refused := try("10.0.0.9"); refused.Problem == "Too many attempts from this address." {
		t.Error("turned away after the wait")
	}
}
