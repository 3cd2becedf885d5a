package console

import (
	"context"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"qserve/db"
	"qserve/internal/stack/stacktest"
)

func TestFolding_IsTheSameHereAndInTheDatabase(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), stacktest.Database(t, func(ctx context.Context, url string) error {
		_, err := db.Migrate(ctx, url)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	texts := []string{
		"", "José  Ng'ang'a-Smith", "O’Brien & Söhne", "ŁÓDŹ straße ΣΊΣΥΦΟΣ", "Мария МАРИЯ", "jane.w@example.com", "a–b—c", "ﬁne ①",
		strings.Repeat("long", 50), "İstanbul", "محمد", "山田 太郎", "a\tb\nc", "John John",
	}
	// Every letter of the alphabets that names are written in around here.
	for r := rune('!'); r < 0x0600; r++ {
		if unicode.IsPrint(r) {
			texts = append(texts, "x"+string(r)+"y")
		}
	}
	for _, text := range texts {
		var words []string
		var key string
		if err := conn.QueryRow(t.Context(), `select fold_words($1), fold_key($1)`, text).Scan(&words, &key); err != nil {
			t.Fatal(err)
		}
		if here := foldWords(text); !slices.Equal(words, here) || key != foldKey(text) {
			t.Errorf("%q (%U): %q and %q in the database, %q and %q here", text, []rune(text), words, key, here, foldKey(text))
		}
	}
}

func TestACell_IsNoFormula(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s := newSheet(&out, nil)
	s.row("=1+1", "+254712345678", "-5", "@sum", "\tx", "Jane, \"J\"", "")
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	want := "'=1+1,'+254712345678,'-5,'@sum,'\tx,\"Jane, \"\"J\"\"\",\r\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
