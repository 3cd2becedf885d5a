package mikrosim

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-routeros/routeros/v3/proto"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The codec is internal; everything else is tested from outside.

func TestSentencesOfAnyLength_ReadBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	lengths := []int{1, 127, 128, 16_383, 16_384, maxWord}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat(rapid.String().Draw(t, "text")+"x", rapid.IntRange(1, 200).Draw(t, "times"))
		}), 1, 5).Draw(t, "words")
		words = append(words, strings.Repeat("y", rapid.SampledFrom(lengths).Draw(t, "length")))
		wire := appendSentence([]byte{0, 0}, words...) // empty sentences before it are skipped
		got, err := readSentence(bufio.NewReader(bytes.NewReader(wire)), limits{maxWord, maxWords})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(words, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestFourAndFiveByteLengths_AreWrittenAsTheManualSays(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]byte{
		0x7F: {0x7F}, 0x80: {0x80, 0x80}, 0x3FFF: {0xBF, 0xFF}, 0x4000: {0xC0, 0x40, 0}, 0x1F_FFFF: {0xDF, 0xFF, 0xFF},
		0x20_0000: {0xE0, 0x20, 0, 0}, 0x1000_0000: {0xF0, 0x10, 0, 0, 0},
	} {
		if got := appendWord(nil, strings.Repeat("a", n))[:len(want)]; !bytes.Equal(got, want) {
			t.Errorf("length %#x is written %x, want %x", n, got, want)
		}
		if got, err := readLength(bytes.NewReader(want)); err != nil || got != uint32(n) {
			t.Errorf("%x reads as %#x, %v; want %#x", want, got, err, n)
		}
	}
}

func TestBrokenInput_IsAnErrorAndNeverAnEnd(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wire string
		want error
	}{
		"nothing":             {"", io.EOF},
		"in a length":         {"\x80", io.ErrUnexpectedEOF},
		"in a word":           {"\x04abc", io.ErrUnexpectedEOF},
		"between words":       {"\x01a", io.ErrUnexpectedEOF},
		"control byte":        {"\xF8\x01", errControlByte},
		"word beyond bounds":  {"\x05abcde\x00", nil},
		"2 GiB, nothing more": {"\xF0\x7F\xFF\xFF\xFF", nil},
		"too many words":      {"\x01a\x01b\x01c\x00", nil},
	} {
		_, err := readSentence(bufio.NewReader(strings.NewReader(tc.wire)), limits{4, 2})
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}

// FuzzSentence feeds the decoder what a hostile client could send. What it accepts, another implementation must read too.
func FuzzSentence(f *testing.F) {
	f.Add(appendSentence(nil, "/login", "=name=a", "=password=b"))
	f.Add(appendSentence(nil, "/ppp/secret/print", "?name=x", "?#!", ".tag=1"))
	f.Add([]byte{0, 0, 1, 'a', 0})
	f.Add([]byte{0xF8, 0})
	f.Add([]byte{0xF0, 0x7F, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, wire []byte) {
		words, err := readSentence(bufio.NewReader(bytes.NewReader(wire)), limits{maxLoginWord, maxLoginWords})
		if err != nil {
			return
		}
		again := appendSentence(nil, words...)
		back, err := readSentence(bufio.NewReader(bytes.NewReader(again)), limits{maxLoginWord, maxLoginWords})
		if err != nil || !cmp.Equal(words, back) {
			t.Fatalf("%q reads back as %q, %v", words, back, err)
		}
		if _, err := proto.NewReader(bytes.NewReader(again)).ReadSentence(); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%q is cut short for another reader: %v", words, err)
		}
		_, _ = parseRequest(words)
	})
}

func FuzzRateLimit(f *testing.F) {
	f.Add("5M/10M")
	f.Add("512k/2M 1M/4M 512k/2M 10/10 8 256k/1M")
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := parseRate(text)
		if !ok {
			return
		}
		if again, ok := parseRate(r.short()); !ok || again.max != r.max {
			t.Fatalf("%q is shown as %q, which reads as %+v", text, r.short(), again)
		}
	})
}

func TestRateLimit_FollowsTheManualsGrammar(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5M/10M": "5000000/10000000", "10M": "10000000/10000000", "512k/2M": "512000/2000000", "1500/2000000": "1500/2000000",
		"5M/10M 0/0 0/0 0/0 5 1M/1M": "5000000/10000000",
	} {
		if got, ok := parseRate(text); !ok || got.max != want {
			t.Errorf("%q: got %+v, %v; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "fast", "5M/", "/5M", "5M/10M 0/0 0/0 0/0 9", "-1/5", "1M 1M 1M 1 1 1M 1M", "5m", "200000000000"} {
		if got, ok := parseRate(text); ok {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}
