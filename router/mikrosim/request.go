package mikrosim

import (
	"strconv"
	"strings"
	"time"
)

// request is one command sentence, taken apart.
type request struct {
	path, verb string
	tag        string
	tagged     bool
	// names keeps the attributes in the order in which they came; args their last value.
	names   []string
	args    map[string]string
	queries []string
}

// parseRequest takes the words of a sentence apart. A word that is none of attribute, API attribute or query is answered
// with a trap.
func parseRequest(words []string) (request, *trap) {
	req := request{args: make(map[string]string, len(words))}
	cut := max(0, strings.LastIndexByte(words[0], '/'))
	req.path, req.verb = words[0][:cut], strings.TrimPrefix(words[0][cut:], "/")
	var wrong *trap
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, ".tag="):
			req.tag, req.tagged = strings.TrimPrefix(w, ".tag="), true
		case strings.HasPrefix(w, "="):
			name, value, _ := strings.Cut(w[1:], "=")
			req.names = append(req.names, name)
			req.args[name] = value
		case strings.HasPrefix(w, "?"):
			req.queries = append(req.queries, w)
		default:
			wrong = &trap{category: 0, message: "unknown parameter"}
		}
	}
	return req, wrong
}

// sentence is the words of one answer, without the tag.
type sentence []string

// reply is everything that answers one command.
type reply struct {
	sentences []sentence
	// repeat, if set, makes the reply start again after that time, with fresh sentences, until it is cancelled.
	every  time.Duration
	repeat func() []sentence
	// hangUp closes the connection after the last sentence.
	hangUp bool
}

// trap is a refusal in RouterOS' words. Category -1 leaves the category out, as RouterOS does for failures of an item.
type trap struct {
	category int
	message  string
}

const noCategory = -1

func failure(message string) *trap { return &trap{noCategory, message} }

func (t *trap) reply() reply {
	s := sentence{"!trap"}
	if t.category != noCategory {
		s = append(s, "=category="+strconv.Itoa(t.category))
	}
	return reply{sentences: []sentence{append(s, "=message="+t.message), {"!done"}}}
}

func done(words ...string) reply {
	return reply{sentences: []sentence{append(sentence{"!done"}, words...)}}
}

// fatal is the bare-word form in which RouterOS ends a connection.
func fatal(reason string) reply {
	return reply{sentences: []sentence{{"!fatal", reason}}, hangUp: true}
}
