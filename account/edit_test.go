package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/account"
)

func TestEdit_SaysWhatWasAndWhatIsWithoutThePassword(t *testing.T) {
	t.Parallel()
	a := paid(noon.Add(time.Hour))
	a.Contact = account.Contact{Name: "Jane", Phone: "+254712345678"}
	got := apply(t, a, account.Edit{
		Name: new("Jane Doe"), Phone: new(""), Email: new("jane@fibre.example"), Address: new("Mast 3"),
		Username: new("jane"), FixedAddress: new("10.1.2.3"), NewPassword: true, Revision: a.Revision,
	}, noon, time.UTC)
	want := account.Change{
		Account: a,
		Left:    []account.Place{{RouterID: 7, Username: "acc-0042"}},
		Activity: []account.Activity{{
			Kind:    "edit",
			Summary: "Edited name, phone, e-mail, address, PPPoE user name, fixed IP address, PPPoE password",
			Before:  map[string]string{"name": "Jane", "phone": "+254712345678", "email": "", "address": "", "username": "acc-0042", "fixed_ip": ""},
			After:   map[string]string{"name": "Jane Doe", "phone": "", "email": "jane@fibre.example", "address": "Mast 3", "username": "jane", "fixed_ip": "10.1.2.3"},
		}},
	}
	want.Account.Contact = account.Contact{Name: "Jane Doe", Email: "jane@fibre.example", Address: "Mast 3"}
	want.Account.Username, want.Account.Address, want.Account.CredentialGen, want.Account.Revision = "jane", "10.1.2.3", 2, 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
}

func TestEdit_LeavesTheOldPlaceOnlyWhenItIsAnother(t *testing.T) {
	t.Parallel()
	old := []account.Place{{RouterID: 7, Username: "acc-0042"}}
	for _, c := range []struct {
		name string
		cmd  account.Edit
		left []account.Place
	}{
		{"another user name", account.Edit{Username: new("jane")}, old},
		{"another router", account.Edit{RouterID: new(int64(8))}, old},
		{"both", account.Edit{Username: new("jane"), RouterID: new(int64(8))}, old},
		{"another password", account.Edit{NewPassword: true}, nil},
		{"another name", account.Edit{Name: new("Jane")}, nil},
	} {
		got := apply(t, setup(), c.cmd, noon, time.UTC)
		if diff := cmp.Diff(c.left, got.Left); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if got.Account.Revision != 1 || len(got.Activity) != 1 {
			t.Errorf("%s: revision %d, %v", c.name, got.Account.Revision, summaries(got))
		}
	}
}

func TestEdit_OfNothingChangesNothing(t *testing.T) {
	t.Parallel()
	same := account.Edit{Username: new("acc-0042"), RouterID: new(int64(7)), Phone: new("")}
	for _, cmd := range []account.Edit{{}, same} {
		if diff := cmp.Diff(account.Change{Account: setup()}, apply(t, setup(), cmd, noon, time.UTC)); diff != "" {
			t.Errorf("change (-want +got):\n%s", diff)
		}
	}
}

func TestEdit_OfWhatSomebodyElseEditedIsRefused(t *testing.T) {
	t.Parallel()
	a := setup()
	a.Revision = 3
	if reason := refused(t, a, account.Edit{Phone: new("+254712345678"), Revision: 2}, noon); !strings.Contains(reason, "edited by somebody else") {
		t.Errorf("refused with %q", reason)
	}
	for _, revision := range []int64{0, 3} {
		if got := apply(t, a, account.Edit{NewPassword: true, Revision: revision}, noon, time.UTC).Account; got.Revision != 4 {
			t.Errorf("revision %d became %d", revision, got.Revision)
		}
	}
	if reason := refused(t, a, account.Edit{Name: new("")}, noon); reason != "a subscriber needs a name" {
		t.Errorf("refused with %q", reason)
	}
}

func TestNote_IsKeptAsWritten(t *testing.T) {
	t.Parallel()
	text := "called: 100% happy\nwants %s"
	want := account.Change{Account: setup(), Activity: []account.Activity{{Kind: "note", Summary: text}}}
	if diff := cmp.Diff(want, apply(t, setup(), account.Note{Text: text}, noon, time.UTC)); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	for _, empty := range []string{"", " \n\t"} {
		if reason := refused(t, setup(), account.Note{Text: empty}, noon); reason != "a note needs a text" {
			t.Errorf("%q: refused with %q", empty, reason)
		}
	}
}

func TestDelete_NeedsTheNumberAndLeavesTheRouter(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"", "yes", "ACC-0043", "42", "acc-0042 acc-0042"} {
		if reason := refused(t, setup(), account.Delete{Confirm: typed}, noon); !strings.Contains(reason, "is not the number of the account") {
			t.Errorf("%q: refused with %q", typed, reason)
		}
	}
	for _, typed := range []string{"ACC-0042", " acc 0042 "} {
		got := apply(t, setup(), account.Delete{Confirm: typed}, noon, time.UTC)
		if diff := cmp.Diff([]account.Place{{RouterID: 7, Username: "acc-0042"}}, got.Left); diff != "" || !got.Deleted {
			t.Errorf("%q: deleted %v, left (-want +got):\n%s", typed, got.Deleted, diff)
		}
	}
}
