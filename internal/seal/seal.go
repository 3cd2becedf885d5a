// Package seal encrypts the secrets that Qserve has to keep: PPPoE and router passwords, RADIUS secrets, webhook keys.
//
// A sealed value opens only with the ring that sealed it and only for the row it was sealed for: the row's identity is
// authenticated with the value (AES-256-GCM's associated data), so a password copied into another row, by hand or by an
// attacker who can write to the database, does not open there. No error carries the plain value or key material.
//
// The ring is a Tink keyset in clear JSON. Keeping it out of the database and its backups is left to the operator
// (QSERVE_KEYS_FILE), and naming a row ("routers.7.api_password") to the caller.
package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrOpen means that a sealed value did not open: it is damaged, was sealed for another row, or its key is not in the
// ring. Which of these it was cannot be told apart.
var ErrOpen = errors.New("sealed value does not open: wrong row, wrong keys or damaged")

// errRow catches a caller that forgot the binding, which would make its values movable.
var errRow = errors.New("a sealed value needs the identity of its row")

const (
	keySize = 32 // bytes; AES-256
	ivSize  = 12 // bytes; NIST SP 800-38D §5.2.1.1 recommends 96 bits
	tagSize = 16 // bytes; the longest that GCM has
)

// Ring holds the keys: the primary one seals, all of them open. It is safe for use by many goroutines.
type Ring struct {
	aead    tink.AEAD
	primary []byte
}

// Open reads a ring from a Tink JSON keyset. Every key in it must be what New makes: AES-256-GCM with Tink's key prefix.
func Open(keysetJSON []byte) (*Ring, error) {
	handle, err := read(keysetJSON)
	if err != nil {
		return nil, err
	}
	cipher, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("use the key ring: %w", err)
	}
	return &Ring{aead: cipher, primary: prefix(handle.KeysetInfo().GetPrimaryKeyId())}, nil
}

// New returns a fresh ring of one key, as a Tink JSON keyset on one line.
func New() ([]byte, error) {
	return addPrimary(keyset.NewManager())
}

// Rotate returns the ring with one more key, which becomes the primary. What the older keys sealed still opens, and is
// Stale until it has been sealed anew.
func Rotate(keysetJSON []byte) ([]byte, error) {
	handle, err := read(keysetJSON)
	if err != nil {
		return nil, err
	}
	return addPrimary(keyset.NewManagerFromHandle(handle))
}

// Seal encrypts plain for the row of that identity, which must not be empty. The result is 33 bytes longer than plain.
func (r *Ring) Seal(plain []byte, row string) ([]byte, error) {
	if row == "" {
		return nil, errRow
	}
	sealed, err := r.aead.Encrypt(plain, []byte(row))
	if err != nil {
		return nil, fmt.Errorf("seal a value of %s: %w", row, err)
	}
	return sealed, nil
}

// Open decrypts what Seal returned for the same row. Whatever is wrong with the value, the error is ErrOpen with the
// row's name.
func (r *Ring) Open(sealed []byte, row string) ([]byte, error) {
	if row == "" {
		return nil, errRow
	}
	plain, err := r.aead.Decrypt(sealed, []byte(row))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", row, ErrOpen)
	}
	return plain, nil
}

// Stale reports whether sealed was sealed by another key than the primary one, and so should be sealed anew before
// that key can be taken off the ring. It does not check that the value opens.
func (r *Ring) Stale(sealed []byte) bool {
	return !bytes.HasPrefix(sealed, r.primary)
}

// prefix is what Tink's wire format puts before a value sealed by that key: its version, 1, and the key's number.
func prefix(key uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{1}, key)
}

// read parses a keyset and refuses keys of another kind. The parser's error is not passed on because it quotes what it
// stumbled over, which may be a key.
func read(keysetJSON []byte) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(keysetJSON)))
	if err != nil {
		return nil, errors.New(`the key ring is no Tink JSON keyset, which looks like {"primaryKeyId":1,"key":[…]}`)
	}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("read key %d of %d of the key ring: %w", i+1, handle.Len(), err)
		}
		key, ok := entry.Key().(*aesgcm.Key)
		if !ok {
			return nil, fmt.Errorf("key %d of the key ring is no AES-256-GCM key", entry.KeyID())
		}
		have, isGCM := key.Parameters().(*aesgcm.Parameters)
		if !isGCM || have.KeySizeInBytes() != keySize || have.Variant() != aesgcm.VariantTink {
			return nil, fmt.Errorf("key %d of the key ring is no AES-256-GCM key with Tink's prefix", entry.KeyID())
		}
	}
	return handle, nil
}

func addPrimary(manager *keyset.Manager) ([]byte, error) {
	parameters, err := aesgcm.NewParameters(aesgcm.ParametersOpts{
		KeySizeInBytes: keySize,
		IVSizeInBytes:  ivSize,
		TagSizeInBytes: tagSize,
		Variant:        aesgcm.VariantTink,
	})
	if err != nil {
		return nil, fmt.Errorf("describe a new key: %w", err)
	}
	id, err := manager.AddNewKeyFromParameters(parameters)
	if err != nil {
		return nil, fmt.Errorf("make a new key: %w", err)
	}
	if err := manager.SetPrimary(id); err != nil {
		return nil, fmt.Errorf("make key %d the primary: %w", id, err)
	}
	handle, err := manager.Handle()
	if err != nil {
		return nil, fmt.Errorf("close the key ring: %w", err)
	}
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&out)); err != nil {
		return nil, fmt.Errorf("write the key ring: %w", err)
	}
	return out.Bytes(), nil
}
