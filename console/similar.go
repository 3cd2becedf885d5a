package console

import (
	"slices"
	"strings"

	"qserve/account"
)

// How an account number differs from what a payer typed, with what each is worth.
var (
	withoutBeginning = reason{6, "the account number is the reference with the letters before it"}
	otherZeros       = reason{6, "the account number differs from the reference only by zeros"}
	swapped          = reason{4, "the account number differs from the reference by two characters in each other's place"}
	oneOff           = reason{3, "the account number differs from the reference by one character"}
	twoOff           = reason{1, "the account number differs from the reference by two digits"}
)

const (
	// A shorter reference is like everything, a longer one is a message.
	minSimilar, maxSimilar = 2, 16
	// maxZeros is how many zeros people leave out.
	maxZeros = 8
	// A number of more digits is told apart by so many of them that two wrong ones in any places are unlikely.
	maxTwoOff  = 6
	characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits     = "0123456789"
)

// maxWords is how many words of a reference are looked at.
const maxWords = 2

// keysIn lists what may be an account number in a reference: all of it, and the words with digits.
func keysIn(reference string) []string {
	keys := []string{account.NormalizeReference(reference)}
	for _, word := range strings.FieldsFunc(reference, func(r rune) bool { return strings.ContainsRune(" ,;:/", r) }) {
		key := account.NormalizeReference(word)
		if len(key) >= minSimilar && strings.ContainsAny(key, digits) && !slices.Contains(keys, key) && len(keys) <= maxWords {
			keys = append(keys, key)
		}
	}
	return keys
}

// similar lists the account keys that somebody may have meant by key, with the strongest reason for each; they are looked up
// all at once. There are some thousand of them, however many accounts there are. prefixes are what account numbers begin with.
func similar(key string, prefixes []string) map[string]reason {
	alike := map[string]reason{}
	if key == "" || len(key) > maxSimilar {
		return alike
	}
	add := func(candidate string, because reason) {
		if is, known := alike[candidate]; candidate != "" && (!known || is.worth < because.worth) {
			alike[candidate] = because
		}
	}
	letters := strings.TrimRight(key, digits)
	number := key[len(letters):]
	if letters == "" {
		for _, prefix := range prefixes {
			for _, n := range zeros(number) {
				add(prefix+n, withoutBeginning)
			}
		}
	}
	for _, n := range zeros(number) {
		add(letters+n, otherZeros)
	}
	if len(key) >= minSimilar {
		for i := range len(key) {
			add(key[:i]+key[i+1:], oneOff)
			if i > 0 {
				add(key[:i-1]+string(key[i])+string(key[i-1])+key[i+1:], swapped)
			}
			for _, c := range characters {
				add(key[:i]+string(c)+key[i+1:], oneOff)
				add(key[:i]+string(c)+key[i:], oneOff)
			}
		}
		for _, c := range characters {
			add(key+string(c), oneOff)
		}
	}
	twoDigitsOff(key, add)
	alike[key] = sameNumber
	return alike
}

// zeros lists a number with fewer and more zeros in front.
func zeros(number string) []string {
	if number == "" {
		return nil
	}
	bare := strings.TrimLeft(number, "0")
	all := make([]string, 0, maxZeros+1)
	for n := range maxZeros + 1 {
		all = append(all, strings.Repeat("0", n)+bare)
	}
	return all
}

// twoDigitsOff adds what has two other digits: anywhere in a short number, next to each other in a longer one.
func twoDigitsOff(key string, add func(string, reason)) {
	var places []int
	for i := range len(key) {
		if strings.IndexByte(digits, key[i]) >= 0 {
			places = append(places, i)
		}
	}
	for n, i := range places {
		for _, j := range places[n+1:] {
			if len(places) > maxTwoOff && j != i+1 {
				continue
			}
			for _, c := range digits {
				for _, d := range digits {
					if byte(c) != key[i] && byte(d) != key[j] {
						add(key[:i]+string(c)+key[i+1:j]+string(d)+key[j+1:], twoOff)
					}
				}
			}
		}
	}
}

// beginnings lists the letters that account keys begin with.
func beginnings(keys []string) []string {
	var prefixes []string
	for _, key := range keys {
		if prefix := strings.TrimRight(key, digits); prefix != "" && prefix != key && !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}
