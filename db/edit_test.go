package db_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/account"
	"qserve/db"
)

// lines is what routers should hold: "router/name state of account", and whether they have confirmed it.
func (b *books) lines() []string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `select r.name || '/' || p.username || ' ' || p.state || coalesce(' of ' || s.account, '')
			|| case when p.done_gen = p.want_gen then ', confirmed' else '' end
		from provisions p join routers r on r.id = p.router_id left join subscribers s on s.id = p.subscriber_id order by 1`)
	if err != nil {
		b.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// rename is an edit of the user name alone.
func rename(to string) account.Edit { return account.Edit{Username: &to} }

// batch applies commands of several accounts and stores all of them together.
func (b *books) batch(kind string, ids []int64, commands ...account.Command) []db.Saved {
	b.t.Helper()
	var saved []db.Saved
	err := db.InTx(b.t.Context(), b.pool, func(tx pgx.Tx, q *db.Queries) error {
		accounts, err := db.LockAccountsFacts(b.t.Context(), q, ids)
		if err != nil {
			return err
		}
		var deeds []db.Deed
		for i, command := range commands {
			change, err := account.Apply(accounts[ids[i]], command, noon, time.UTC)
			if err != nil {
				return err
			}
			accounts[ids[i]] = change.Account
			deeds = append(deeds, db.Deed{Change: change, Kind: kind, Actor: "amina", AcceptedAt: noon})
		}
		saved, err = db.SaveChanges(b.t.Context(), tx, deeds, noon, nil)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return saved
}

func (b *books) wantLines(when string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.lines()); diff != "" {
		b.t.Errorf("%s: lines (-want +got):\n%s", when, diff)
	}
}

func TestNewUserName_IsConfirmedOnceTheOldOneHasLeftTheRouter(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("first", 150_000, noon)
	b.looked()
	b.session("s1", "jane", false)
	name := "jane.2"
	edit := b.give(b.jane, "edit", db.EditArguments{Username: &name})
	b.wantLines("after the edit", "Kilimani/jane absent", "Kilimani/jane.2 enabled of ACC-0042")
	b.confirm(b.provision("jane.2").ID, 1)
	if got := b.state(edit.ActionID); got != "applied" {
		t.Errorf("with the old name on the router the edit is %s", got)
	}
	if got := b.looked(); !cmp.Equal(got, []string{"edit"}) || b.state(edit.ActionID) != "confirmed" {
		t.Errorf("confirmed %v", got)
	}
	b.wantLines("in the end", "Kilimani/jane.2 enabled of ACC-0042, confirmed")
	if n := b.id("select count(*) from sessions"); n != 0 {
		t.Errorf("%d sessions of a name that nobody has", n)
	}
	if got := b.facts(b.jane); got.Username != "jane.2" || got.Revision != 2 {
		t.Errorf("the account is %+v", got)
	}
}

func TestUserNamesChangedTogether_LeaveTheRouterUnlessSomebodyHasThemNow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		who  []string
		to   []string
		want []string
	}{
		"twice": {[]string{"jane", "jane"}, []string{"a", "b"},
			[]string{"Kilimani/a absent", "Kilimani/b enabled of ACC-0042", "Kilimani/jane absent", "Kilimani/john disabled of ACC-0043, confirmed"}},
		"there and back": {[]string{"jane", "jane"}, []string{"a", "jane"},
			[]string{"Kilimani/a absent", "Kilimani/jane enabled of ACC-0042, confirmed", "Kilimani/john disabled of ACC-0043, confirmed"}},
		"two accounts": {[]string{"jane", "john"}, []string{"a", "b"},
			[]string{"Kilimani/a enabled of ACC-0042", "Kilimani/b disabled of ACC-0043", "Kilimani/jane absent", "Kilimani/john absent"}},
		"the name that the other has just left": {[]string{"jane", "john"}, []string{"a", "jane"},
			[]string{"Kilimani/a enabled of ACC-0042", "Kilimani/jane disabled of ACC-0043", "Kilimani/john absent"}},
		"names exchanged": {[]string{"jane", "john", "jane"}, []string{"a", "jane", "john"},
			[]string{"Kilimani/a absent", "Kilimani/jane disabled of ACC-0043", "Kilimani/john enabled of ACC-0042"}},
	} {
		b := openBooks(t)
		ids := map[string]int64{"jane": b.jane, "john": b.subscriber("ACC-0043", "john", "")}
		b.pay("first", 150_000, noon)
		b.must(ids["john"], account.Open{}, db.Deed{Kind: "create", Actor: "x", AcceptedAt: noon}, noon)
		b.looked()
		var who []int64
		var commands []account.Command
		for i, w := range c.who {
			who, commands = append(who, ids[w]), append(commands, rename(c.to[i]))
		}
		saved := b.batch("edit", who, commands...)
		b.wantLines(name, c.want...)
		if got := b.looked(); len(got) != len(c.who) {
			t.Errorf("%s: %d actions were confirmed, want %d", name, len(got), len(c.who))
		}
		for i, s := range saved {
			if got := b.state(s.ActionID); got != "confirmed" {
				t.Errorf("%s: edit %d is %s", name, i, got)
			}
		}
	}
}

