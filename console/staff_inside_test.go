package console

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
)

// OccupyHashers lets no password be hashed until it is released.
func OccupyHashers() (release func()) {
	for range cap(hashers) {
		hashers <- struct{}{}
	}
	return func() {
		for range cap(hashers) {
			<-hashers
		}
	}
}

func TestHashOfNobody_CostsWhatAHashCosts(t *testing.T) {
	t.Parallel()
	made, _, _, err := argon2id.DecodeHash(nobodysHash)
	if err != nil || *made != *hashing || weaker(made) {
		t.Errorf("made with %+v, %v", made, err)
	}
}

// Not parallel: nobody else may hash meanwhile.
func TestWaitForAHash_EndsWithTheRequest(t *testing.T) {
	defer OccupyHashers()()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hashPassword(ctx, "a password"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The vectors of RFC 6238, appendix B, for SHA-1; their last six digits.
func TestCodes_AreThoseOfTheStandard(t *testing.T) {
	t.Parallel()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // 12345678901234567890
	for at, code := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		for _, off := range []int64{-2, -1, 0, 1, 2} { // time steps
			for _, now := range []int64{(at/30 + off) * 30, (at/30+off)*30 + 29} {
				if now < 0 {
					continue
				}
				step, ok := stepOf(secret, code, time.Unix(now, 0))
				if near := off >= -1 && off <= 1; ok != near || near && step != at/30 {
					t.Errorf("%s is looked at %d steps away, at %d: step %d, %v", code, off, now, step, ok)
				}
			}
		}
	}
}

func TestAttempts_AreCountedByNetworkAndInLittleMemory(t *testing.T) {
	t.Parallel()
	a := newAttempts()
	now := time.Unix(1_800_000_000, 0)
	for i := range attemptsAtOnce {
		if wait := a.wait("2001:db8:1:2::"+strconv.FormatInt(int64(i), 16), now); wait != 0 {
			t.Fatalf("attempt %d waits %s", i, wait)
		}
	}
	for source, waits := range map[string]bool{
		"2001:db8:1:2:ffff::1": true, "2001:db8:1:3::1": false, "10.0.0.1": false, "::ffff:10.0.0.1": false, "": false, "no address": false,
	} {
		if wait := a.wait(source, now); (wait > 0) != waits {
			t.Errorf("%s waits %s", source, wait)
		}
	}
	if n := len(a.of); n != 5 {
		t.Errorf("%d networks", n)
	}
	for i := range 2*rememberSources + 1 {
		a.wait("host-"+strconv.Itoa(i), now)
	}
	if n := len(a.of); n > rememberSources {
		t.Errorf("%d networks are remembered", n)
	}
	for i := 0; len(a.of) < rememberSources; i++ {
		a.wait("guest-"+strconv.Itoa(i), now)
	}
	a.wait("later", now.Add(time.Hour))
	if n := len(a.of); n != 1 {
		t.Errorf("%d networks are remembered that are at rest", n)
	}
}
