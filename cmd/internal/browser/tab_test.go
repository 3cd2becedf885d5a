package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"qserve/cmd/internal/stage"
	"qserve/console"
)

//go:embed testdata/look.js
var lookJS string

const (
	// tabWithin bounds what a test does in one tab, and seesWithin one wait for something to show.
	tabWithin, seesWithin = 3 * time.Minute, 30 * time.Second
	wide, narrow          = 1280, 360
)

// tab is a page of a browser that somebody sits at.
type tab struct {
	t    *testing.T
	ctx  context.Context // chromedp's handle of a tab is a context
	o    *office
	seen *witness
	// scriptless is set while the page may run no JavaScript.
	scriptless bool
}

// open opens a tab of somebody in a role, with cookies of its own.
func (o *office) open(t *testing.T, role console.Role) *tab {
	t.Helper()
	cookie, err := o.sharedCookie(t.Context(), role)
	must(t, err)
	b := o.openNobody(t)
	b.use(cookie)
	return b
}

// openAs is open for a sign-in whose session is the test's own.
func (o *office) openAs(t *testing.T, in stage.SignIn) *tab {
	t.Helper()
	cookie, err := o.cookie(t.Context(), in)
	must(t, err)
	b := o.openNobody(t)
	b.use(cookie)
	return b
}

// openNobody opens a tab in which nobody is signed in.
func (o *office) openNobody(t *testing.T) *tab {
	t.Helper()
	return o.openTab(t, shared.chrome.ctx, chromedp.WithNewBrowserContext())
}

// another opens one more tab of the same browser, with the same cookies.
func (b *tab) another() *tab { return b.o.openTab(b.t, b.ctx) }

func (o *office) openTab(t *testing.T, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	seen := newWitness(o.Program.BaseURL())
	ctx, closeTab := chromedp.NewContext(parent, append(options, chromedp.WithListener(seen.note))...)
	ctx, cancel := context.WithTimeout(ctx, tabWithin)
	b := &tab{t: t, ctx: ctx, o: o, seen: seen}
	t.Cleanup(func() {
		if t.Failed() {
			b.tellFailure()
		}
		cancel()
		closeTab()
		seen.judge(t)
	})
	b.do(call(network.Enable, network.EnableParams{}))
	b.size(wide)
	return b
}

// use signs the tab in by a session that is there already.
func (b *tab) use(c *http.Cookie) {
	b.t.Helper()
	b.do(call(network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: b.o.Program.BaseURL()}))
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// size gives the window a width.
func (b *tab) size(width int64) {
	b.t.Helper()
	height := int64(800)
	if width == narrow {
		height = 740
	}
	b.do(call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width == narrow,
	}))
}

// theme makes the system light or dark.
func (b *tab) theme(name string) {
	b.t.Helper()
	b.do(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}))
}

// withoutScripts turns JavaScript off.
func (b *tab) withoutScripts() {
	b.t.Helper()
	b.scriptless = true
	b.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// goTo opens a page of the console.
func (b *tab) goTo(path string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(b.o.Program.BaseURL()+path)); err != nil {
		b.t.Fatalf("go to %s: %v", path, err)
	}
}

// path is where the tab is, without the origin.
func (b *tab) path() string { return ask[string](b, "location.pathname + location.search") }

// ask evaluates an expression on the page; testdata/look.js is at hand in it.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := evaluate[T](b, expression)
	if err != nil {
		b.t.Fatalf("ask the page %s: %v", expression, err)
	}
	return v
}

func evaluate[T any](b *tab, expression string) (T, error) {
	// The function keeps our names out of the page's.
	return chromedp.Run(b.ctx, chromedp.Evaluate[T]("(() => {"+lookJS+"\nreturn "+expression+";})()"))
}

// until waits until an expression on the page is true. The page may change to another one meanwhile.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, seesWithin)
	defer cancel()
	err := stage.Until(ctx, what, func(context.Context) (bool, error) { return evaluate[bool](b, "!!("+expression+")") })
	if err != nil {
		b.t.Fatalf("on %s: %v", b.path(), err)
	}
}

// sees waits until every text shows.
func (b *tab) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("%q shows", text), "words(document.body).includes("+quoted(text)+")")
	}
}

// seesIn waits until every text shows inside of an element.
func (b *tab) seesIn(selector string, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("%q shows in %s", text, selector),
			fmt.Sprintf("[...document.querySelectorAll(%s)].some(e => words(e).includes(%s))", quoted(selector), quoted(text)))
	}
}

// seesNo waits until none of the texts shows any more.
func (b *tab) seesNo(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("%q is gone", text), loaded+" && !words(document.body).includes("+quoted(text)+")")
	}
}

// can reports whether something to click is called exactly so.
func (b *tab) can(text string) bool {
	b.t.Helper()
	return ask[bool](b, fmt.Sprintf("hits(%s, %s).some(e => named(e) === %[2]s)", quoted(clickable), quoted(text)))
}

// loaded is true once the scripts of a page have run: before that it listens to nothing.
const loaded = "document.readyState === 'complete'"

const clickable = "a[href], button, summary, [role=button], input[type=submit]"

// point is where to point.
type point struct {
	X, Y    float64
	Problem string
}

// click points at the one link or button that is called so, and clicks.
func (b *tab) click(text string) {
	b.t.Helper()
	b.clickIn(clickable, text)
}

