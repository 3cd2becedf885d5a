package console_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"qserve/console"
)

// newFactor makes a secret and its code of now.
func (o *office) newFactor(m console.Member) (secret, code string) {
	o.t.Helper()
	factor, err := o.NewSecondFactor(m)
	if err != nil {
		o.t.Fatal(err)
	}
	return factor.Secret, o.code(factor.Secret, 0)
}

// code is what the app shows that far from now.
func (o *office) code(secret string, off time.Duration) string {
	o.t.Helper()
	code, err := totp.GenerateCode(secret, o.clock.Now().Add(off))
	if err != nil {
		o.t.Fatal(err)
	}
	return code
}

func (o *office) enterWith(code string) (console.Member, error) {
	o.t.Helper()
	return o.SignIn(o.t.Context(), console.SignIn{Login: "amina", Password: "amina password", Code: code, Source: "10.0.0.7"})
}

func TestSecondFactor_IsAskedForOnceItIsSet(t *testing.T) {
	t.Parallel()
	o := setup(t)
	m := o.hire("amina", console.RoleSupport)
	factor, err := o.NewSecondFactor(m)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(factor.URL)
	if err != nil || address.Scheme != "otpauth" || address.Host != "totp" || address.Path != "/Qserve:amina" || address.Query().Get("secret") != factor.Secret {
		t.Errorf("address %s, %v", factor.URL, err)
	}
	if n := o.number("select count(*) from staff where totp_sealed is not null"); n != 0 {
		t.Error("it is stored before it was seen to work")
	}
	code := o.code(factor.Secret, 0)
	for _, c := range []struct{ field, secret, code string }{
		{"code", factor.Secret, ""},
		{"code", factor.Secret, "12345"},
		{"code", factor.Secret, o.code(factor.Secret, time.Hour)},
		{"secret", "", code},
		{"secret", "JBSWY3DP", code},
		{"secret", factor.Secret + "1", code},
	} {
		if err := o.SetSecondFactor(t.Context(), clerk, m, c.secret, c.code); field(err) != c.field {
			t.Errorf("secret %q, code %q: %v", c.secret, c.code, err)
		}
	}
	spaced := strings.ToLower(factor.Secret[:4]) + " " + factor.Secret[4:]
	if err := o.SetSecondFactor(t.Context(), clerk, m, spaced, code[:3]+" "+code[3:]); err != nil {
		t.Fatal(err)
	}
	if err := o.SetSecondFactor(t.Context(), clerk, m, factor.Secret, code); !conflicts(err) {
		t.Errorf("set over another one: %v", err)
	}

	if _, err := o.enterWith(" "); refusal(err) == nil || !refusal(err).NeedsCode {
		t.Errorf("without a code: %v", err)
	}
	if n := o.number("select failures from staff"); n != 0 {
		t.Error("being asked for the code is a failure")
	}
	if _, err := o.enterWith(code); refusal(err) == nil || !refusal(err).NeedsCode {
		t.Errorf("with the code that set it: %v", err)
	}
	if _, err := o.SignIn(t.Context(), console.SignIn{Login: "amina", Password: "wrong", Code: o.code(factor.Secret, 30*time.Second)}); refusal(err) == nil || refusal(err).NeedsCode {
		t.Errorf("a right code with a wrong password: %v", err)
	}
	if n := o.number("select failures from staff"); n != 2 {
		t.Errorf("%d failures", n)
	}
	o.clock.Advance(30 * time.Second)
	in, err := o.enterWith(o.code(factor.Secret, 0))
	if err != nil || !in.SecondFactor {
		t.Errorf("with the next code: %+v, %v", in, err)
	}
	if n := o.number("select failures from staff"); n != 0 {
		t.Errorf("%d failures after a sign-in", n)
	}

	if err := o.DropSecondFactor(t.Context(), clerk, in, "wrong"); field(err) != "password" {
		t.Errorf("dropped with a wrong password: %v", err)
	}
	if err := o.DropSecondFactor(t.Context(), clerk, in, "amina password"); err != nil {
		t.Fatal(err)
	}
	if err := o.DropSecondFactor(t.Context(), clerk, in, "amina password"); !conflicts(err) {
		t.Errorf("dropped twice: %v", err)
	}
	if in, err := o.enterWith(""); err != nil || in.SecondFactor {
		t.Errorf("after it was dropped: %+v, %v", in, err)
	}
}

func TestSecondFactor_IsDroppedByAnOwnerForSomebodyWhoLostIt(t *testing.T) {
	t.Parallel()
	o := setup(t)
	m := o.hire("amina", console.RoleSupport)
	secret, code := o.newFactor(m)
	if err := o.SetSecondFactor(t.Context(), clerk, m, secret, code); err != nil {
		t.Fatal(err)
	}
	if v, err := o.StaffMember(t.Context(), "amina"); err != nil || !v.SecondFactor {
		t.Errorf("shown %+v, %v", v, err)
	}
	if made, err := o.ChangeStaff(t.Context(), clerk, "amina", console.StaffChange{DropSecondFactor: true}); err != nil || made.SecondFactor {
		t.Errorf("changed %+v, %v", made, err)
	}
	if _, err := o.enterWith(""); err != nil {
		t.Error(err)
	}
}

func TestCode_CountsOnceAlsoForTwoAtOnce(t *testing.T) {
	t.Parallel()
	o := setup(t)
	m := o.hire("amina", console.RoleSupport)
	secret, code := o.newFactor(m)
	if err := o.SetSecondFactor(t.Context(), clerk, m, secret, code); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		o.clock.Advance(time.Minute)
		code := o.code(secret, 0)
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for range 3 {
			wg.Go(func() {
				if _, err := o.enterWith(code); err == nil {
					mu.Lock()
					in++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if in != 1 {
			t.Fatalf("%d signed in with one code", in)
		}
		o.exec("update staff set failures = 0")
	}
	o.clock.Advance(time.Minute)
	if _, err := o.enterWith(o.code(secret, 30*time.Second)); err != nil {
		t.Errorf("a telephone that is half a minute ahead: %v", err)
	}
	if _, err := o.enterWith(o.code(secret, 0)); refusal(err) == nil {
		t.Error("a code from before the last one counted")
	}
}

func TestSecretOfASecondFactor_IsSealedToItsPerson(t *testing.T) {
	t.Parallel()
	o := setup(t)
	m := o.hire("amina", console.RoleSupport)
	mallory := o.hire("mallory", console.RoleSupport)
	secret, code := o.newFactor(mallory)
	if err := o.SetSecondFactor(t.Context(), clerk, mallory, secret, code); err != nil {
		t.Fatal(err)
	}
	if n := o.number("select count(*) from staff where position(convert_to($1, 'UTF8') in totp_sealed) > 0", secret); n != 0 {
		t.Error("the secret is stored in clear")
	}
	o.exec("update staff set totp_sealed = (select totp_sealed from staff where id = $1) where id = $2", mallory.ID, m.ID)
	o.clock.Advance(time.Minute)
	if _, err := o.enterWith(o.code(secret, 0)); err == nil || refusal(err) != nil {
		t.Errorf("a secret that was copied from another row: %v", err)
	}
}
