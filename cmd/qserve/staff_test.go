package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"qserve/console"
	"qserve/db"
)

func TestStaff_AreKept(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.says([]string{"Added amina as owner.", "shown this once", ": "}, "staff", "add", "--role", "owner", "Amina")
	var added console.MadeStaff
	c.data(&added, "staff", "add", "otieno", "--role", "support", "--name", "Otieno Okello")
	if added.Login != "otieno" || added.Name != "Otieno Okello" || added.Role != "support" || len(added.Password) != 12 || !added.MustChange {
		t.Errorf("added %+v", added)
	}
	if out := c.ok("staff", "add", "kamau", "--role", "ops", "--password-file", c.file("chosen by the boss\n")); strings.Contains(out, "boss") || out != "Added kamau as ops.\n" {
		t.Errorf("a password that was given is printed: %s", out)
	}
	c.fails([]string{`login: there is somebody with the login "amina" already`}, "staff", "add", "AMINA", "--role", "viewer")
	c.fails([]string{`role: there is no role "cook"; the roles are owner, manager, support, viewer, ops`}, "staff", "add", "x", "--role", "cook")
	c.fails([]string{"password: must have 8 to 200 characters"}, "staff", "add", "x", "--role", "viewer", "--password-file", c.file("short"))
	c.says([]string{"LOGIN", "amina", "owner", "Otieno Okello", "support", "no"}, "staff", "list")

	c.says([]string{"otieno: Otieno Okello, manager, without a second factor.\n"}, "staff", "change", "otieno", "--role", "manager")
	var changed console.MadeStaff
	if c.data(&changed, "staff", "change", "otieno", "--reset-password", "--unlock", "--drop-second-factor", "--sign-out"); changed.Password == "" || changed.Password == added.Password {
		t.Errorf("reset to %q", changed.Password)
	}
	c.says([]string{"shown this once"}, "staff", "change", "otieno", "--reset-password")
	c.fails([]string{"amina is the only owner; make somebody else an owner first"}, "staff", "change", "amina", "--role", "viewer")
	c.fails([]string{"amina is the only owner"}, "staff", "remove", "amina")
	c.says([]string{"otieno may not sign in any more."}, "staff", "remove", "Otieno")
	c.fails([]string{`there is no staff "otieno"`}, "staff", "remove", "otieno")
	var listed struct{ Items []console.StaffView }
	if c.data(&listed, "staff", "list"); len(listed.Items) != 2 || listed.Items[0].Login != "amina" {
		t.Errorf("listed %+v", listed)
	}
	c.says([]string{"staff-add", "staff-change", "otieno: role manager", "staff-remove", "(command line)"}, "audit")
	if out := c.ok("audit", "--json"); strings.Contains(out, added.Password) || strings.Contains(out, changed.Password) {
		t.Errorf("the audit log shows a password: %s", out)
	}
}

func TestReseal_ReachesSecondFactorsAndStoredAnswers(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.ok("staff", "add", "amina", "--role", "owner")
	c.ok("token", "make", "desk", "--scope", "read")
	answers := map[string]string{"": "", "a": "an answer", "b": "another answer"} // the first is not answered yet
	c.sealed(func(ctx context.Context, s staff) error {
		sealed, err := s.Keys.Seal([]byte("JBSWY3DPEHPK3PXP"), db.SecondFactorRow(1))
		if err != nil {
			return err
		}
		if _, err := s.Pool.Exec(ctx, "update staff set totp_sealed = $1", sealed); err != nil {
			return err
		}
		for key, text := range answers {
			if key == "" {
				_, err = s.Pool.Exec(ctx, "insert into api_answers (token_id, key, digest, created_at) values (1, 'open', sha256(''), now())")
			} else if sealed, err = s.Keys.Seal([]byte(text), db.AnswerRow(1, key)); err == nil {
				_, err = s.Pool.Exec(ctx, "insert into api_answers (token_id, key, digest, status, sealed, created_at) values (1, $1, sha256(''), 200, $2, now())", key, sealed)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	c.rotate()
	var done struct{ Resealed int }
	if c.data(&done, "keys", "reseal"); done.Resealed != 3 {
		t.Errorf("resealed %d values, want a second factor and two answers", done.Resealed)
	}
	c.forgetOldKeys()
	c.sealed(func(ctx context.Context, s staff) error {
		var factor []byte
		if err := s.Pool.QueryRow(ctx, "select totp_sealed from staff").Scan(&factor); err != nil {
			return err
		}
		if plain, err := s.Keys.Open(factor, db.SecondFactorRow(1)); err != nil || string(plain) != "JBSWY3DPEHPK3PXP" {
			t.Errorf("the second factor opens as %q, %v", plain, err)
		}
		for _, key := range []string{"a", "b"} {
			row, err := db.New(s.Pool).AnswerByKey(ctx, db.AnswerByKeyParams{TokenID: 1, Key: key})
			if err != nil {
				return err
			}
			if plain, err := s.Keys.Open(row.Sealed, db.AnswerRow(1, key)); err != nil || string(plain) != answers[key] {
				t.Errorf("answer %s opens as %q, %v", key, plain, err)
			}
		}
		return nil
	})
}

// sealed does something with the installation's keys.
func (c *terminal) sealed(do func(ctx context.Context, s staff) error) {
	c.t.Helper()
	err := withStaff(c.t.Context(), &shell{environ: c.environ, stdout: c.t.Output(), stderr: c.t.Output()}, func(s staff) error {
		return do(c.t.Context(), s)
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// rotate gives the installation a new primary key beside its keys.
func (c *terminal) rotate() {
	c.t.Helper()
	c.setKeys(c.ok("keys", "rotate", c.file(string(c.keys))))
}

// forgetOldKeys takes all keys but the primary off the ring.
func (c *terminal) forgetOldKeys() {
	c.t.Helper()
	var ring map[string]any
	if err := json.Unmarshal(c.keys, &ring); err != nil {
		c.t.Fatal(err)
	}
	keys, _ := ring["key"].([]any)
	for _, key := range keys {
		if fields, ok := key.(map[string]any); ok && fields["keyId"] == ring["primaryKeyId"] {
			ring["key"] = []any{key}
		}
	}
	text, err := json.Marshal(ring)
	if err != nil {
		c.t.Fatal(err)
	}
	c.setKeys(string(text))
}

func (c *terminal) setKeys(ring string) {
	c.keys = []byte(strings.TrimSpace(ring))
	for i, setting := range c.environ {
		if strings.HasPrefix(setting, "QSERVE_KEYS=") {
			c.environ[i] = "QSERVE_KEYS=" + string(c.keys)
		}
	}
}
