package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"qserve/account"
	"qserve/router/routeros"
)

const queueMenu = "/queue/simple"

// queueName is that of the queue which mode local keeps for a user name with a fixed address. RouterOS lets nobody
// change the dynamic queue of a session; this one can be changed while the session runs.
func queueName(username string) string { return "qserve-" + username }

// queueDefaults are the properties of an own queue that come from the rate, as RouterOS shows them when nothing is set.
var queueDefaults = map[string]string{
	"max-limit": "0/0", "burst-limit": "0/0", "burst-threshold": "0/0", "burst-time": "0s/0s", "priority": "8/8", "limit-at": "0/0",
}

// queueLimits spells a rate out as a simple queue holds it. What the rate leaves out of a burst is what RouterOS takes
// for it in a rate-limit (RouterOS manual, "PPP AAA"): the rate as threshold, one second as time.
func queueLimits(rate account.Rate) map[string]string {
	limits := maps.Clone(queueDefaults)
	names := []string{"max-limit", "burst-limit", "burst-threshold", "burst-time", "priority", "limit-at"}
	fields := strings.Fields(string(rate))
	for i, field := range fields {
		first, second, both := strings.Cut(field, "/")
		if !both {
			second = first
		}
		if names[i] == "burst-time" {
			first, second = first+"s", second+"s"
		}
		limits[names[i]] = first + "/" + second
	}
	if canonicalLimit(limits["burst-limit"]) != "0/0" {
		if len(fields) < 3 {
			limits["burst-threshold"] = limits["max-limit"]
		}
		if len(fields) < 4 {
			limits["burst-time"] = "1s/1s"
		}
	}
	return limits
}

// queue is every property that Qserve sets. Its comment has no generation: what it holds can be read back.
func (w Want) queue() map[string]string {
	queue := queueLimits(w.Line.Rate)
	queue["name"], queue["target"], queue["disabled"] = queueName(w.Username), w.Line.Address+"/32", "no"
	queue["comment"] = w.mark()
	return queue
}

// mark is the comment of what belongs to w besides its secret.
func (w Want) mark() string { return ownPrefix + strconv.FormatInt(w.ProvisionID, 10) }

// ownQueue reads the queue that Qserve keeps for a user name: nil when there is none, ErrForeign when the name is
// another's.
func (d *device) ownQueue(ctx context.Context, username string) (routeros.Row, error) {
	name := queueName(username)
	properties := append([]string{".id", "name", "target", "disabled", "dynamic", "comment"}, slices.Sorted(maps.Keys(queueDefaults))...)
	rows, err := d.conn.Print(ctx, queueMenu, properties, "?name="+name)
	for _, row := range rows {
		if row["name"] != name {
			continue
		}
		if _, ours := parseMarker(row["comment"]); !ours || row.True("dynamic") {
			return nil, fmt.Errorf("a simple queue of the name %q %w; rename or remove it: "+
				"/queue/simple/set [find name=%s] name=…", name, ErrForeign, quoted(name))
		}
		return row, nil
	}
	return nil, err
}

// queueDifference returns the first property in which the router's queue is not as wanted.
func queueDifference(row routeros.Row, want map[string]string) string {
	for _, property := range slices.Sorted(maps.Keys(want)) {
		if !queueHolds(row, want, property) {
			return property
		}
	}
	return ""
}

func queueHolds(row routeros.Row, want map[string]string, property string) bool {
	switch have, should := row[property], want[property]; property {
	case "name":
		return have == should
	case "target":
		return queueTarget(row) == queueTarget(want)
	case "disabled":
		return !row.True("disabled")
	case "comment":
		mark, _ := parseMarker(have)
		wanted, _ := parseMarker(should)
		return mark.provision == wanted.provision
	default:
		return canonicalLimit(cmp.Or(have, queueDefaults[property])) == canonicalLimit(should)
	}
}

// queueTarget is the one address that a queue is for, invalid for anything else.
func queueTarget(row map[string]string) netip.Addr {
	if prefix, err := netip.ParsePrefix(row["target"]); err == nil && prefix.IsSingleIP() {
		return prefix.Addr()
	}
	address, _ := netip.ParseAddr(row["target"])
	return address
}

// canonicalLimit spells out a pair that may be written in several ways: 5M/10M and 5000000/10000000, 60s/60s and 1m/1m.
func canonicalLimit(pair string) string {
	halves := strings.Split(pair, "/")
	for i, half := range halves {
		if period, ok := parseUptime(half); ok {
			halves[i] = period.String()
		} else if upload, _ := account.Rate(half).Pair(); upload != 0 {
			halves[i] = strconv.FormatInt(upload, 10)
		}
	}
	return strings.Join(halves, "/")
}

// putQueue makes the router have the queue of a line with a fixed address, and reads it back.
func (l *local) putQueue(ctx context.Context, w Want) error {
	want := w.queue()
	row, err := l.ownQueue(ctx, w.Username)
	if err != nil {
		return err
	}
	if row == nil || queueTarget(row) != queueTarget(want) {
		// There may have been another address, and it may be in the garden.
		if err := l.unlist(ctx, w, queueTarget(want)); err != nil {
			return err
		}
	}
	if row == nil {
		if _, err = l.conn.Add(ctx, queueMenu, want); err != nil && !errors.Is(err, routeros.ErrAlreadyExists) {
			return err
		}
		if row, err = l.ownQueue(ctx, w.Username); err != nil {
			return err
		}
		if row == nil {
			return fmt.Errorf("%w: the simple queue was added and is not there", ErrNotConfirmed)
		}
	}
	if queueDifference(row, want) == "" {
		return nil
	}
	change := maps.Clone(want)
	maps.DeleteFunc(change, func(property, _ string) bool { return queueHolds(row, want, property) })
	if err := l.conn.Set(ctx, queueMenu, row.ID(), change); err != nil {
		return err
	}
	if row, err = l.ownQueue(ctx, w.Username); err != nil {
		return err
	}
	if off := queueDifference(row, want); off != "" {
		return fmt.Errorf("%w: %s of the simple queue is %q instead of %q", ErrNotConfirmed, off, row[off], want[off])
	}
	return nil
}

// release removes what Qserve keeps on the router for a fixed address: the address-list entries, and then the queue. A
// foreign queue of that name is no matter here.
func (d *device) release(ctx context.Context, w Want) error {
	if err := d.unlist(ctx, w, netip.Addr{}); err != nil {
		return err
	}
	queue, err := d.ownQueue(ctx, w.Username)
	if errors.Is(err, ErrForeign) || err == nil && queue == nil {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.conn.Remove(ctx, queueMenu, queue.ID()); err != nil && !errors.Is(err, routeros.ErrNoSuchItem) {
		return err
	}
	if queue, err = d.ownQueue(ctx, w.Username); err == nil && queue != nil {
		err = fmt.Errorf("%w: the simple queue is still there", ErrNotConfirmed)
	}
	return err
}
