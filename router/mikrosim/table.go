package mikrosim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// item is one row of a menu. Its values change only through its table, which keeps the indexes right.
type item struct {
	id      uint32
	dynamic bool
	values  map[string]string
	// session is what a dynamic item belongs to, if to one.
	session *session
}

func (it *item) ref() string { return fmt.Sprintf("*%X", it.id) }

// table holds the items of one menu in the order of their ids. It is guarded by its router's lock.
type table struct {
	menu   *menu
	lastID uint32
	items  []*item
	byProp map[string]map[string][]*item
}

func newTable(m *menu) *table {
	t := &table{menu: m, lastID: m.baseID, byProp: make(map[string]map[string][]*item)}
	for _, name := range m.index {
		t.byProp[name] = make(map[string][]*item)
	}
	return t
}

// insert adds an item under an id that was never used before, without looking at the menu's rules.
func (t *table) insert(values map[string]string) *item {
	t.lastID++
	it := &item{id: t.lastID, values: values}
	t.items = append(t.items, it)
	for name, index := range t.byProp {
		if v, ok := values[name]; ok {
			index[v] = append(index[v], it)
		}
	}
	return it
}

// delete takes the item out; one that is out already stays out.
func (t *table) delete(it *item) {
	at, found := slices.BinarySearchFunc(t.items, it.id, func(e *item, id uint32) int { return cmp.Compare(e.id, id) })
	if !found {
		return
	}
	t.items = slices.Delete(t.items, at, at+1)
	for name := range t.byProp {
		t.unindex(name, it)
	}
}

// put sets values of an item; an empty value of a property without an initial one makes it absent.
func (t *table) put(it *item, values map[string]string) {
	for name, v := range values {
		index := t.byProp[name]
		if index != nil {
			t.unindex(name, it)
		}
		if v == "" {
			delete(it.values, name)
			continue
		}
		it.values[name] = v
		if index != nil {
			index[v] = append(index[v], it)
		}
	}
}

func (t *table) unindex(name string, it *item) {
	v, ok := it.values[name]
	if !ok {
		return
	}
	index := t.byProp[name]
	rest := slices.DeleteFunc(index[v], func(e *item) bool { return e == it })
	if len(rest) == 0 {
		delete(index, v)
		return
	}
	index[v] = rest
}

// named returns the item of that name, or nil.
func (t *table) named(name string) *item {
	if found := t.byProp["name"][name]; len(found) > 0 {
		return found[0]
	}
	return nil
}

// find returns the item that a client selects by id (*1F) or, where items have names, by name.
func (t *table) find(selector string) *item {
	hex, isID := strings.CutPrefix(selector, "*")
	if !isID {
		return t.named(selector)
	}
	id, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return nil
	}
	at, found := slices.BinarySearchFunc(t.items, uint32(id), func(e *item, id uint32) int { return cmp.Compare(e.id, id) })
	if !found {
		return nil
	}
	return t.items[at]
}

// conflict reports whether an item other than it already has the unique values that it would have after the change.
func (t *table) conflict(it *item, change map[string]string) bool {
	unique := t.menu.unique
	touches := slices.ContainsFunc(unique, func(name string) bool { _, ok := change[name]; return ok })
	if !touches {
		return false
	}
	after := maps.Clone(change)
	if it != nil {
		for _, name := range unique {
			if _, ok := after[name]; !ok {
				after[name] = it.values[name]
			}
		}
	}
	for _, other := range t.byProp[unique[0]][after[unique[0]]] {
		same := func(name string) bool { return other.values[name] == after[name] }
		if other != it && !slices.ContainsFunc(unique[1:], func(name string) bool { return !same(name) }) {
			return true
		}
	}
	return false
}

// namesAll reports whether a change gives every unique property, so that only one item can take it.
func (t *table) namesAll(change map[string]string) bool {
	missing := func(name string) bool { _, ok := change[name]; return !ok }
	return len(t.menu.unique) > 0 && !slices.ContainsFunc(t.menu.unique, missing)
}

// value returns a property as a client may see it; false if it is absent or hidden.
func (r *Router) value(it *item, p property) (string, bool) {
	switch {
	case p.hidden:
		return "*****", r.cfg.MaskPasswords && p.name == "password" && it.values[p.name] != ""
	case p.live != nil:
		return p.live(r, it), true
	}
	v, ok := it.values[p.name]
	return v, ok
}
