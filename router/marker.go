package router

import (
	"fmt"
	"strconv"
	"strings"
)

// ownPrefix begins the comment of every item that Qserve made. Nothing without it is ever changed or removed.
const ownPrefix = "qserve:"

// marker is what the comment of a PPP secret of ours says: which provision it is for, and which generation of it was
// written last. Text that people put behind it is kept.
type marker struct {
	provision int64
	gen       int64
	note      string
}

// parseMarker is tolerant, since people edit comments: whatever begins with the prefix is ours, and what cannot be read
// is 0, which no provision is.
func parseMarker(comment string) (m marker, ours bool) {
	rest, ours := strings.CutPrefix(comment, ownPrefix)
	if !ours {
		return marker{}, false
	}
	id, rest, _ := strings.Cut(rest, " ")
	m.provision, _ = strconv.ParseInt(id, 10, 64)
	first, note, _ := strings.Cut(rest, " ")
	if gen, found := strings.CutPrefix(first, "gen="); found {
		m.gen, _ = strconv.ParseInt(gen, 10, 64)
		rest = note
	}
	m.note = strings.TrimSpace(rest)
	return m, true
}

// same reports whether m was written for generation gen of a provision.
func (m marker) same(provision, gen int64) bool { return m.provision == provision && m.gen == gen }

// oneLine is needed because a comment typed into WinBox may have several lines, which the API client does not send.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")

func (m marker) String() string {
	text := fmt.Sprintf("%s%d gen=%d", ownPrefix, m.provision, m.gen)
	if m.note != "" {
		text += " " + oneLine.Replace(m.note)
	}
	return text
}
