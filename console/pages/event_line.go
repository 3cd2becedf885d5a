package pages

import (
	"html/template"
	"time"

	"qserve/console"
)

// eventLine is an event of a timeline as a line of the page. A page has twenty of them, at each look, and a template would
// take most of the page's time for them; so they are put together by hand. Everything that comes from people or routers
// passes through text.
func (s *server) eventLine(e console.EventView) template.HTML {
	words := s.words.event(e)
	b := make([]byte, 0, 512)
	b = append(b, `<li id="`...)
	b = text(b, e.ID)
	b = append(b, `"><a class="muted" href="#`...)
	b = text(b, e.ID)
	b = append(b, `">`...)
	b = append(b, s.timeElement(e.At, s.words.stamp)...)
	b = append(b, `</a><div`...)
	if e.Undone {
		b = append(b, ` class="undone"`...)
	}
	b = append(b, `><bdi`...)
	if words != e.Text {
		b = append(b, ` title="`...)
		b = text(b, e.Text)
		b = append(b, '"')
	}
	b = append(b, '>')
	b = text(b, words)
	b = append(b, `</bdi>`...)
	if e.Took != nil {
		b = append(b, ` <span class="muted">+`...)
		b = text(b, span(time.Duration(*e.Took*float64(time.Second))))
		b = append(b, `</span>`...)
	}
	if e.Actor != "" {
		b = append(b, ` <span class="muted small">`...)
		b = text(b, e.Actor)
		b = append(b, `</span>`...)
	}
	return template.HTML(append(b, `</div></li>`...)) //nolint:gosec // G203: what comes from elsewhere is escaped
}

// text appends what somebody wrote, so that it is text in an element and in an attribute alike.
func text(b []byte, s string) []byte { return append(b, template.HTMLEscapeString(s)...) }
