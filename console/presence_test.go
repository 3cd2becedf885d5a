package console_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"qserve/console"
)

func TestPresence_SaysWhoElseIsHereAndAboutToDoWhat(t *testing.T) {
	t.Parallel()
	o := registry(t, neighbours[0], neighbours[1])
	o.sql(`insert into staff (login, name, role, password_hash, created_at)
		select lower(name), name, 'support', '$argon2id$x', now() from unnest(array['Amina', 'Brian', 'Chege']) name`)
	const amina, brian, chege = 1, 2, 3
	look := func(who, subscriber int64, doing string, want ...console.PresenceView) {
		t.Helper()
		if err := o.Look(t.Context(), who, subscriber, doing); err != nil {
			t.Fatal(err)
		}
		about, err := o.About(t.Context(), subscriber, console.AboutQuery{Staff: who})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append([]console.PresenceView{}, want...), about.Others); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", o.clock.Now().Sub(noon), diff)
		}
	}
	at := func(after time.Duration) time.Time { return noon.Add(after) }
	second := time.Second

	look(amina, 1, "")
	look(chege, 2, "") // looks at somebody else
	o.clock.Set(at(10 * second))
	look(brian, 1, "", console.PresenceView{Name: "Amina", SeenAt: noon})
	o.clock.Set(at(20 * second))
	look(amina, 1, "Suspend", console.PresenceView{Name: "Brian", SeenAt: at(10 * second)})
	o.clock.Set(at(30 * second))
	look(amina, 1, "", console.PresenceView{Name: "Brian", SeenAt: at(10 * second)}) // her page goes on to say that she is there
	look(brian, 1, "", console.PresenceView{Name: "Amina", Doing: "Suspend", SeenAt: at(20 * second)})
	o.clock.Set(at(79 * second))
	look(brian, 1, "", console.PresenceView{Name: "Amina", Doing: "Suspend", SeenAt: at(20 * second)})
	o.clock.Set(at(80 * second))
	look(brian, 1, "") // a minute after she began, and she was not seen since
	look(amina, 1, "", console.PresenceView{Name: "Brian", SeenAt: at(80 * second)})
	look(brian, 1, "", console.PresenceView{Name: "Amina", SeenAt: at(80 * second)})
	look(amina, 1, "Extend", console.PresenceView{Name: "Brian", SeenAt: at(80 * second)})
	look(amina, 1, "Reconnect", console.PresenceView{Name: "Brian", SeenAt: at(80 * second)})
	look(brian, 1, "", console.PresenceView{Name: "Amina", Doing: "Reconnect", SeenAt: at(80 * second)})
	if err := o.LookAway(t.Context(), amina, 1); err != nil {
		t.Fatal(err)
	}
	look(brian, 1, "")
	o.clock.Set(at(110 * second))
	look(amina, 1, "") // 30 s are over
	o.sql(`update staff set removed_at = now() where name = 'Amina'`)
	look(brian, 1, "")
	if err := o.Look(t.Context(), amina, 1, "a\nb"); field(err) != "doing" {
		t.Errorf("two lines: %v", err)
	}
}
