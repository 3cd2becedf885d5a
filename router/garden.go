package router

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"qserve/account"
	"qserve/router/routeros"
)

const listMenu = "/ip/firewall/address-list"

// ActiveList is the address list that a CoA names to take a session out of [account.GardenList]: RouterOS replaces the
// list that a session has, and has no way to say none. No firewall rule should use it.
const ActiveList = "qserve-active"

// inGarden is how an address is in account.GardenList on a router.
type inGarden struct {
	dynamic bool           // by its session: RADIUS or a PPP profile put it there
	own     []routeros.Row // entries with Qserve's marker, enabled or not
	foreign bool           // by somebody's hand
}

// effective reports whether the firewall finds the address in the list.
func (g inGarden) effective() bool {
	return g.dynamic || g.foreign || slices.ContainsFunc(g.own, func(r routeros.Row) bool { return !r.True("disabled") })
}

// garden looks an address up in account.GardenList. One that is not known is in no list.
func (d *device) garden(ctx context.Context, address netip.Addr) (g inGarden, err error) {
	if !address.IsValid() {
		return g, nil
	}
	rows, err := d.conn.Print(ctx, listMenu, []string{".id", "list", "address", "dynamic", "disabled", "comment"},
		"?address="+address.String(), "?list="+account.GardenList)
	for _, row := range rows {
		if row["list"] != account.GardenList || !sameAddress(row["address"], address.String()) {
			continue
		}
		_, ours := parseMarker(row["comment"])
		switch {
		case row.True("dynamic"):
			g.dynamic = true
		case ours:
			g.own = append(g.own, row)
		case !row.True("disabled"):
			g.foreign = true
		}
	}
	return g, err
}

// foreignEntry is why an address cannot be taken out of the list.
func foreignEntry(address netip.Addr) error {
	return fmt.Errorf("an entry of %s in the address list %s %w, and keeps the customer in it; remove it: %s/remove "+
		"[find list=%s address=%s]", address, account.GardenList, ErrForeign, listMenu, account.GardenList, address)
}

// enlist makes account.GardenList hold the fixed address of a line, or not, whether or not a session runs.
func (l *local) enlist(ctx context.Context, w Want) error {
	address, err := netip.ParseAddr(w.Line.Address)
	if err != nil {
		return err
	}
	wanted := w.Line.AddressList != ""
	g, err := l.garden(ctx, address)
	if err != nil {
		return err
	}
	if !wanted && g.foreign {
		return foreignEntry(address)
	}
	changed, err := l.putEntry(ctx, w, address, g)
	if err != nil {
		return err
	}
	if changed {
		if g, err = l.garden(ctx, address); err != nil {
			return err
		}
	}
	if g.effective() != wanted {
		return fmt.Errorf("%w: %s in the address list %s", ErrNotConfirmed, address, account.GardenList)
	}
	return nil
}

// putEntry adds, mends or removes the own entry. An entry of an earlier holder of the address is taken over.
func (l *local) putEntry(ctx context.Context, w Want, address netip.Addr, g inGarden) (changed bool, err error) {
	switch {
	case w.Line.AddressList == "":
		return len(g.own) > 0, l.dropEntries(ctx, g.own)
	case g.foreign:
		return false, nil
	case len(g.own) == 0:
		_, err := l.conn.Add(ctx, listMenu, map[string]string{
			"list": account.GardenList, "address": address.String(), "comment": w.mark(),
		})
		if errors.Is(err, routeros.ErrAlreadyExists) {
			err = nil // an earlier attempt whose answer was lost; the look afterwards tells
		}
		return true, err
	}
	entry := g.own[0]
	mark, _ := parseMarker(entry["comment"])
	if mark.provision == w.ProvisionID && !entry.True("disabled") {
		return false, nil
	}
	return true, l.conn.Set(ctx, listMenu, entry.ID(), map[string]string{"comment": w.mark(), "disabled": "no"})
}

// unlist removes the entries of w's provision for any other address than keep, which may be none.
func (d *device) unlist(ctx context.Context, w Want, keep netip.Addr) error {
	rows, err := d.conn.Print(ctx, listMenu, []string{".id", "address", "dynamic", "comment"},
		"?comment="+w.mark(), "?list="+account.GardenList)
	if err != nil {
		return err
	}
	return d.dropEntries(ctx, slices.DeleteFunc(rows, func(r routeros.Row) bool {
		return r["comment"] != w.mark() || r.True("dynamic") || keep.IsValid() && sameAddress(r["address"], keep.String())
	}))
}

func (d *device) dropEntries(ctx context.Context, entries []routeros.Row) error {
	for _, entry := range entries {
		if err := d.conn.Remove(ctx, listMenu, entry.ID()); err != nil && !errors.Is(err, routeros.ErrNoSuchItem) {
			return err
		}
	}
	return nil
}
