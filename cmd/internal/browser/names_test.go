package browser

import (
	"fmt"
	"strings"
	"testing"

	"qserve/console"
)

// Names are written in every script, may be very long, and are never a program.
func TestNames_OfEveryScriptAndLengthFitAndAreOnlyText(t *testing.T) {
	t.Parallel()
	o := visit(t)
	b := o.open(t, console.RoleSupport)
	for script, name := range map[string]string{
		"arabic": "محمد عبد الله بن سعيد", "hebrew": "משה בן־דוד כהן", "devanagari": "प्रिया श्रीनिवासन्", "chinese": "歐陽慧敏",
		"thai": "สมชาย วงศ์สวัสดิ์ไพบูลย์", "amharic": "አበበ በቀለ ወልደማርያም", "emoji": "Zuri 👩🏾‍👩🏾‍👧🏾‍👦🏾 🦒🇰🇪",
		"long": strings.Repeat("W", 200), "words": strings.TrimSpace(strings.Repeat("Wanjiku Müller ", 13)),
		"html": `<img src=x onerror="document.title='broken'"><script>document.title='broken'</script>&amp;{{.}}`,
		"both": "Omar (עומר) <b>عمر</b> Jr.",
	} {
		c := o.subscriber(t, ngong, expired, func(n *console.NewSubscriber) {
			n.Name = name
			n.Address = name
			n.Email = strings.Repeat("e", 60) + "@" + strings.Repeat("long.", 20) + "example.com"
		})
		must(t, second(o.Staff.Give(t.Context(), clerk, c.Account, console.NoteOrder{Text: name + "\n" + name, Pin: true})))
		fits := func(what string) {
			t.Helper()
			for _, width := range []int64{wide, narrow} {
				b.size(width)
				if over := b.overflow(); over != "" {
					t.Errorf("%s at %d px, %s: %s", script, width, what, over)
					must(t, second(b.shoot(fmt.Sprintf("failed-%s-%s-%d", script, what, width), 2000)))
				}
			}
			if ask[bool](b, "document.title === 'broken' || !!document.querySelector('main img, main script, #found img, dialog img, dialog script, bdi b')") {
				t.Errorf("%s: the name became part of the page (%s)", script, what)
			}
		}
		b.goTo(c.page())
		b.seesIn("h1", squeezed(name))
		b.seesIn("#pinned", squeezed(name))
		b.seesIn("#list", squeezed(name))
		fits("profile")
		b.click("Suspend")
		b.inDialog("Suspend " + squeezed(name))
		fits("dialog")
		b.goTo("/customers")
		b.focused("#q")
		b.press(c.Account)
		b.seesIn("#found a", squeezed(name))
		fits("search")
	}
}

func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// overflow says what sticks out of the page to the side; empty when nothing does.
func (b *tab) overflow() string {
	b.t.Helper()
	return ask[string](b, `(() => {
		if (document.scrollingElement.scrollWidth <= innerWidth && ![...document.querySelectorAll("dialog[open]")].some(d => d.scrollWidth > d.clientWidth)) return "";
		const wide = [...document.querySelectorAll("body *")].filter(e => shown(e) && e.getBoundingClientRect().right > innerWidth + 1);
		return "the page is " + document.scrollingElement.scrollWidth + " px wide; sticking out: " +
			wide.slice(-3).map(e => e.outerHTML.slice(0, 90)).join(" | ");
	})()`)
}
