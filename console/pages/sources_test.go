package pages_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qserve/console"
	"qserve/db"
	"qserve/internal/seal"
	"qserve/webhooks"
)

// registry is package webhooks, as the program hands it to package console.
type registry struct{ keys *seal.Ring }

func (r registry) Register(
	ctx context.Context, tx pgx.Tx, n console.NewSource, currency string, now time.Time,
) (console.RegisteredSource, error) {
	done, err := webhooks.Register(ctx, tx, r.keys, webhooks.NewSource{
		Name: n.Name, Kind: n.Kind, Merchant: n.Merchant, Currency: currency, Secret: n.Secret,
	}, now)
	if errors.Is(err, webhooks.ErrNameTaken) {
		return console.RegisteredSource{}, &console.ConflictError{Field: "name", Problem: err.Error()}
	}
	return console.RegisteredSource{Source: done.Source, Secret: done.Secret}, err
}

func (r registry) RotateSecret(
	ctx context.Context, tx pgx.Tx, source db.PaymentSource, overlap time.Duration, now time.Time,
) (string, error) {
	secret, err := webhooks.RotateSecret(ctx, tx, r.keys, source, overlap, now)
	if errors.Is(err, webhooks.ErrNoSecret) {
		return "", &console.ConflictError{Problem: err.Error()}
	}
	return secret, err
}

func (r registry) Addresses(source db.PaymentSource) ([]console.AddressView, error) {
	token, err := r.keys.Open(source.TokenSealed, webhooks.TokenRow(source.ID))
	if err != nil {
		return nil, err
	}
	urls, err := webhooks.SourceURLs("https://pay.example", source.Kind, string(token))
	views := make([]console.AddressView, len(urls))
	for i, u := range urls {
		views[i] = console.AddressView(u)
	}
	return views, err
}

// paid is an office that payment providers can be connected to.
func paid(t *testing.T) *office {
	t.Helper()
	o := open(t)
	o.Registry = registry{o.Keys}
	return o
}

