package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"qserve/internal/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const row = "subscribers.42.password"

func setup(t *testing.T) (*seal.Ring, []byte) {
	t.Helper()
	keys, err := seal.New()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, keys), keys
}

func open(t *testing.T, keys []byte) *seal.Ring {
	t.Helper()
	ring, err := seal.Open(keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func sealed(t *testing.T, ring *seal.Ring, plain string) []byte {
	t.Helper()
	out, err := ring.Seal([]byte(plain), row)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatWasSealed_OpensAgainForTheSameRow(t *testing.T) {
	t.Parallel()
	ring, _ := setup(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		row := rapid.StringN(1, 40, -1).Draw(t, "row")
		sealed, err := ring.Seal(plain, row)
		if err != nil {
			t.Fatal(err)
		}
		if want := len(plain) + 33; len(sealed) != want {
			t.Fatalf("sealed value has %d bytes, want %d", len(sealed), want)
		}
		if len(plain) > 3 && bytes.Contains(sealed, plain) {
			t.Fatal("the plain value shows in the sealed one")
		}
		got, err := ring.Open(sealed, row)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, plain) {
			t.Fatalf("opened %x, want %x", got, plain)
		}
	})
}

func TestSealingTwice_GivesDifferentValues(t *testing.T) {
	t.Parallel()
	ring, _ := setup(t)
	if bytes.Equal(sealed(t, ring, "hunter2"), sealed(t, ring, "hunter2")) {
		t.Error("equal passwords can be told from their sealed values")
	}
}

func TestSealedValueMovedToAnotherRow_DoesNotOpen(t *testing.T) {
	t.Parallel()
	ring, _ := setup(t)
	if _, err := ring.Open(sealed(t, ring, "hunter2"), "subscribers.43.password"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("got %v, want seal.ErrOpen", err)
	}
}

func TestDamagedValue_DoesNotOpenAndItsErrorTellsNothing(t *testing.T) {
	t.Parallel()
	ring, _ := setup(t)
	good := sealed(t, ring, "hunter2")
	for i := range good {
		damaged := bytes.Clone(good)
		damaged[i] ^= 1
		_, err := ring.Open(damaged, row)
		if !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("byte %d damaged: got %v, want seal.ErrOpen", i, err)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("byte %d damaged: the error shows the plain value", i)
		}
	}
	for n := range good {
		if _, err := ring.Open(good[:n], row); !errors.Is(err, seal.ErrOpen) {
			t.Fatalf("cut to %d bytes: got %v, want seal.ErrOpen", n, err)
		}
	}
}

func TestAnotherRing_DoesNotOpen(t *testing.T) {
	t.Parallel()
	ring, _ := setup(t)
	other, _ := setup(t)
	if _, err := other.Open(sealed(t, ring, "hunter2"), row); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("got %v, want seal.ErrOpen", err)
	}
}

func TestValueWithoutARow_IsRefused(t *testing.T) {
	t.Parallel()
	ring, _ := setup(t)
	if _, err := ring.Seal([]byte("hunter2"), ""); err == nil {
		t.Error("sealed without a row")
	}
	if _, err := ring.Open(sealed(t, ring, "hunter2"), ""); err == nil {
		t.Error("opened without a row")
	}
}

func TestRotatedRing_OpensOldValuesAndCallsThemStale(t *testing.T) {
	t.Parallel()
	ring, keys := setup(t)
	old := sealed(t, ring, "hunter2")
	if ring.Stale(old) {
		t.Error("a value of the only key is stale")
	}

	rotatedKeys, err := seal.Rotate(keys)
	if err != nil {
		t.Fatal(err)
	}
	rotated := open(t, rotatedKeys)
	if !rotated.Stale(old) {
		t.Error("a value of the former primary key is not stale")
	}
	plain, err := rotated.Open(old, row)
	if err != nil || string(plain) != "hunter2" {
		t.Fatalf("old value after rotation: %q, %v", plain, err)
	}
	anew := sealed(t, rotated, "hunter2")
	if rotated.Stale(anew) {
		t.Error("a value of the new primary key is stale")
	}
	if _, err := ring.Open(anew, row); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("the ring of before the rotation opened a value of after it: %v", err)
	}
}

func TestEmptyOrForeignValue_IsStale(t *testing.T) {
	t.Parallel()
	ring, _ := setup(t)
	for _, v := range [][]byte{nil, {1}, []byte("not sealed")} {
		if !ring.Stale(v) {
			t.Errorf("%q is not stale", v)
		}
	}
}

func TestNewRing_IsOneLineOfText(t *testing.T) {
	t.Parallel()
	_, keys := setup(t)
	if bytes.ContainsAny(keys, "\n\x00") {
		t.Errorf("ring of %d bytes does not fit an environment variable", len(keys))
	}
}

// keysetOf is a Tink keyset that is sound but not of the kind that seal makes.
func keysetOf(t *testing.T, template *tinkpb.KeyTemplate) []byte {
	t.Helper()
	handle, err := keyset.NewHandle(template)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnfitRing_IsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	_, keys := setup(t)
	const material = "SECRETKEYMATERIAL"
	for name, unfit := range map[string][]byte{
		"empty":            nil,
		"not JSON":         []byte(material),
		"wrong field":      []byte(`{"` + material + `":1}`),
		"bad key material": []byte(`{"primaryKeyId":1,"key":[{"keyId":1,"keyData":{"value":"` + material + `!"}}]}`),
		"no keys":          []byte(`{"primaryKeyId":1,"key":[]}`),
		"cut":              keys[:len(keys)-2],
		"128 bits":         keysetOf(t, aead.AES128GCMKeyTemplate()),
		"no key prefix":    keysetOf(t, aead.AES256GCMNoPrefixKeyTemplate()),
		"another cipher":   keysetOf(t, aead.XChaCha20Poly1305KeyTemplate()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, use := range map[string]func([]byte) error{
				"open":   func(k []byte) error { _, err := seal.Open(k); return err },
				"rotate": func(k []byte) error { _, err := seal.Rotate(k); return err },
			} {
				err := use(unfit)
				if err == nil {
					t.Errorf("%s: no error", what)
				} else if strings.Contains(err.Error(), material) {
					t.Errorf("%s: the error quotes the ring: %v", what, err)
				}
			}
		})
	}
}