func TestNameThatComesBackBeforeItHasLeft_IsNotDroppedWhenItsAbsenceIsConfirmed(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("first", 150_000, noon)
	b.looked()
	b.batch("edit", []int64{b.jane}, rename("a"))
	left := b.provision("jane")
	back := b.batch("edit", []int64{b.jane}, rename("jane"))[0].ActionID
	// The router confirms what was wanted before.
	_, err := db.ConfirmTogether(t.Context(), b.pool, b.router, []int64{left.ID}, noon, func(q *db.Queries) error {
		return q.ConfirmProvisions(t.Context(), db.ConfirmProvisionsParams{IDs: []int64{left.ID}, Gens: []int64{left.WantGen}, Now: noon})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantLines("with an old confirmation", "Kilimani/a absent", "Kilimani/jane enabled of ACC-0042")
	if got := b.state(back); got != "applied" {
		t.Errorf("the way back is %s", got)
	}
	b.looked()
	b.wantLines("in the end", "Kilimani/jane enabled of ACC-0042, confirmed")
}

func TestNameThatLeavesBeforeItsLastChangeIsConfirmed_StaysUntilItsAbsenceIs(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.pay("first", 150_000, noon)
	held := b.provision("jane")
	b.batch("edit", []int64{b.jane}, rename("a"))
	_, err := db.ConfirmTogether(t.Context(), b.pool, b.router, []int64{held.ID}, noon, func(q *db.Queries) error {
		return q.ConfirmProvisions(t.Context(), db.ConfirmProvisionsParams{IDs: []int64{held.ID}, Gens: []int64{held.WantGen}, Now: noon})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.wantLines("with what was wanted before", "Kilimani/a enabled of ACC-0042", "Kilimani/jane absent")
	b.looked()
	b.wantLines("in the end", "Kilimani/a enabled of ACC-0042, confirmed")
}

func TestMoveToAnotherRouter_AsksBothRouters(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	other := b.id(`insert into routers (name, mode, api_address, api_plain) values ('Westlands', 'local', 'x:1', true) returning id`)
	b.pay("first", 150_000, noon)
	b.looked()
	saved := b.give(b.jane, "edit", db.EditArguments{RouterID: &other})
	if diff := cmp.Diff([]int64{other, b.router}, saved.Routers); diff != "" {
		t.Errorf("routers to drive (-want +got):\n%s", diff)
	}
	b.wantLines("after the move", "Kilimani/jane absent", "Westlands/jane enabled of ACC-0042")
	if n := b.id("select count(*) from activity where kind = 'edit' and before ->> 'router' = 'Kilimani' and after ->> 'router' = (select name from routers where id <> $1)", b.router); n != 1 {
		t.Error("the activity does not name the routers")
	}
}

func TestPassword_IsReplacedOnlyByAnEditThatBringsOne(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	password := func() (sealed []byte) {
		t.Helper()
		if err := b.pool.QueryRow(t.Context(), "select password_sealed from subscribers where id = $1", b.jane).Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	b.pay("first", 150_000, noon)
	b.looked()
	edit := b.give(b.jane, "edit", db.EditArguments{PasswordSealed: []byte("sealed")})
	if string(password()) != "sealed" || b.facts(b.jane).CredentialGen != 2 || b.state(edit.ActionID) != "applied" {
		t.Errorf("password %q, generation %d, action %s", password(), b.facts(b.jane).CredentialGen, b.state(edit.ActionID))
	}
	if row, err := b.q.ActionByID(t.Context(), edit.ActionID); err != nil || string(row.Arguments) != "{}" {
		t.Errorf("the action keeps %s, %v", row.Arguments, err)
	}
	name, none := "Jane W", ""
	b.give(b.jane, "edit", db.EditArguments{Name: &name, Phone: &none})
	if string(password()) != "sealed" || b.facts(b.jane).CredentialGen != 2 {
		t.Errorf("an edit of the name made the password %q", password())
	}
	if got := b.facts(b.jane).Contact; got != (account.Contact{Name: "Jane W"}) {
		t.Errorf("contact %+v", got)
	}
	b.looked()
	if got := b.give(b.jane, "edit", db.EditArguments{Email: &name}); len(got.Routers) != 0 || b.state(got.ActionID) != "confirmed" {
		t.Errorf("an edit that is none of the router's business asks %v and is %s", got.Routers, b.state(got.ActionID))
	}
	if lines := b.id("select count(*) from activity where (before::text || after::text || summary) like '%sealed%'"); lines != 0 {
		t.Errorf("%d lines of activity have the password", lines)
	}
}

func TestScheduleClockAndAddress_AreReadBackAsTheyWereDecided(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	office := b.office()
	b.pay("first", 150_000, noon)
	b.give(b.jane, "change-package", db.ChangeArguments{PlanID: office, AtRenewal: true})
	b.give(b.jane, "suspend", db.SuspendArguments{Category: "customer-request", Reason: "away", StopClock: true})
	fixed := "10.1.2.3"
	b.give(b.jane, "edit", db.EditArguments{FixedAddress: &fixed})
	got := b.facts(b.jane)
	month := noon.AddDate(0, 1, 0)
	want := account.Account{
		ID: b.jane, Number: "ACC-0042", RouterID: b.router, Username: "jane", CredentialGen: 1, Address: fixed,
		Contact: account.Contact{Name: "Jane", Phone: "+254708374149"}, Revision: 2, ExpiresAt: month, AnchorDay: 10,
		Balance: account.Money{Currency: "KES"}, Plan: got.Plan,
		Next: &account.NextPlan{At: month, Plan: account.Plan{
			ID: office, Name: "Office 50", Rate: "50M/50M", Duration: account.Duration{Count: 1, Unit: account.Months},
			Price: account.Money{Minor: 300_000, Currency: "KES"}, OnExpiry: account.Garden, GardenRate: "64k/64k",
		}},
		Suspension: &account.Suspension{Category: account.CustomerRequest, Reason: "away", Since: noon, ClockStoppedAt: noon},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if due, err := b.q.DueAccounts(t.Context(), db.DueAccountsParams{Until: month.AddDate(1, 0, 0), Most: 10}); err != nil || len(due) != 0 {
		t.Errorf("while the clock stands, due are %+v, %v", due, err)
	}
	b.give(b.jane, "reconnect", db.ReconnectArguments{})
	b.give(b.jane, "cancel-change", struct{}{})
	none := ""
	b.give(b.jane, "edit", db.EditArguments{FixedAddress: &none})
	want.Suspension, want.Next, want.Address, want.Revision, want.DueAt = nil, nil, "", 3, month
	if diff := cmp.Diff(want, b.facts(b.jane)); diff != "" {
		t.Errorf("facts after all was taken back (-want +got):\n%s", diff)
	}
	if due, err := b.q.DueAccounts(t.Context(), db.DueAccountsParams{Until: month, Most: 10}); err != nil || len(due) != 1 {
		t.Errorf("due are %+v, %v", due, err)
	}
}

func TestDueAccounts_AreLockedWithTheirScheduleAndNotTakenFromWhoeverHoldsThem(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	ctx := t.Context()
	john, jim := b.subscriber("ACC-0043", "john", ""), b.subscriber("ACC-0044", "jim", "")
	b.exec("update subscribers set due_at = $1, expires_at = $1, next_plan_id = $2, next_plan_at = $1", noon, b.office())
	b.exec("update subscribers set due_at = $1 where id = $2", noon.Add(time.Second), jim)
	err := db.InTx(ctx, b.pool, func(tx pgx.Tx, q *db.Queries) error {
		if _, err := db.LockAccountFacts(ctx, q, b.jane); err != nil {
			return err
		}
		return db.InTx(ctx, b.pool, func(_ pgx.Tx, q *db.Queries) error {
			due, err := db.LockDueFacts(ctx, q, noon, b.router, 0, 10)
			if err != nil {
				return err
			}
			if len(due) != 1 || due[john].Next == nil || due[john].Next.Plan.Name != "Office 50" {
				t.Errorf("locked %+v, want John's alone", due)
			}
			beside, err := db.LockDueFacts(ctx, q, noon, b.router, john, 10)
			if err != nil {
				return err
			}
			if len(beside) != 0 {
				t.Errorf("beside John's: %+v", beside)
			}
			elsewhere, err := db.LockDueFacts(ctx, q, noon, b.router+1, 0, 10)
			if len(elsewhere) != 0 {
				t.Errorf("of another router: %+v", elsewhere)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