var secretForm = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]{20,}`)

func TestNewSource_GivesAddressesAndShowsItsSecretOnce(t *testing.T) {
	t.Parallel()
	o := paid(t)
	b := o.as(console.RoleOwner)
	b.get("/sources").is(t, http.StatusOK).tells(t, "Nothing can send payments yet.", "Add a payment source")
	form := b.get("/sources/new").is(t, http.StatusOK)
	for _, kind := range webhooks.Kinds() {
		form.has(t, `name="kind" value="`+kind+`"`)
	}
	b.post("/sources/new", "kind", "mpesa", "name", "M-Pesa 600100").is(t, http.StatusUnprocessableEntity).
		tells(t, "give the short code (paybill or till number)")

	made := b.post("/sources/new", "kind", "mpesa", "name", "M-Pesa 600100", "merchant", "600100", "secret", "left behind").is(t, http.StatusSeeOther)
	page := b.get(made.location()).is(t, http.StatusOK)
	page.tells(t, "Give its addresses to the provider", "validation https://pay.example/in/", "confirmation https://pay.example/in/", "600100",
		"The provider signs nothing", "Last webhook never", "No webhook has come from it yet")
	page.lacks(t, "/rotate")

	made = b.postPart("/sources/new", "kind", "standard", "name", "Cash <b>desk</b>").is(t, http.StatusOK)
	made.tells(t, "It is not shown again.", "https://pay.example/in/")
	made.lacks(t, "<html", "<b>desk")
	secret := secretForm.FindString(made.text())
	if secret == "" {
		t.Fatalf("no secret is shown: %s", made.text())
	}
	b.get("/sources/Cash%20%3Cb%3Edesk%3C%2Fb%3E").is(t, http.StatusOK).lacks(t, secret, "<b>desk")
	b.get("/sources").lacks(t, secret)
	b.post("/sources/new", "kind", "standard", "name", "M-Pesa 600100").is(t, http.StatusUnprocessableEntity).tells(t, "there is a payment source of that name already")
}

func TestSources_SayWhenTheLastWebhookCame(t *testing.T) {
	t.Parallel()
	o := paid(t)
	_, err := o.AddSource(t.Context(), boss, console.NewSource{Name: "Desk", Kind: "standard"})
	o.must(err)
	b := o.as(console.RoleOwner)
	warn := regexp.MustCompile(`(?s)<span class="state warn">.*?never</span>`)
	if list := b.get("/sources"); !warn.MatchString(list.body) {
		t.Errorf("never is no warning: %s", list.body)
	}
	o.delivered("Desk", "failed", "amount is missing", "{}")
	o.clock.Advance(time.Hour)
	list := b.get("/sources")
	list.tells(t, "1 hour ago")
	list.lacks(t, "state warn")
	page := b.get("/sources/Desk").is(t, http.StatusOK)
	page.tells(t, "Failed amount is missing", "All of them")
	page.lacks(t, "state warn")
	o.clock.Advance(47 * time.Hour)
	b = o.as(console.RoleOwner)
	b.get("/sources").tells(t, "2 days ago")
	b.get("/sources").has(t, "state warn")
	b.get("/sources/Desk").has(t, "state warn")
}

func TestRotate_TellsTheNewSecretOnceAndKeepsTheOldOneForAWhile(t *testing.T) {
	t.Parallel()
	o := paid(t)
	first, err := o.AddSource(t.Context(), boss, console.NewSource{Name: "Desk", Kind: "standard"})
	o.must(err)
	b := o.as(console.RoleOwner)
	b.get("/sources/Desk/rotate").is(t, http.StatusOK).tells(t, "Make a new secret for Desk ?", "After a day")
	rotated := b.post("/sources/Desk/rotate", "overlap", "24").is(t, http.StatusOK)
	secret := secretForm.FindString(rotated.text())
	if secret == "" || secret == first.Secret {
		t.Errorf("no new secret is told: %s", rotated.text())
	}
	if got := o.ask(`select (not_after = $1)::text from source_secrets order by id limit 1`, noon.Add(24*time.Hour)); got != "true" {
		t.Error("the old secret does not end after a day")
	}
	b.get("/sources/Desk").lacks(t, secret)
	b.post("/sources/Desk/rotate", "overlap", "9999").is(t, http.StatusUnprocessableEntity).tells(t, "must be 0 to 30 days")
	_, err = o.AddSource(t.Context(), boss, console.NewSource{Name: "Paybill", Kind: "mpesa", Merchant: "600100"})
	o.must(err)
	b.post("/sources/Paybill/rotate", "overlap", "24").is(t, http.StatusUnprocessableEntity).tells(t, "its provider signs nothing")
}

func TestSource_IsRenamedAndArchived(t *testing.T) {
	t.Parallel()
	o := paid(t)
	for _, name := range []string{"Desk", "Shop"} {
		_, err := o.AddSource(t.Context(), boss, console.NewSource{Name: name, Kind: "standard"})
		o.must(err)
	}
	b := o.as(console.RoleOwner)
	b.post("/sources/Desk/rename", "name", "Shop").is(t, http.StatusUnprocessableEntity).has(t, `value="Shop"`, `id="p-name"`)
	if a := b.post("/sources/Desk/rename", "name", "Desk 2").is(t, http.StatusSeeOther); a.location() != "/sources/Desk%202" {
		t.Errorf("led to %s", a.location())
	}
	b.get("/sources/Desk%202").tells(t, "Desk is called Desk 2 now.")
	b.get("/sources/Desk%202/archive").tells(t, "Its addresses take nothing any more")
	b.post("/sources/Desk%202/archive").is(t, http.StatusSeeOther)
	page := b.get("/sources/Desk%202")
	page.tells(t, "Archived")
	page.lacks(t, "/rotate", "/rename")
	b.get("/sources").lacks(t, "Desk 2</bdi></a>")
	b.get("/sources?show=archived").tells(t, "Desk 2")
	b.post("/sources/Desk%202/archive").is(t, http.StatusUnprocessableEntity).tells(t, "is archived")
	b.get("/sources/Nobody").is(t, http.StatusNotFound)
}

func TestSources_AreForOwners(t *testing.T) {
	t.Parallel()
	o := paid(t)
	_, err := o.AddSource(t.Context(), boss, console.NewSource{Name: "Desk", Kind: "standard"})
	o.must(err)
	for _, role := range []console.Role{console.RoleManager, console.RoleOps} {
		b := o.as(role)
		for _, path := range []string{"/sources", "/sources/new", "/sources/Desk", "/sources/Desk/rotate"} {
			b.get(path).is(t, http.StatusForbidden)
		}
		b.post("/sources/new", "kind", "standard", "name", "Mine").is(t, http.StatusForbidden)
		b.post("/sources/Desk/rotate", "overlap", "0").is(t, http.StatusForbidden)
	}
}
