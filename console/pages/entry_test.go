package pages_test

import (
	"strings"
	"testing"
)

// tells fails the test unless a person reads each of the texts.
func (a answer) tells(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.text(), text) {
			t.Errorf("%q is not said in %d %s", text, a.status, a.text())
		}
	}
}

// has and lacks look at the page with its tags.
func (a answer) has(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("%q is not in %d %s", text, a.status, a.body)
		}
	}
}

func (a answer) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Errorf("%q is in %d %s", text, a.status, a.body)
		}
	}
}

// is fails the test at once unless the answer has that status.
func (a answer) is(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d, want %d: %s", a.status, status, a.text())
	}
	return a
}

// was is what a form held when it was shown.
func (a answer) was() string {
	_, rest, _ := strings.Cut(a.body, `name="was" value="`)
	was, _, _ := strings.Cut(rest, `"`)
	return strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(was)
}

// ask reads one text from the database.
func (o *office) ask(sql string, args ...any) (text string) {
	o.t.Helper()
	o.must(o.pool.QueryRow(o.t.Context(), sql, args...).Scan(&text))
	return text
}
