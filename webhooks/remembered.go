package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"qserve/db"
)

// rememberedName is the file beside the spooled deliveries that holds the sources as the database last had them, so
// that a machine which comes up before its database knows whose deliveries to spool.
const rememberedName = "sources.known"

// remembered is what that file holds, sealed as a whole; the secrets in it are sealed once more, as in the database.
type remembered struct {
	Sources []db.PaymentSource
	Secrets []db.SourceSecret
}

// remember keeps the sources for the next start.
func (s *spool) remember(r remembered) error {
	plain, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the payment sources as JSON: %w", err)
	}
	sealed, err := s.keys.Seal(plain, spoolRow(rememberedName))
	if err != nil {
		return fmt.Errorf("seal the payment sources: %w", err)
	}
	return s.keep(rememberedName, sealed)
}

// recall returns the sources that the last process here knew; none when there was none.
func (s *spool) recall() (remembered, error) {
	sealed, err := os.ReadFile(filepath.Join(s.dir, rememberedName))
	if errors.Is(err, fs.ErrNotExist) {
		return remembered{}, nil
	}
	if err != nil {
		return remembered{}, fmt.Errorf("read the payment sources of the last start: %w", err)
	}
	plain, err := s.keys.Open(sealed, spoolRow(rememberedName))
	if err != nil {
		return remembered{}, fmt.Errorf("open the payment sources of the last start: %w", err)
	}
	var r remembered
	if err := json.Unmarshal(plain, &r); err != nil {
		return remembered{}, fmt.Errorf("%s holds no payment sources", rememberedName)
	}
	return r, nil
}