// clickIn clicks the one element of a selector that is called so. A page that is moving when the button goes down takes
// no click; then it is pointed at again, as a person would.
func (b *tab) clickIn(selector, text string) {
	b.t.Helper()
	what, spot := "click "+quoted(text)+" in "+selector, fmt.Sprintf("spotOf(%s, %s)", quoted(selector), quoted(text))
	for range 3 {
		at := b.spot(what, "(awaitClick("+quoted(selector)+"), "+spot+")")
		b.pressAt(at, 1)
		if b.scriptless || ask[bool](b, "clickCame()") {
			return
		}
	}
	b.t.Fatalf("on %s: the page moves whenever one wants to %s", b.path(), what)
}

// doubleClick clicks twice, as impatient people do.
func (b *tab) doubleClick(text string) {
	b.t.Helper()
	b.pressAt(b.spot("double-click "+quoted(text), fmt.Sprintf("spotOf(%s, %s)", quoted(clickable), quoted(text))), 2)
}

// tick clicks the choice whose label has that text.
func (b *tab) tick(label string) {
	b.t.Helper()
	b.pressAt(b.spot("tick "+quoted(label), "spotOfField("+quoted(label)+")"), 1)
}

// spot waits until an expression yields where to point, and nothing is in the way.
func (b *tab) spot(what, expression string) point {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, seesWithin)
	defer cancel()
	var at point
	err := stage.Until(ctx, "one can "+what, func(context.Context) (ok bool, err error) {
		at, err = evaluate[point](b, loaded+" ? "+expression+" : {problem: 'the page is loading'}")
		return err == nil && at.Problem == "", err
	})
	if err != nil {
		b.t.Fatalf("on %s: %v (%s)", b.path(), err, at.Problem)
	}
	return at
}

func (b *tab) pressAt(at point, times int64) {
	b.t.Helper()
	mouse := input.DispatchMouseEventParams{X: at.X, Y: at.Y, Button: input.MouseButtonLeft}
	for mouse.ClickCount = 1; mouse.ClickCount <= times; mouse.ClickCount++ {
		mouse.Type = input.DispatchMouseEventTypeMousePressed
		b.do(call(input.DispatchMouseEvent, mouse))
		mouse.Type = input.DispatchMouseEventTypeMouseReleased
		b.do(call(input.DispatchMouseEvent, mouse))
	}
}

// fill puts a text into the field of a label, in place of what was there.
func (b *tab) fill(label, text string) {
	b.t.Helper()
	b.tick(label)
	field := "control(" + quoted(label) + ")"
	b.until("the field "+label+" has the focus", "document.activeElement === "+field)
	ask[bool](b, field+".select() || true")
	if text == "" {
		b.press("\b")
	} else {
		b.do(call(input.InsertText, input.InsertTextParams{Text: text}))
	}
	if got := b.value(label); got != text {
		b.t.Fatalf("%q was typed into %s, which holds %q", text, label, got)
	}
}

// value is what the field of a label holds.
func (b *tab) value(label string) string {
	b.t.Helper()
	return ask[string](b, "control("+quoted(label)+").value")
}

// choose picks the option of a list that begins with a text.
func (b *tab) choose(label, option string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s offers %q", label, option), fmt.Sprintf(`(() => {
		const list = control(%s), option = [...(list ? list.options : [])].find(o => words(o).startsWith(%s) || o.text.startsWith(%[2]s));
		if (!option) return false;
		list.focus();
		option.selected = true;
		for (const type of ["input", "change"]) list.dispatchEvent(new Event(type, { bubbles: true }));
		return true;
	})()`, quoted(label), quoted(option)))
}

// press presses keys, one after the other, once the page is there.
func (b *tab) press(keys string) {
	b.t.Helper()
	b.until("the page is loaded", loaded)
	b.do(chromedp.KeyEvent(keys))
}

// inDialog waits until a dialog with that question is open.
func (b *tab) inDialog(question string) {
	b.t.Helper()
	b.until("the dialog "+quoted(question)+" is open",
		"(d => d && words(d.querySelector('h1')).startsWith("+quoted(question)+"))(document.querySelector('dialog[open]'))")
}

// noDialog waits until no dialog is open.
func (b *tab) noDialog() {
	b.t.Helper()
	b.until("the dialog is closed", "!document.querySelector('dialog[open]')")
}

// focused waits until the focus is on the element of a selector.
func (b *tab) focused(selector string) {
	b.t.Helper()
	b.until(selector+" has the focus", "document.activeElement && document.activeElement.matches("+quoted(selector)+")")
}

// tellFailure says what the page showed when its test failed.
func (b *tab) tellFailure() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 5*time.Second)
	defer cancel()
	last := &tab{t: b.t, ctx: ctx, o: b.o, seen: b.seen}
	text, err := evaluate[string](last, `location.href + "\n" + words(document.body).slice(0, 3000)`)
	file, shotErr := last.shoot("failed-"+strings.ReplaceAll(b.t.Name(), "/", "-"), 2000)
	b.t.Logf("the page when the test failed: %s\n%s", text, file)
	if err = errors.Join(err, shotErr); err != nil {
		b.t.Logf("the page cannot be looked at: %v", err)
	}
}

// quoted is a text as JavaScript writes it.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b)
}
