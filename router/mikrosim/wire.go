package mikrosim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Bounds of what a client may send. RouterOS limits the sentences before login without saying how far; these are ours.
const (
	maxWord       = 1 << 20
	maxLoginWord  = 4 << 10
	maxWords      = 1024
	maxLoginWords = 16
)

// errControlByte reports a length whose first byte is 0xF8 or above, which the protocol reserves for control words: what
// follows cannot be understood.
var errControlByte = errors.New("reserved control byte instead of a length")

// limits bounds one sentence.
type limits struct{ word, words int }

// appendWord appends w behind its length: one to five bytes, big-endian, the leading bits telling how many
// (RouterOS manual, API, "Command word").
func appendWord(b []byte, w string) []byte {
	n := uint32(len(w))
	switch {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 0x4000:
		b = append(b, byte(n>>8)|0x80, byte(n))
	case n < 0x20_0000:
		b = append(b, byte(n>>16)|0xC0, byte(n>>8), byte(n))
	case n < 0x1000_0000:
		b = append(b, byte(n>>24)|0xE0, byte(n>>16), byte(n>>8), byte(n))
	default:
		b = append(b, 0xF0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, w...)
}

// appendSentence appends the words and the zero-length word that ends them.
func appendSentence(b []byte, words ...string) []byte {
	for _, w := range words {
		b = appendWord(b, w)
	}
	return append(b, 0)
}

// readLength reads the length of the next word.
func readLength(r io.ByteReader) (uint32, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	var n uint32
	var more int
	switch {
	case first < 0x80:
		return uint32(first), nil
	case first < 0xC0:
		n, more = uint32(first&0x3F), 1
	case first < 0xE0:
		n, more = uint32(first&0x1F), 2
	case first < 0xF0:
		n, more = uint32(first&0x0F), 3
	case first < 0xF8:
		more = 4
	default:
		return 0, errControlByte
	}
	for range more {
		b, err := r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		n = n<<8 | uint32(b)
	}
	return n, nil
}

// readSentence reads the next sentence that has words; empty ones are skipped, as RouterOS does. It returns io.EOF only
// between sentences. A connection can make it reserve at most lim.word bytes more than it has sent.
func readSentence(r *bufio.Reader, lim limits) ([]string, error) {
	var words []string
	for {
		n, err := readLength(r)
		switch {
		case err != nil && len(words) > 0:
			return nil, unexpected(err)
		case err != nil:
			return nil, err
		case n == 0 && len(words) > 0:
			return words, nil
		case n == 0:
			continue
		case int64(n) > int64(lim.word):
			return nil, fmt.Errorf("word of %d bytes, the limit is %d", n, lim.word)
		case len(words) == lim.words:
			return nil, fmt.Errorf("sentence of more than %d words", lim.words)
		}
		w := make([]byte, n)
		if _, err := io.ReadFull(r, w); err != nil {
			return nil, unexpected(err)
		}
		words = append(words, string(w))
	}
}

// unexpected turns an end in the middle of something into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
