package console

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// hashing are the parameters that OWASP's Password Storage Cheat Sheet names first for Argon2id: 19 MiB of memory, two
// iterations and one thread.
var hashing = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// nobodysHash has the form of a hash and is the hash of no password. A login that is nobody's is compared with it, so
// that the time of the answer does not tell.
var nobodysHash = fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", hashing.Memory, hashing.Iterations, hashing.Parallelism,
	strings.Repeat("A", 22), strings.Repeat("A", 43))

// hashers bounds the hashes that are computed at once in this process: each takes a processor and its memory, and
// anybody on the network can ask for one.
var hashers = make(chan struct{}, 2)

const (
	minPassword = 8   // characters, as NIST SP 800-63B asks for at least
	maxPassword = 200 // characters; longer ones only cost time
)

// hashed runs one computation of a hash when it is its turn.
func hashed[T any](ctx context.Context, compute func() (T, error)) (T, error) {
	select {
	case hashers <- struct{}{}:
		defer func() { <-hashers }()
		return compute()
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("wait for the turn of a password: %w", ctx.Err())
	}
}

func hashPassword(ctx context.Context, password string) (string, error) {
	return hashed(ctx, func() (string, error) { return argon2id.CreateHash(password, hashing) })
}

// comparePassword reports whether a password is that of a hash. One that is gets a fresh hash when the old one was made
// with weaker parameters than are used now.
func comparePassword(ctx context.Context, password, hash string) (right bool, fresh string, err error) {
	if len(password) > maxPassword*utf8.UTFMax {
		password = "" // nobody's; what is too long is not hashed
	}
	var made *argon2id.Params
	right, err = hashed(ctx, func() (right bool, err error) {
		right, made, err = argon2id.CheckHash(password, hash)
		return right, err
	})
	if err != nil || !right || !weaker(made) {
		return right, "", err
	}
	fresh, err = hashPassword(ctx, password)
	return right, fresh, err
}

func weaker(made *argon2id.Params) bool {
	return made.Memory < hashing.Memory || made.Iterations < hashing.Iterations || made.SaltLength < hashing.SaltLength || made.KeyLength < hashing.KeyLength
}

// checkNewPassword checks a password that somebody chose.
func checkNewPassword(field, password, login string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < minPassword || n > maxPassword:
		return bad(field, "must have %d to %d characters", minPassword, maxPassword)
	case !utf8.ValidString(password):
		return bad(field, "must be text")
	case strings.EqualFold(strings.TrimSpace(password), login):
		return bad(field, "must not be the login")
	}
	return nil
}

// makePassword makes a password that is told once and then changed.
func makePassword() string { return rand.Text()[:12] }
