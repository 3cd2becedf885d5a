package mikrosim

import (
	"slices"
	"strconv"
	"strings"
)

var (
	trapNoCommand = &trap{0, "no such command"}
	trapNoItem    = failure("no such item (4)")
	trapNoID      = &trap{0, "missing =.id="}
	trapPolicy    = failure("not enough permissions (9)")
)

// writing lists the commands that change something and need the write policy.
var writing = map[string]bool{"add": true, "set": true, "unset": true, "remove": true, "enable": true, "disable": true}

// execute runs one command of a logged-in client and returns its answer. The router's lock is held.
func (r *Router) execute(req request) reply {
	t, ok := r.tables[req.path]
	if !ok {
		return trapNoCommand.reply()
	}
	r.counters.countCommand(req.path, req.verb)
	if custom := t.menu.custom[req.verb]; custom != nil {
		return custom(r, req)
	}
	switch {
	case req.verb == "print" || req.verb == "getall":
		return r.print(t, req)
	case !slices.Contains(t.menu.verbs, req.verb):
		return trapNoCommand.reply()
	case writing[req.verb] && r.fault.Kind == FaultDenyWrite:
		return trapPolicy.reply()
	}
	var answer string
	var refused *trap
	switch req.verb {
	case "add":
		answer, refused = r.add(t, req)
	case "set":
		refused = r.set(t, req)
	case "unset":
		refused = r.unset(t, req)
	case "enable":
		refused = r.change(t, req, map[string]string{"disabled": "false"})
	case "disable":
		refused = r.change(t, req, map[string]string{"disabled": "true"})
	default:
		refused = r.remove(t, req)
	}
	r.notify()
	switch {
	case refused != nil:
		return refused.reply()
	case answer != "":
		return done("=ret=" + answer)
	}
	return done()
}

func (r *Router) print(t *table, req request) reply {
	wanted := map[string]bool{}
	list, limited := req.args[".proplist"]
	for name := range strings.SplitSeq(list, ",") {
		wanted[name] = true
	}
	_, countOnly := req.args["count-only"]
	rows := []sentence{}
	count := 0
	for _, it := range t.candidates(req.queries) {
		matched, ok := r.match(t, it, req.queries)
		switch {
		case !ok:
			return (&trap{1, "bad query word"}).reply()
		case !matched:
			continue
		case countOnly:
			count++
			continue
		}
		row := sentence{"!re"}
		if !t.menu.singleton && (!limited || wanted[".id"]) {
			row = append(row, "=.id="+it.ref())
		}
		for _, p := range t.menu.props {
			if limited && !wanted[p.name] {
				continue
			}
			if v, present := r.value(it, p); present {
				row = append(row, "="+p.name+"="+v)
			}
		}
		rows = append(rows, row)
	}
	if countOnly {
		return done("=ret=" + strconv.Itoa(count))
	}
	if len(rows) == 0 && versionAtLeast(r.cfg.Version, 7, 18) {
		rows = append(rows, sentence{"!empty"})
	}
	return reply{sentences: append(rows, sentence{"!done"})}
}

// values checks the attributes of add and set against the menu and returns what the item would hold.
func (r *Router) values(t *table, req request) (map[string]string, *trap) {
	values := make(map[string]string, len(req.names)+len(t.menu.props))
	for _, name := range req.names {
		if name == ".id" || name == "numbers" {
			continue
		}
		p, known := t.menu.prop(name)
		if !known || p.readOnly {
			return nil, &trap{0, "unknown parameter " + name}
		}
		v := req.args[name]
		if p.required && v == "" {
			return nil, &trap{1, "invalid value for argument " + name}
		}
		if p.parse != nil {
			parsed, ok := p.parse(r, v)
			switch {
			case !ok && p.choice:
				return nil, &trap{1, "input does not match any value of " + name}
			case !ok:
				return nil, &trap{1, "invalid value for argument " + name}
			}
			v = parsed
		}
		values[name] = v
	}
	return values, nil
}

func (r *Router) add(t *table, req request) (string, *trap) {
	values, refused := r.values(t, req)
	if refused != nil {
		return "", refused
	}
	for _, p := range t.menu.props {
		v, given := values[p.name]
		switch {
		case p.required && !given:
			return "", &trap{1, "missing value(s) of argument(s) " + p.name}
		case !given && p.initial != "":
			values[p.name] = p.initial
		case given && v == "":
			delete(values, p.name)
		}
	}
	if t.conflict(nil, values) {
		return "", failure(t.menu.taken)
	}
	return t.insert(values).ref(), nil
}

func (r *Router) set(t *table, req request) *trap {
	values, refused := r.values(t, req)
	if refused != nil {
		return refused
	}
	return r.change(t, req, values)
}

func (r *Router) unset(t *table, req request) *trap {
	values := make(map[string]string)
	for name := range strings.SplitSeq(req.args["value-name"], ",") {
		p, known := t.menu.prop(name)
		if !known || p.readOnly || p.required {
			return &trap{0, "unknown parameter " + name}
		}
		values[name] = p.initial
	}
	return r.change(t, req, values)
}

// change puts values into every selected item. Items that exist are changed even if others of the list do not.
func (r *Router) change(t *table, req request, values map[string]string) *trap {
	items, missing, refused := t.selected(req, "change", false)
	if refused != nil {
		return refused
	}
	if len(items) > 1 && t.namesAll(values) {
		return failure(t.menu.taken)
	}
	for _, it := range items {
		if t.conflict(it, values) {
			return failure(t.menu.taken)
		}
	}
	for _, it := range items {
		old := it.values["name"]
		t.put(it, values)
		if t.menu.renamed != nil && it.values["name"] != old {
			t.menu.renamed(r, it, old)
		}
	}
	return missing
}

func (r *Router) remove(t *table, req request) *trap {
	items, missing, refused := t.selected(req, "remove", t.menu.removable)
	if refused != nil {
		return refused
	}
	for _, it := range items {
		if slices.Contains(t.menu.fixed, it.values["name"]) {
			return failure("failure: can not remove default " + t.menu.noun)
		}
	}
	for _, it := range items {
		t.delete(it)
		if t.menu.removed != nil {
			t.menu.removed(r, it)
		}
	}
	return missing
}

// selected returns the items that .id or numbers name. missing is what to answer afterwards when some do not exist;
// refused when nothing may be done: the selector is empty or an item is dynamic and not to be touched.
func (t *table) selected(req request, act string, dynamicToo bool) (items []*item, missing, refused *trap) {
	list := req.args[".id"]
	if list == "" {
		list = req.args["numbers"]
	}
	if list == "" {
		return nil, nil, trapNoID
	}
	for selector := range strings.SplitSeq(list, ",") {
		it := t.find(selector)
		switch {
		case it == nil:
			missing = trapNoItem
		case it.dynamic && !dynamicToo:
			return nil, nil, failure("failure: can not " + act + " dynamic " + t.menu.noun)
		case !slices.Contains(items, it):
			items = append(items, it)
		}
	}
	return items, missing, nil
}
