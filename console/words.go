package console

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"qserve/internal/phone"
)

// What somebody typed is folded as the database folds names: fold_text, fold_words and fold_key in
// db/migrations/00002_search.sql.

// foldText takes accents and case away.
func foldText(text string) string {
	letters := strings.Map(func(r rune) rune {
		if r >= 0x300 && r <= 0x36f {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(text))
	return foldLetters.Replace(letters)
}

// foldLetters are the letters that Unicode does not take apart, and the apostrophes, which are dropped.
var foldLetters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "ħ", "h", "ı", "i",
	"ς", "σ", "'", "", "’", "", "ʼ", "", "`", "")

func separates(r rune) bool {
	ascii := r < utf8.RuneSelf && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	return ascii || r == '–' || r == '—'
}

// maxTerm is how many characters of a word are looked at.
const maxTerm = 60

func cutTerm(word string) string {
	if utf8.RuneCountInString(word) <= maxTerm {
		return word
	}
	return string([]rune(word)[:maxTerm])
}

// foldWords lists the words of a text, each once.
func foldWords(text string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(foldText(text), separates) {
		if word = cutTerm(word); !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

// foldKey is a text without what separates its words.
func foldKey(text string) string {
	return cutTerm(strings.Join(strings.FieldsFunc(foldText(text), separates), ""))
}

// wanted is what a search looks for, in two steps.
type wanted struct {
	// The first step: prefixes of terms, and receipts. None: there is no such step.
	prefixes, receipts []string
	// The second: either the beginnings of two words of a name, or prefixes of terms. The others have to fit as well.
	first, second string
	then          []string
	others        []string
}

// From how many digits on a number is taken for the end of a phone number, and from how many on it is so rare that a
// search for it together with a name goes by the number.
const (
	digitsOfAnEnd   = 4
	digitsThatDrive = 8
)

// read makes out what somebody may mean by q, in region.
func read(q, region string) wanted {
	var w wanted
	key, words := foldKey(q), foldWords(q)
	if key == "" {
		return w
	}
	chunks := strings.Fields(q)
	switch {
	case isNumber(q):
		w.prefixes = append([]string{key}, phoneTerms(key, region)...)
	case len(chunks) == 1 || strings.ContainsAny(q, "0123456789"):
		w.prefixes = []string{key}
	}
	w.prefixes = ranges(w.prefixes)
	if len(chunks) == 1 && len(q) >= digitsOfAnEnd {
		w.receipts = []string{chunks[0], strings.ToUpper(chunks[0])}
	}
	if isNumber(q) || len(words) < 2 {
		return w
	}
	number, names := digitsOf(words)
	if len(number) >= digitsThatDrive && len(names) > 0 {
		w.then, w.others = ranges(append([]string{number}, phoneTerms(number, region)...)), names
		return w
	}
	// The longest words are the rarest.
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	w.first, w.second, w.others = words[0], words[1], words[2:]
	return w
}

// ranges puts prefixes in their order, without those that begin with another.
func ranges(prefixes []string) []string {
	var kept []string
	for _, prefix := range slices.Sorted(slices.Values(prefixes)) {
		if len(kept) == 0 || !strings.HasPrefix(prefix, kept[len(kept)-1]) {
			kept = append(kept, prefix)
		}
	}
	return kept
}

// isNumber reports whether somebody typed a number, or a part of one.
func isNumber(q string) bool {
	return strings.ContainsAny(q, "0123456789") && strings.Trim(q, "0123456789 +-()./\u00a0") == ""
}

// digitsOf joins the numbers among the words.
func digitsOf(words []string) (number string, names []string) {
	for _, word := range words {
		if isNumber(word) {
			number += word
		} else {
			names = append(names, word)
		}
	}
	return number, names
}

// phoneTerms lists the terms of phone numbers that begin or end with the digits.
func phoneTerms(digits, region string) []string {
	terms := phone.Beginnings(digits, region)
	if len(digits) >= digitsOfAnEnd {
		end := []byte(digits)
		slices.Reverse(end)
		terms = append(terms, "<"+string(end))
	}
	return terms
}
