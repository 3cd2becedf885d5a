package mikrosim

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// match evaluates the query words of a print against one item, with the stack machine of the RouterOS manual (API,
// "Queries"): every word pushes a truth value or works on the stack, and what is left must be all true. ok is false for a
// word that is no query.
func (r *Router) match(t *table, it *item, queries []string) (matched, ok bool) {
	var stack []bool
	for _, q := range queries {
		if ops, is := strings.CutPrefix(q, "?#"); is {
			if stack, ok = operate(stack, ops); !ok {
				return false, false
			}
			continue
		}
		v, valid := r.term(t, it, strings.TrimPrefix(q, "?"))
		if !valid {
			return false, false
		}
		stack = append(stack, v)
	}
	return !slices.Contains(stack, false), true
}

// term evaluates one word without its question mark: name, -name, name=x, =name=x, <name=x or >name=x.
func (r *Router) term(t *table, it *item, term string) (matched, ok bool) {
	if term == "" {
		return false, false
	}
	op := byte('=')
	if strings.IndexByte("-=<>", term[0]) >= 0 {
		op, term = term[0], term[1:]
	}
	name, want, compared := strings.Cut(term, "=")
	have, present := r.lookup(t, it, name)
	switch {
	case op == '-':
		return !present, !compared
	case !compared:
		return present, op == '='
	case !present:
		return false, true
	}
	if p, known := t.menu.prop(name); known && p.parse != nil {
		if v, valid := p.parse(r, want); valid {
			want = v
		}
	}
	switch c := compare(have, want); op {
	case '<':
		return c < 0, true
	case '>':
		return c > 0, true
	default:
		return have == want, true
	}
}

func (r *Router) lookup(t *table, it *item, name string) (string, bool) {
	if name == ".id" {
		return it.ref(), !t.menu.singleton
	}
	p, known := t.menu.prop(name)
	if !known {
		return "", false
	}
	return r.value(it, p)
}

// operate applies the operators of one ?# word to the stack. A number before another operator pushes a copy of the value
// at that depth (0 is the top), at the end of the word it leaves only that value.
func operate(stack []bool, ops string) ([]bool, bool) {
	for i := 0; i < len(ops); i++ {
		top := len(stack) - 1
		switch c := ops[i]; {
		case c >= '0' && c <= '9':
			end := i
			for end < len(ops) && ops[end] >= '0' && ops[end] <= '9' {
				end++
			}
			depth, err := strconv.Atoi(ops[i:end])
			if err != nil || depth > top {
				return nil, false
			}
			if end == len(ops) {
				return []bool{stack[top-depth]}, true
			}
			stack = append(stack, stack[top-depth])
			i = end - 1
			if ops[end] == '.' {
				i = end
			}
		case c == '.' && top >= 0:
			stack = append(stack, stack[top])
		case c == '!' && top >= 0:
			stack[top] = !stack[top]
		case c == '&' && top >= 1:
			stack = append(stack[:top-1], stack[top-1] && stack[top])
		case c == '|' && top >= 1:
			stack = append(stack[:top-1], stack[top-1] || stack[top])
		default:
			return nil, false
		}
	}
	return stack, true
}

// candidates returns the items that a print has to look at: those of an index when one of the words, all of which must
// hold, asks for an exact indexed value.
func (t *table) candidates(queries []string) []*item {
	if slices.ContainsFunc(queries, func(q string) bool { return strings.HasPrefix(q, "?#") }) {
		return t.items
	}
	for _, q := range queries {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(q, "?"), "="), "=")
		switch {
		case !ok:
		case name == ".id":
			if it := t.find(value); it != nil && strings.HasPrefix(value, "*") {
				return []*item{it}
			}
			return nil
		case t.byProp[name] != nil:
			return t.byProp[name][value]
		}
	}
	return t.items
}

// compare orders numbers and addresses by value and everything else by its bytes.
func compare(a, b string) int {
	if x, err := strconv.ParseInt(a, 10, 64); err == nil {
		if y, err := strconv.ParseInt(b, 10, 64); err == nil {
			return cmp.Compare(x, y)
		}
	}
	if x, err := netip.ParseAddr(a); err == nil {
		if y, err := netip.ParseAddr(b); err == nil {
			return x.Compare(y)
		}
	}
	return strings.Compare(a, b)
}
