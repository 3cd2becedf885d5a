package routeros

import "testing"

// FuzzFrames holds that the verdict on a stream does not depend on how it comes in, and that no length beyond the
// bound passes.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x05!done\x00"), 3)
	f.Add([]byte{0x80, 0x80, 'x'}, 1)
	f.Add([]byte{0xF0, 0x7F, 0xFF, 0xFF, 0xFF}, 4)
	f.Add([]byte{0xF8}, 0)
	f.Fuzz(func(t *testing.T, stream []byte, at int) {
		if at < 0 || at > len(stream) {
			return
		}
		var whole, parts frameGuard
		want := whole.follow(stream)
		if got := parts.follow(stream[:at]) && parts.follow(stream[at:]); got != want {
			t.Errorf("%x: %v at once, %v cut at %d", stream, want, got, at)
		}
		if want && (whole.skip != parts.skip || whole.need != parts.need) {
			t.Errorf("%x: %+v at once, %+v cut at %d", stream, whole, parts, at)
		}
		if whole.skip > maxWord && want {
			t.Errorf("%x: a word of %d bytes passed", stream, whole.skip)
		}
	})
}
