package mikrosim

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// property describes one property of a menu's items.
type property struct {
	name string
	// parse returns the value as the router keeps it, or false for one it refuses. Nil takes any text.
	parse func(r *Router, value string) (string, bool)
	// initial is the value of a new item; empty means the property is absent until it is set.
	initial string
	// choice tells that a refused value is answered as a choice that does not exist rather than as a bad value.
	choice bool
	// required properties must be given when an item is added.
	required bool
	// readOnly properties cannot be given by a client.
	readOnly bool
	// hidden properties are never returned: absent, or masked where Config says so.
	hidden bool
	// live computes the value at the time of reading.
	live func(r *Router, it *item) string
}

// menu describes one menu of the command tree: which items it has and which commands it knows besides print.
type menu struct {
	path  string
	props []property
	verbs []string
	// unique lists the properties that no two items may share all at once, taken the trap for an attempt. The first is
	// indexed.
	unique []string
	taken  string
	// index lists the properties that can be looked up without a scan.
	index []string
	// singleton menus hold one row, without an id.
	singleton bool
	// noun names an item of the menu in refusals of changes to dynamic items.
	noun string
	// removable menus let a client remove dynamic items.
	removable bool
	// baseID is the number that the ids of the menu count up from.
	baseID uint32
	// fixed names the items that cannot be removed.
	fixed []string
	// renamed and removed run after a change, to carry what refers to the item along.
	renamed func(r *Router, it *item, old string)
	removed func(r *Router, it *item)
	// custom holds the commands that only this menu has.
	custom map[string]func(r *Router, req request) reply
}

func (m *menu) prop(name string) (property, bool) {
	i := slices.IndexFunc(m.props, func(p property) bool { return p.name == name })
	if i < 0 {
		return property{}, false
	}
	return m.props[i], true
}

func text(name string) property { return property{name: name} }

func readOnly(name string) property { return property{name: name, readOnly: true} }

func required(p property) property { p.required = true; return p }

func initial(p property, value string) property { p.initial = value; return p }

func flag(name string) property {
	return property{name: name, initial: "false", parse: func(_ *Router, v string) (string, bool) { return parseBool(v) }}
}

func number(name string) property {
	return property{name: name, parse: func(_ *Router, v string) (string, bool) {
		_, err := strconv.ParseUint(v, 10, 63)
		return v, err == nil
	}}
}

// option takes one of the given words.
func option(name, first string, others ...string) property {
	words := append([]string{first}, others...)
	return property{name: name, initial: first, choice: true, parse: func(_ *Router, v string) (string, bool) {
		return v, slices.Contains(words, v)
	}}
}

// existing takes the name of an item of another menu.
func existing(name, path, first string) property {
	return property{name: name, initial: first, choice: true, parse: func(r *Router, v string) (string, bool) {
		return v, r.tables[path].named(v) != nil
	}}
}

// addressOrPool takes an IP address or the name of a pool. It is cleared with unset, not with an empty value.
func addressOrPool(name string) property {
	return property{name: name, parse: func(r *Router, v string) (string, bool) {
		_, err := netip.ParseAddr(v)
		return v, err == nil || r.pools[v] != nil
	}}
}

func mac(name string) property {
	return property{name: name, parse: func(_ *Router, v string) (string, bool) {
		_, err := net.ParseMAC(v)
		return v, v == "" || err == nil && v == strings.ToUpper(v)
	}}
}

// rateText takes the grammar of Mikrotik-Rate-Limit.
func rateText(name string) property {
	return property{name: name, parse: func(_ *Router, v string) (string, bool) {
		_, ok := parseRate(v)
		return v, v == "" || ok
	}}
}

// bitPair takes upload/download in bit/s, with units, and keeps plain digits.
func bitPair(name string) property {
	return property{name: name, initial: "0/0", parse: func(_ *Router, v string) (string, bool) { return parsePair(v) }}
}

// addressRange takes an address, a prefix or a range, and keeps a /32 as its address alone.
func addressRange(name string) property {
	return property{name: name, parse: func(_ *Router, v string) (string, bool) {
		from, to, isRange := strings.Cut(v, "-")
		if isRange {
			_, errFrom := netip.ParseAddr(from)
			_, errTo := netip.ParseAddr(to)
			return v, errFrom == nil && errTo == nil
		}
		if _, err := netip.ParseAddr(v); err == nil {
			return v, true
		}
		p, err := netip.ParsePrefix(v)
		if err == nil && p.IsSingleIP() {
			return p.Addr().String(), true
		}
		return v, err == nil
	}}
}

// queueTarget takes interfaces, addresses and prefixes, separated by commas; an address is kept as a prefix.
func queueTarget(name string) property {
	return property{name: name, parse: func(_ *Router, v string) (string, bool) {
		parts := strings.Split(v, ",")
		for i, part := range parts {
			if a, err := netip.ParseAddr(part); err == nil {
				parts[i] = netip.PrefixFrom(a, a.BitLen()).String()
			} else if _, err := netip.ParsePrefix(part); part == "" || strings.Contains(part, "/") && err != nil {
				return "", false
			}
		}
		return strings.Join(parts, ","), true
	}}
}

func parseBool(v string) (string, bool) {
	switch v {
	case "yes", "true":
		return "true", true
	case "no", "false":
		return "false", true
	}
	return "", false
}
